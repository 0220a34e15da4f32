/** The guards that a whole program shares, few of each, so that calls of different branches meet in them. */
import {
  AdaptiveThrottle,
  Bulkhead,
  CircuitBreaker,
  ConcurrencyLimit,
  Hedge,
  Outcome,
  Pipeline,
  RateLimiter,
  Retry,
  RetryBudget,
  StaleCache
} from "@switchgear/core"
import { Cause, Effect, type Exit } from "effect"
import * as MemoryGate from "../ownGuard/memoryGate.ts"
import type { ByHand } from "./program.ts"

/** What a circuit was told: the results that it was asked to judge, and what they were judged as. */
export interface Judged {
  judged: number
  counted: number
  /** Results that were a rejection of another tool, and were ignored. */
  ignoredRejections: number
}

/** An error of a tool that is not part of the program: it has the mark of a rejection. */
export class OtherToolOpen {
  readonly _tag = "CircuitOpen"
  readonly [Outcome.RejectionTypeId] = true
}

/** An answer of the provider: when it was read, in the order of everything that happened. */
export interface Answer {
  readonly readAt: number
}

/** The longest wait that each guard allows, in milliseconds. */
export const maxWaits = {
  bulkhead: 5000,
  bulkheadBriefly: 50,
  share: 500,
  limit: 700,
  rateLimiter: 3000,
  limitBriefly: 50,
  limitSettled: 3000,
  sliding: 3000,
  ownGate: 700
} as const

/** How many calls may wait for the first limiter. */
export const limitQueue = 5

export const openFor = 1000

const judging = () => {
  const told: Judged = { judged: 0, counted: 0, ignoredRejections: 0 }
  const classify = (exit: Exit.Exit<unknown, unknown>): Outcome.Outcome => {
    const outcome = Outcome.fromExit(exit)
    told.judged++
    if (isOpenInside(exit)) return outcome
    if (outcome._tag !== "Ignored") told.counted++
    else if (isOfOtherTool(exit)) told.ignoredRejections++
    return outcome
  }
  return { told, classify }
}

const isOfOtherTool = (exit: Exit.Exit<unknown, unknown>): boolean =>
  exit._tag === "Failure" &&
  exit.cause.reasons.some((reason) => Cause.isFailReason(reason) && reason.error instanceof OtherToolOpen)

// A circuit directly inside is part of what the outer one guards: that it is open counts though nothing was begun.
const isOpenInside = (exit: Exit.Exit<unknown, unknown>): boolean =>
  exit._tag === "Failure" &&
  exit.cause.reasons.some((reason) => Cause.isFailReason(reason) && reason.error instanceof CircuitBreaker.CircuitOpen)

const breakerOptions = {
  window: CircuitBreaker.lastCalls(4),
  minimumCalls: 2,
  openFor,
  halfOpen: { calls: 1, maxWait: 3000 }
} as const

