/** From the parts of a pipeline to the combinator that puts them around an effect. */
import { onOpening } from "../circuitBreaker/openingListeners.ts"
import * as Deadline from "../Deadline.ts"
import type { Timeout } from "../deadline/timeoutModel.ts"
import { timeouts } from "../deadline/timeouts.ts"
import { type AnyEffect, checkOf, startOf } from "../internal/runtime/guard.ts"
import { retryAt } from "../retry/policies.ts"
import { guardsAt } from "./checkParts.ts"
import type { CallOptions, Further, Parts } from "./model.ts"
import { fused, type Plan } from "./run.ts"
import { WaitingAttempts } from "./waiting.ts"

/** The times of a pipeline in milliseconds. */
export interface Millis {
  readonly total: number | undefined
  readonly attempt: number | undefined
  /** The time-out of an attempt, where it is a named one; undefined `attempt` if it was not made here. */
  readonly timeout?: Timeout | undefined
}

type Combinator = (self: AnyEffect) => AnyEffect

export const compose = (parts: Parts, millis: Millis, options: CallOptions<any, any>): Combinator => {
  const inside = withoutOutermost(parts, millis, guardsOf(parts, options))
  const outermost = combinatorsAt(parts.guards?.outermost)
  return outermost.length === 0 ? inside : allAround([...outermost, inside])
}

const withoutOutermost = (parts: Parts, millis: Millis, guards: ReadonlyArray<Combinator>): Combinator => {
  const { attempt, timeout, total } = millis
  if (total === undefined && attempt === undefined && timeout === undefined && guards.length === 0) {
    return parts.retry?.protect ?? ((self) => self)
  }
  const plan = planOf(parts, guards, millis)
  return plan === undefined ? allAround(orderOf(parts, guards, millis)) : (self) => fused(plan, self)
}

/** The guards of an attempt, the outermost first. */
const guardsOf = (parts: Parts, options: CallOptions<any, any>): ReadonlyArray<Combinator> => {
  const { breaker, bulkhead, guards, rateLimiter } = parts
  const { classify, costs, maxWait, settle, slowCallDuration } = options
  const order = [
    ...combinatorsAt(guards?.perAttempt),
    rateLimiter && (costs !== undefined || settle !== undefined || maxWait !== undefined
      ? rateLimiter.protectWith({ costs: costs ?? {}, settle, maxWait })
      : rateLimiter.protect),
    ...combinatorsAt(guards?.beforeBulkhead),
    bulkhead && (maxWait === undefined ? bulkhead.protect : bulkhead.protectWith({ maxWait })),
    ...combinatorsAt(guards?.beforeBreaker),
    breaker && (classify !== undefined || slowCallDuration !== undefined
      ? breaker.protectWith({ classify, slowCallDuration })
      : breaker.protect),
    ...combinatorsAt(guards?.innermost)
  ]
  return order.filter((combinator) => combinator !== undefined) as ReadonlyArray<Combinator>
}

const combinatorsAt = (guards: Further | undefined): ReadonlyArray<Combinator> =>
  guardsAt(guards).map(({ protect }) => protect as Combinator)

/** The order itself, as anybody would write it: for parts that are wrapped or come from elsewhere. The outermost first. */
const orderOf = (
  { breaker, retry }: Parts,
  guards: ReadonlyArray<Combinator>,
  { attempt, timeout, total }: Millis
): ReadonlyArray<Combinator> => {
  const order = [
    total && Deadline.within(total),
    retry?.protect,
    breaker?.gate,
    ...guards,
    timeout?.protect ?? (attempt && Deadline.attempt(attempt))
  ]
  return order.filter((part) => typeof part === "function") as ReadonlyArray<Combinator>
}

const allAround = (order: ReadonlyArray<Combinator>): Combinator => (self) =>
  order.reduceRight<AnyEffect>((inner, combinator) => combinator(inner), self)

const planOf = (
  { breaker, retry }: Parts,
  guards: ReadonlyArray<Combinator>,
  { attempt, timeout, total }: Millis
): Plan | undefined => {
  const begins = guards.map(startOf).filter((start) => start !== undefined)
  const refuse = breaker && checkOf(breaker.gate)
  const again = retry && retryAt(retry)
  const isOurs = begins.length === guards.length && (breaker === undefined || refuse !== undefined) &&
    (retry === undefined || again !== undefined) && (timeout === undefined || attempt !== undefined)
  if (!isOurs) return undefined
  const opening = breaker && onOpening.get(breaker)
  const waiting = refuse && opening && new WaitingAttempts(refuse, opening)
  const counts = timeout && timeouts.get(timeout.protect)?.counts
  return { refuse, waiting, begins, retryAt: again, total, attempt, counts }
}
