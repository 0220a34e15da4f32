/**
 * From the options of a ledger to the rules it keeps. Options from code and from configuration pass the same checks.
 */
import { type BudgetFleet, CurrentBudgetFleet } from "@switchgear/core/runtime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as ChatModel from "../ChatModel.ts"
import type { Budget, Options } from "./options.ts"
import * as Pricing from "../Pricing.ts"
import { constant } from "effect/Function"
import * as Random from "effect/Random"
import { completed, type RequestTokens, requestTokens } from "../pricing/estimateTokens.ts"
import { ModelNames } from "../pricing/modelNames.ts"
import { micros, type Price, priceAt, tierProblem } from "../pricing/money.ts"
import type { Rule } from "./budgetMeter.ts"
import { InvalidOption, PriceMissing } from "./errors.ts"
import { day, type Length } from "./windows.ts"

/** What a ledger goes by. */
export interface Rules {
  readonly prices: Pricing.Catalogue
  readonly names: ModelNames
  readonly primary: Price
  /** The highest prices of those who may answer, for a prompt of so many tokens. */
  readonly highest: (prompt: number) => Price
  readonly perTenant: ReadonlyArray<Rule>
  readonly overall: ReadonlyArray<Rule>
  readonly estimate: (request: ChatModel.Request) => RequestTokens
  readonly tenants: number
  readonly idle: number
  /** What nobody outside knows. */
  readonly seed: number
}

export const rulesOf = (
  options: Options
): Effect.Effect<Rules, InvalidOption | PriceMissing | Pricing.UnknownModel> =>
  Effect.gen(function*() {
    const { prices } = options
    yield* Effect.forEach(Object.entries(prices), ([model, price]) => arePrices(model, price))
    const fleet = yield* CurrentBudgetFleet
    const name = yield* nameOf(options)
    const budgets = yield* Effect.forEach(options.budgets ?? [], (budget, i) => ruleOf(budget, i, fleet, name))
    yield* areDistinct(options.budgets ?? [], budgets)
    const tenants = yield* count("tenants", options.tenants ?? 10_000, 1)
    const assumedOutput = yield* count("assumedOutput", options.assumedOutput ?? 4096, 0)
    const idle = yield* positive("idleTimeToLive", options.idleTimeToLive ?? "1 hour")
    const aliases = Object.entries(options.aliases ?? {})
    yield* Effect.forEach(aliases, ([alias, name]) => isAlias(prices, alias, name))
    const primary = yield* Pricing.priceOf(prices, options.primary)
    const names = new Set([options.primary, ...(options.models ?? Object.keys(prices))])
    const answering = yield* Effect.forEach(names, (model) =>
      Effect.tap(Pricing.priceOf(prices, model), (price) =>
        budgets.length > 0 ? isComplete(model, price) : Effect.void))
    const ours = (request: ChatModel.Request) =>
      requestTokens(request, assumedOutput)
    return {
      prices,
      names: new ModelNames(Object.keys(prices), aliases),
      primary,
      highest: answering.some(({ tiers }) => tiers !== undefined)
        ? (prompt: number) => highestOf(answering.map((price) => priceAt(price, prompt)))
        : constant(highestOf(answering)),
      perTenant: budgets.filter(({ per }) => per === "tenant"),
      overall: budgets.filter(({ per }) => per === "all"),
      estimate: options.estimate === undefined
        ? ours
        : (request) => completed(() => options.estimate!(request), () => ours(request)),
      tenants,
      idle,
      seed: yield* Random.nextInt
    }
  })

/** A price for each part at which a reservation can be made: nobody knows before what of a prompt is cached. */
const highestOf = (prices: ReadonlyArray<Price>): Price => {
  const input = (price: Price) => Math.max(price.input ?? 0, price.cacheWrite ?? 0, price.cacheWrite1h ?? 0)
  return {
    input: Math.max(...prices.map(input)),
    audioInput: Math.max(...prices.map((price) => Math.max(input(price), price.audioInput ?? 0))),
    output: Math.max(...prices.map(({ output, reasoning }) => Math.max(output ?? 0, reasoning ?? 0)))
  }
}

const isAlias = (prices: Pricing.Catalogue, alias: string, name: string): Effect.Effect<void, InvalidOption> => {
  const field = `aliases[${JSON.stringify(alias)}]`
  return !Object.hasOwn(prices, name)
    ? invalid(field, name, `a model of prices, which has ${Object.keys(prices).join(", ") || "none"}`)
    : Object.hasOwn(prices, alias) && alias !== name
    ? invalid(field, name, "left out, because prices has a model of this name")
    : Effect.void
}