export const makeGuards = Effect.gen(function*() {
  const judges = { breaker: judging(), slowBreaker: judging(), family: judging(), pipeline: judging() }
  const breaker = yield* CircuitBreaker.make({
    ...breakerOptions,
    name: "breaker",
    classify: judges.breaker.classify
  })
  const slowBreaker = yield* CircuitBreaker.make({
    ...breakerOptions,
    name: "slowBreaker",
    slowCallDuration: 100,
    classify: judges.slowBreaker.classify
  })
  const pipelineBreaker = yield* CircuitBreaker.make({
    ...breakerOptions,
    name: "pipeline",
    classify: judges.pipeline.classify
  })
  const family = yield* CircuitBreaker.Family.make({
    ...breakerOptions,
    name: "family",
    capacity: 2,
    classify: judges.family.classify
  })
  const bulkhead = yield* Bulkhead.make({ name: "bulkhead", concurrency: 1, queue: 3, maxWait: maxWaits.bulkhead })
  const share = yield* Bulkhead.make({ name: "share", concurrency: 2, queue: 4, share: 0.5, maxWait: maxWaits.share })
  const limit = yield* ConcurrencyLimit.make({
    name: "limit",
    algorithm: "aimd",
    initial: 2,
    min: 1,
    max: 3,
    queue: 4,
    maxWait: maxWaits.limit
  })
  const rateLimiter = yield* RateLimiter.make({
    name: "rateLimiter",
    limits: [RateLimiter.requests(2, 1000)],
    maxWait: maxWaits.rateLimiter,
    queue: limitQueue
  })
  const sliding = yield* RateLimiter.make({
    name: "sliding",
    limits: [RateLimiter.requests(3, 1000, { kind: "sliding-window" })],
    maxWait: maxWaits.sliding
  })
  // Nothing of it comes back while a program runs: it shows which calls were paid for.
  const meter = yield* RateLimiter.make({
    name: "meter",
    limits: [RateLimiter.requests(10_000, "10 days", { kind: "sliding-window" })]
  })
  const retry = yield* Retry.make({ maxAttempts: 3, baseDelay: 10, jitter: "none" })
  const retryBudget = yield* RetryBudget.make({ name: "retries", floor: 2 })
  const hedge = yield* Hedge.make({ name: "hedge", delay: 30, maxHedges: 2, budget: { ratio: 1, burst: 3 } })
  const throttle = yield* AdaptiveThrottle.make({ name: "throttle", minimumCalls: 2 })
  const pipeline = yield* Pipeline.make({
    deadline: 4000,
    retry: yield* Retry.make({ maxAttempts: 2, baseDelay: 10, jitter: "none" }),
    rateLimiter,
    bulkhead,
    breaker: pipelineBreaker,
    attemptTimeout: 1000
  })
  const ownGate = yield* MemoryGate.make({ name: "ownGate", limit: 1, queue: 2, maxWait: maxWaits.ownGate })
  const cache = yield* StaleCache.make<Answer>({ name: "cache", timeToLive: 500, staleFor: "1 hour" })
  return {
    judges,
    breakers: { breaker, slowBreaker, pipeline: pipelineBreaker },
    bulkheads: { bulkhead, share, limit },
    limiters: { rateLimiter, sliding, meter },
    ownGate,
    family,
    retry,
    retryBudget,
    hedge,
    throttle,
    pipeline,
    cache
  }
})
export type Guards = Effect.Success<typeof makeGuards>

/** What a change by hand does; those of the cache are the interpreter's, which keeps an account of them. */
export const changeByHand = (guards: Guards, change: Exclude<ByHand, `cache.${string}`>): Effect.Effect<unknown> => {
  const {
    breakers: { breaker },
    bulkheads: { bulkhead, limit, share },
    family,
    limiters: { rateLimiter, sliding },
    ownGate
  } = guards
  switch (change) {
    case "rateLimiter.pause":
      return rateLimiter.pause(2000)
    case "sliding.pause":
      return sliding.pause(10_000)
    case "rateLimiter.clampAvailable":
      return rateLimiter.clampAvailable({ requests: 0 })
    case "rateLimiter.setLimits narrow":
      return rateLimiter.setLimits([RateLimiter.requests(1, 2000)])
    case "rateLimiter.setLimits wide":
      return rateLimiter.setLimits([RateLimiter.requests(4, 1000)])
    case "bulkhead.resize 1":
      return bulkhead.resize(1)
    case "bulkhead.resize 3":
      return bulkhead.resize(3)
    case "share.resize 1":
      return share.resize(1)
    case "share.resize 4":
      return share.resize(4)
    case "limit.pin 1":
      return limit.control.pin(1)
    case "limit.unpin":
      return limit.control.unpin
    case "limit.reset":
      return limit.control.reset
    case "ownGate.setLimit 1":
      return ownGate.setLimit(1)
    case "ownGate.setLimit 3":
      return ownGate.setLimit(3)
    case "breaker.trip":
      return breaker.control.trip(2000)
    case "breaker.forceOpen":
      return breaker.control.forceOpen
    case "breaker.disable":
      return breaker.control.disable
    case "breaker.metricsOnly":
      return breaker.control.metricsOnly
    case "breaker.close":
      return breaker.control.close
    case "breaker.reset":
      return breaker.control.reset
    case "familyA.forceOpen":
      return Effect.flatMap(family.get("familyA"), ({ control }) => control.forceOpen)
    case "familyA.disable":
      return Effect.flatMap(family.get("familyA"), ({ control }) => control.disable)
    case "familyA.close":
      return Effect.flatMap(family.get("familyA"), ({ control }) => control.close)
    case "family.churn":
      return Effect.forEach(["x", "y", "z"], (key) => family.get(key))
  }
}

/** The state that a command leaves a circuit in until the next one; undefined where it goes on by itself. */
export const commanded = (change: ByHand): CircuitBreaker.State | undefined => {
  const command = change.split(".")[1]
  return command === "forceOpen"
    ? "ForcedOpen"
    : command === "disable"
    ? "Disabled"
    : command === "metricsOnly"
    ? "MetricsOnly"
    : undefined
}
