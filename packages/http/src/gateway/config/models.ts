/** A model: what `defaults`, an instance of resilience4j and its own entry say of its guards. */
import * as RetryBudget from "@switchgear/core/RetryBudget"
import * as ChatModel from "../../ChatModel.ts"
import { type Group, isIn, oneOf } from "./groups.ts"
import { refuseCosts } from "./limits.ts"
import type { Model } from "./model.ts"
import type { Problem } from "./problem.ts"
import { isGroup, type Reader } from "./reader.ts"
import type * as Resilience4j from "./resilience4j.ts"
import { saidBy } from "./said.ts"

/** The options of a model that `defaults` may have. */
export const guards = [
  "breaker",
  "bulkhead",
  "concurrencyLimit",
  "rateLimiter",
  "retry",
  "retryBudget",
  "attemptTimeout",
  "deadline",
  "readerTimeout"
]

/** What a model can name, and what holds where it says nothing. */
export interface Named {
  readonly defaults: Group
  readonly instances: Resilience4j.Instances
  readonly providers: unknown
}

export const modelOf = (
  value: unknown,
  name: string,
  path: Problem["path"],
  { defaults, instances, providers }: Named,
  reader: Reader
): Model | undefined => {
  const { provider, resilience4j, ...own } = reader.group(value, path, ["provider", "model", "resilience4j", ...guards])
  const instance = typeof resilience4j === "string" && isIn(instances, resilience4j)
    ? instances[resilience4j]
    : undefined
  if (resilience4j !== undefined && instance === undefined) {
    reader.refuse([...path, "resilience4j"], `Expected ${oneOf(instances)}, got ${JSON.stringify(resilience4j)}`)
  }
  if (instance?.hasTwoBulkheads) {
    reader.refuse(
      [...path, "resilience4j"],
      `Expected an instance with one bulkhead: ${resilience4j} is in bulkhead and in thread-pool-bulkhead`
    )
  }
  const written: Group = {
    ...merged(merged(defaults, instance?.options ?? {}, capacities), own, capacities),
    model: own.model === undefined ? name : own.model,
    name
  }
  if (value !== null && !isGroup(value)) return undefined
  const placeIn = (keys: Problem["path"]): Problem["path"] =>
    !isWritten(own, keys) && !isWritten(instance?.options ?? {}, keys) && isWritten(defaults, keys)
      ? ["defaults", ...keys]
      : [...path, ...keys]
  const { retryBudget, ...guarding } = written
  const options = reader.decode(ChatModel.OptionsSchema, guarding, path, placeIn)
  refuseCosts(options?.rateLimiter?.limits ?? [], (keys) => placeIn(["rateLimiter", "limits", ...keys]), reader)
  const budget = budgetOf(retryBudget, name, placeIn, reader)
  const of = reader.text(provider, [...path, "provider"])
  if (of !== undefined && !isIn(providers, of)) {
    reader.refuse([...path, "provider"], `Expected ${oneOf(providers)}, got ${JSON.stringify(of)}`)
  }
  return options && of
    ? {
      provider: of,
      options: withRules(options, instance),
      retryBudget: budget,
      initialState: instance?.initialState,
      failsHealth: instance?.failsHealth ?? [],
      said: saidBy(of, written, instance?.said)
    }
    : undefined
}

const budgetOf = (
  value: unknown,
  name: string,
  placeIn: (keys: Problem["path"]) => Problem["path"],
  reader: Reader
): RetryBudget.Options | undefined => {
  if (value === undefined) return undefined
  const given = reader.part(value, placeIn(["retryBudget"]), ["ratio", "floor", "window"])
  return reader.decode(
    RetryBudget.OptionsSchema,
    { name, ...given },
    placeIn(["retryBudget"]),
    (keys) => placeIn(["retryBudget", ...keys])
  )
}

/** The options with what an instance says of errors, which cannot be written. */
const withRules = (options: ChatModel.Options, instance: Resilience4j.Instance | undefined): ChatModel.Options => ({
  ...options,
  ...instance?.countsAs && { countsAs: instance.countsAs },
  ...instance?.retries && { retry: { ...options.retry, while: instance.retries } }
})

/** A model has one of these: who says one for a model takes it in the place of the other. */
const capacities: ReadonlyArray<string> = ["bulkhead", "concurrencyLimit"]

/** The options of each guard one by one: what is not said again stays, but for what is said of another one of a choice. */
const merged = (under: Group, over: Group, choice: ReadonlyArray<string>): Group => {
  const isChosen = choice.some((name) => Object.hasOwn(over, name))
  const kept = Object.entries(under).filter(([name]) =>
    !isChosen || !choice.includes(name) || Object.hasOwn(over, name)
  )
  const result: Record<string, unknown> = Object.fromEntries(kept)
  for (const [name, value] of Object.entries(over)) {
    const before = result[name]
    result[name] = isGroup(before) && isGroup(value) ? { ...before, ...value } : value
  }
  return result
}

/** Whether a group says something of an option, as {@link merged} looks at it. */
const isWritten = (group: Group, [guard, option]: Problem["path"]): boolean => {
  const options = typeof guard === "string" ? group[guard] : undefined
  return isGroup(options) && typeof option === "string" ? Object.hasOwn(options, option) : options !== undefined
}