const arePrices = (model: string, { tiers, ...price }: Price): Effect.Effect<void, InvalidOption> => {
  const place = `prices[${JSON.stringify(model)}]`
  const disorder = tierProblem(tiers)
  if (disorder !== undefined) return invalid(`${place}.${disorder.field}`, disorder.value, disorder.range)
  const all = [
    ...Object.entries(price).map(([part, micros]) => ({ field: part, micros })),
    ...(tiers ?? []).flatMap(({ above: _, ...tier }, i) =>
      Object.entries(tier).map(([part, micros]) => ({ field: `tiers[${i}].${part}`, micros }))
    )
  ]
  const wrong = all.find(({ micros }) => micros !== undefined && !(Number.isSafeInteger(micros) && micros >= 0))
  return wrong === undefined
    ? Effect.void
    : invalid(`${place}.${wrong.field}`, wrong.micros, "whole micro-dollars of at least 0 for a million tokens")
}

const isComplete = (model: string, price: Price): Effect.Effect<void, PriceMissing> => {
  const part = (["input", "output"] as const).find((part) => price[part] === undefined)
  return part === undefined ? Effect.void : Effect.fail(new PriceMissing({ model, part }))
}

/** It is in keys of the store of a fleet, in which it must not be taken for what comes after it. */
const nameOf = ({ budgets, name }: Options): Effect.Effect<string | undefined, InvalidOption> => {
  const isWritable = typeof name === "string" && /^[^\p{Surrogate}]{1,100}$/su.test(name)
  return isWritable
    ? Effect.succeed(name.replace(/[%:]/g, encodeURIComponent))
    : name !== undefined
    ? invalid("name", name, "a well-formed text of 1 to 100 characters")
    : budgets?.some(({ shared }) => shared === true)
    ? invalid("name", name, "given where a budget is shared")
    : Effect.undefined
}

/** Two budgets of the fleet with one name would be one. */
const areDistinct = (
  budgets: ReadonlyArray<Budget>,
  rules: ReadonlyArray<Rule>
): Effect.Effect<void, InvalidOption> => {
  const seen = new Map<string, number>()
  for (const [i, { per, window }] of rules.entries()) {
    if (budgets[i]!.shared !== true) continue
    const other = seen.get(`${per}:${window}`)
    if (other !== undefined) {
      return invalid(
        `budgets[${i}].window`,
        budgets[i]!.window,
        `another one than that of budgets[${other}], which is shared`
      )
    }
    seen.set(`${per}:${window}`, i)
  }
  return Effect.void
}

/** Sums of a budget that only grow are whole micro-dollars, of which there are nine times as many. */
const mostDollars = 1_000_000_000

const ruleOf = (
  { dollars, per, shared, window }: Budget,
  i: number,
  fleet: BudgetFleet | undefined,
  name: string | undefined
): Effect.Effect<Rule, InvalidOption> => {
  const field = (name: string) => `budgets[${i}].${name}`
  return Effect.gen(function*() {
    if (per !== "tenant" && per !== "all") return yield* invalid(field("per"), per, "one of tenant, all")
    if (dollars > mostDollars) return yield* invalid(field("dollars"), dollars, `at most ${mostDollars} dollars`)
    const limit = micros(dollars) ?? 0
    if (limit === 0) {
      return yield* invalid(field("dollars"), dollars, "a number of dollars above zero with at most six decimals")
    }
    if (shared !== undefined && typeof shared !== "boolean") {
      return yield* invalid(field("shared"), shared, "true or false")
    }
    const length = yield* windowOf(field("window"), window)
    const isShared = shared === true && fleet !== undefined
    return {
      per,
      limit,
      window: length,
      shared: isShared ? { fleet, name: `${name}:${per}:${length}` } : undefined
    }
  })
}

/** Windows of a day, counted from the epoch, are those of the calendar: nodes that name one in different words have one budget. */
const windowOf = (field: string, window: Budget["window"]): Effect.Effect<Length, InvalidOption> =>
  window === "day" || window === "month"
    ? Effect.succeed(window)
    : Effect.map(
      positive(field, window, "day, month or a finite duration of at least a millisecond"),
      (millis) => millis === day ? "day" : millis
    )

const positive = (field: string, value: Duration.Input, range = "a finite duration of at least a millisecond") => {
  const duration = Duration.fromInput(value)
  const millis = duration._tag === "None" ? NaN : Duration.toMillis(duration.value)
  return millis >= 1 && millis < Infinity ? Effect.succeed(millis) : invalid(field, value, range)
}

const count = (field: string, value: number, minimum: number) =>
  Number.isSafeInteger(value) && value >= minimum
    ? Effect.succeed(value)
    : invalid(field, value, `a whole number of at least ${minimum}`)

const invalid = (field: string, value: unknown, range: string): Effect.Effect<never, InvalidOption> =>
  Effect.fail(
    new InvalidOption({ field, value: typeof value === "string" ? JSON.stringify(value) : String(value), range })
  )
