/** The outcomes that calls of a scenario may have, so that a misspelt name is told and does not pass as "never". */
import * as Exit from "effect/Exit"
import * as Predicate from "effect/Predicate"
import { labelOf } from "../load/report.ts"
import { formatCounts } from "../words.ts"
import { firstClass } from "./claims.ts"
import type { Plan } from "./plan.ts"

/**
 * Names an answer: by its degradation, or by the provider that it comes from. Without a provider, the answers of nodes are
 * first class.
 */
export const nameOf = ([best, ...others]: ReadonlyArray<string>) => (answer: unknown, isOfNode: boolean): string => {
  if (Predicate.hasProperty(answer, "degradation") && typeof answer.degradation === "string") {
    return answer.degradation === "none" ? firstClass : answer.degradation
  }
  if (best === undefined) return isOfNode ? firstClass : "degraded"
  return answer === best ? firstClass : others.includes(answer as string) ? "fallback" : "degraded"
}

/** The outcome of a customer whose patience is over. */
export const gaveUp = "GaveUp"

const ofAnswers = [firstClass, "fallback", "stale", "canned", "degraded"]
const ofErrors = ["failure", "defect", "interrupted", gaveUp]
const ofGuards = ["CircuitOpen", "BulkheadFull", "RateLimited", "DeadlineExceeded", "CascadeExhausted"]

/**
 * The outcomes that can be known before the run: those of answers, unless the scenario has a label for them, those of
 * errors, those that the rules inject, and those that the scenario names.
 */
export const knownOutcomes = (
  { providers, world }: Plan,
  { label, outcomes = [] }: { readonly label: unknown; readonly outcomes?: ReadonlyArray<string> | undefined }
): ReadonlySet<string> => {
  const injected = providers.flatMap(({ phases }) => phases).flatMap(({ rules }) =>
    rules.flatMap(({ inject }) => inject._tag === "Fault" ? [labelOf(Exit.fail(inject.error))] : [])
  )
  const ofNodes = world === undefined ? [] : [...ofAnswers, "ConnectionRefused"]
  return new Set([
    ...label === undefined ? ofAnswers : [],
    ...ofErrors,
    ...ofGuards,
    ...ofNodes,
    ...injected,
    ...outcomes
  ])
}

/** Why a claim on this outcome means nothing, if no call had it and nothing says that one can. */
export const unknownOutcome = (
  outcome: string,
  known: ReadonlySet<string>,
  seen: Readonly<Record<string, number>>
): string | undefined => {
  if (known.has(outcome) || Object.hasOwn(seen, outcome)) return undefined
  const meant = [...Object.keys(seen), ...known].find((name) => isLike(name.toLowerCase(), outcome.toLowerCase()))
  return `no call ended as "${outcome}", and nothing says that one can; seen were ${formatCounts(seen)}. ` +
    (meant === undefined ? "" : `Is "${meant}" meant? `) +
    "Name what can happen and does not in `outcomes` of the scenario"
}

const isLike = (one: string, other: string): boolean =>
  one.startsWith(other) || other.startsWith(one) || differByAtMost(2, one, other)

/** Whether so few letters have to be put in, taken out or replaced. */
const differByAtMost = (most: number, one: string, other: string): boolean => {
  if (one === other) return true
  if (most === 0) return false
  let same = 0
  while (same < one.length && one[same] === other[same]) same++
  const [left, right] = [one.slice(same), other.slice(same)]
  return differByAtMost(most - 1, left.slice(1), right) ||
    differByAtMost(most - 1, left, right.slice(1)) ||
    differByAtMost(most - 1, left.slice(1), right.slice(1))
}
