/** The outcomes that calls of a scenario may have, so that a misspelt name is told and does not pass as "never". */
import * as Exit from "effect/Exit"
import * as Predicate from "effect/Predicate"
import type * as Chaos from "../Chaos.ts"
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
// `TimeoutError` is that of `Effect.timeout`.
const ofErrors = ["failure", "defect", "interrupted", "TimeoutError", gaveUp]
const ofGuards = ["CircuitOpen", "BulkheadFull", "RateLimited", "DeadlineExceeded", "CascadeExhausted"]

/**
 * The outcomes that can be known before the run: those of answers, unless the scenario has a label for them, those of
 * errors, those that the rules inject, those of a capacity that refuses, and those that the scenario names.
 */
export const knownOutcomes = (
  { providers, world }: Plan,
  { label, outcomes = [] }: { readonly label: unknown; readonly outcomes?: ReadonlyArray<string> | undefined }
): ReadonlySet<string> => {
  const answerOf = nameOf(providers.map(({ name }) => name))
  const injectedBy = (inject: Chaos.Injection<unknown, unknown>): ReadonlyArray<string> => {
    switch (inject._tag) {
      case "After":
        return injectedBy(inject.inject)
      case "Fault":
        return [labelOf(Exit.fail(inject.error))]
      case "Outcome":
        return label === undefined ? [answerOf(inject.value, false)] : []
      default:
        return []
    }
  }
  const ofPhases = providers.flatMap(({ phases }) => phases).flatMap(({ limits, rules }) => [
    ...rules.flatMap(({ inject }) => injectedBy(inject)),
    ...limits.waiting < Infinity ? ["ServiceRefused"] : []
  ])
  const ofNodes = world === undefined ? [] : [...ofAnswers, "ConnectionRefused"]
  return new Set([
    ...label === undefined ? ofAnswers : [],
    ...ofErrors,
    ...ofGuards,
    ...ofNodes,
    ...ofPhases,
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
