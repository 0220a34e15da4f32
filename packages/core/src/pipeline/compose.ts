/** From the parts of a pipeline to the combinator that puts them around an effect. */
import type * as CircuitBreaker from "../CircuitBreaker.ts"
import { onOpening } from "../circuitBreaker/openingListeners.ts"
import * as Deadline from "../Deadline.ts"
import { type AnyEffect, checkOf, startOf } from "../internal/runtime/guard.ts"
import type { CallOptions, Parts } from "../Pipeline.ts"
import { retryAt } from "../retry/policies.ts"
import { fused, type Plan } from "./run.ts"
import { WaitingAttempts } from "./waiting.ts"

/** The times of a pipeline in milliseconds. */
export interface Millis {
  readonly total: number | undefined
  readonly attempt: number | undefined
}

type Combinator = (self: AnyEffect) => AnyEffect

export const compose = (parts: Parts, { attempt, total }: Millis, options: CallOptions<any, any>): Combinator => {
  const guards = guardsOf(parts, options)
  if (total === undefined && attempt === undefined && guards.length === 0)
    return parts.retry?.protect ?? ((self) => self)
  const plan = planOf(parts, guards, total, attempt)
  return plan === undefined ? byHand(parts, guards, total, attempt) : (self) => fused(plan, self)
}

const guardsOf = (
  { breaker, bulkhead, rateLimiter }: Parts,
  options: CallOptions<any, any>
): ReadonlyArray<Combinator> => {
  const { classify, costs, maxWait, settle, slowCallDuration } = options
  const guards = [
    rateLimiter && (costs !== undefined || settle !== undefined || maxWait !== undefined
      ? rateLimiter.protectWith({ costs: costs ?? {}, settle, maxWait })
      : rateLimiter.protect),
    bulkhead && (maxWait === undefined ? bulkhead.protect : bulkhead.protectWith({ maxWait })),
    breaker &&
    (classify !== undefined || slowCallDuration !== undefined
      ? breaker.protectWith({ classify, slowCallDuration })
      : breaker.protect)
  ]
  return guards.filter((combinator) => combinator !== undefined) as ReadonlyArray<Combinator>
}

/** The order itself, as anybody would write it: for parts that are wrapped or come from elsewhere. */
const byHand = (
  { breaker, retry }: { readonly breaker?: CircuitBreaker.CircuitBreaker | undefined; readonly retry?: Parts["retry"] },
  guards: ReadonlyArray<Combinator>,
  total: number | undefined,
  attempt: number | undefined
): Combinator => {
  const inside = [attempt && Deadline.attempt(attempt), ...[...guards].reverse(), breaker?.gate, retry?.protect]
  const order = [...inside, total && Deadline.within(total)].filter((part) => typeof part === "function")
  return (self) => order.reduce<AnyEffect>((inner, combinator) => combinator(inner), self)
}

const planOf = (
  { breaker, retry }: Parts,
  guards: ReadonlyArray<Combinator>,
  total: number | undefined,
  attempt: number | undefined
): Plan | undefined => {
  const begins = guards.map(startOf).filter((begin) => begin !== undefined)
  const refuse = breaker && checkOf(breaker.gate)
  const again = retry && retryAt(retry)
  const isOurs = begins.length === guards.length && (breaker === undefined || refuse !== undefined) &&
    (retry === undefined || again !== undefined)
  if (!isOurs) return undefined
  const opening = breaker && onOpening.get(breaker)
  const waiting = refuse && opening && new WaitingAttempts(refuse, opening)
  return { refuse, waiting, begins, retryAt: again, total, attempt }
}
