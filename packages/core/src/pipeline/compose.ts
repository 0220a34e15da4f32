/** From the parts of a pipeline to the combinator that puts them around an effect. */
import { onOpening } from "../circuitBreaker/openingListeners.ts"
import * as Deadline from "../Deadline.ts"
import type { Timeout } from "../deadline/timeoutModel.ts"
import { timeouts } from "../deadline/timeouts.ts"
import { hedged } from "../hedge/hedged.ts"
import { machines } from "../hedge/machines.ts"
import type { Target } from "../hedge/model.ts"
import { type AnyEffect, checkOf, startOf } from "../internal/runtime/guard.ts"
import { retryAt } from "../retry/policies.ts"
import { guardsAt } from "./checkParts.ts"
import type { CallOptions, Further, Parts } from "./model.ts"
import { fused, type HedgePlan, type Plan } from "./run.ts"
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
  // A hedge waits for nothing.
  const hedgeGuards = parts.hedge && guardsOf(parts, { ...options, maxWait: 0 })
  const inside = withoutOutermost(parts, millis, guardsOf(parts, options), hedgeGuards)
  const outermost = combinatorsAt(parts.guards?.outermost)
  return outermost.length === 0 ? inside : allAround([...outermost, inside])
}

const withoutOutermost = (
  parts: Parts,
  millis: Millis,
  guards: ReadonlyArray<Combinator>,
  hedgeGuards: ReadonlyArray<Combinator> | undefined
): Combinator => {
  const { attempt, timeout, total } = millis
  if (
    total === undefined && attempt === undefined && timeout === undefined && guards.length === 0 &&
    hedgeGuards === undefined
  ) {
    return parts.retry?.protect ?? ((self) => self)
  }
  const plan = planOf(parts, guards, millis, hedgeGuards)
  return plan === undefined ? byHand(parts, guards, millis, hedgeGuards) : (self) => fused(plan, self)
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

/** The order itself, as anybody would write it: for parts that are wrapped or come from elsewhere. */
const byHand = (
  parts: Parts,
  guards: ReadonlyArray<Combinator>,
  millis: Millis,
  hedgeGuards: ReadonlyArray<Combinator> | undefined
): Combinator => {
  const { hedge, retry } = parts
  const attempt = attemptOf(parts, guards, millis)
  const around = allAround(given([millis.total && Deadline.within(millis.total), retry?.protect]))
  if (hedge === undefined || hedgeGuards === undefined) return (self) => around(attempt(self))
  const beside = attemptOf(parts, hedgeGuards, millis)
  const target = targetOf(parts)
  const machine = machines.get(hedge.protectWith)
  // A hedge of the user's takes what waits for nothing as another target.
  if (machine === undefined) return (self) => around(hedge.protectWith({ backup: beside(self), target })(attempt(self)))
  return (self) => around(hedged({ machine, primary: attempt(self), hedge: beside(self), isElsewhere: false, target }))
}

/** One attempt: its guards, the outermost first. */
const attemptOf = (
  { breaker }: Parts,
  guards: ReadonlyArray<Combinator>,
  { attempt, timeout }: Millis
): Combinator =>
  allAround(given([breaker?.gate, ...guards, timeout?.protect ?? (attempt && Deadline.attempt(attempt))]))

const given = (order: ReadonlyArray<Combinator | number | undefined>): ReadonlyArray<Combinator> =>
  order.filter((part) => typeof part === "function")

const targetOf = ({ breaker, bulkhead, rateLimiter }: Parts): Target => ({ breaker, bulkhead, rateLimiter })

const allAround = (order: ReadonlyArray<Combinator>): Combinator => (self) =>
  order.reduceRight<AnyEffect>((inner, combinator) => combinator(inner), self)

const planOf = (
  parts: Parts,
  guards: ReadonlyArray<Combinator>,
  { attempt, timeout, total }: Millis,
  hedgeGuards: ReadonlyArray<Combinator> | undefined
): Plan | undefined => {
  const { breaker, retry } = parts
  const begins = guards.map(startOf).filter((start) => start !== undefined)
  const refuse = breaker && checkOf(breaker.gate)
  const again = retry && retryAt(retry)
  const isOurs = begins.length === guards.length && (breaker === undefined || refuse !== undefined) &&
    (retry === undefined || again !== undefined) && (timeout === undefined || attempt !== undefined)
  const hedge = hedgePlanOf(parts, hedgeGuards)
  if (!isOurs || hedge === "not ours") return undefined
  const opening = breaker && onOpening.get(breaker)
  const waiting = refuse && opening && new WaitingAttempts(refuse, opening)
  const counts = timeout && timeouts.get(timeout.protect)?.counts
  return { refuse, waiting, begins, retryAt: again, total, attempt, counts, hedge }
}

const hedgePlanOf = (
  parts: Parts,
  guards: ReadonlyArray<Combinator> | undefined
): HedgePlan | undefined | "not ours" => {
  if (parts.hedge === undefined || guards === undefined) return undefined
  const machine = machines.get(parts.hedge.protectWith)
  const begins = guards.map(startOf).filter((start) => start !== undefined)
  return machine === undefined || begins.length !== guards.length
    ? "not ours"
    : { machine, target: targetOf(parts), begins }
}
