/** The guards of one target, which calls and streams share. */
import * as Bulkhead from "@switchgear/core/Bulkhead"
import * as CircuitBreaker from "@switchgear/core/CircuitBreaker"
import * as Deadline from "@switchgear/core/Deadline"
import * as Outcome from "@switchgear/core/Outcome"
import * as Pipeline from "@switchgear/core/Pipeline"
import * as RateLimiter from "@switchgear/core/RateLimiter"
import * as Retry from "@switchgear/core/Retry"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import { identity } from "effect/Function"
import * as Scope from "effect/Scope"
import * as ChatError from "../ChatError.ts"
import type { Ending } from "../chatModel/streamCall.ts"
import * as ProviderLimits from "../ProviderLimits.ts"
import { Failure, isWorthRepeating } from "./failure.ts"
import type { Settings } from "./settings.ts"

/** What the guards refuse a call with. */
export type Rejection =
  | Bulkhead.BulkheadFull
  | CircuitBreaker.CircuitOpen
  | Deadline.DeadlineExceeded
  | RateLimiter.RateLimited

type Guard = (call: Effect.Effect<Ending<Failure>, Failure | Rejection>) => Effect.Effect<unknown, Failure | Rejection>

export interface Target extends ProviderLimits.ProviderLimits {
  readonly name: string
  readonly breaker: CircuitBreaker.CircuitBreaker
  readonly bulkhead: Bulkhead.Bulkhead
  readonly limiter: RateLimiter.RateLimiter
  /** Around a call until its body has ended. */
  readonly whole: Guard
  /** The same for a stream, which is not slow if it takes long. */
  readonly streamed: Guard
  /** Around an attempt until its response is the caller's. */
  readonly attempt: <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | Deadline.DeadlineExceeded, R>
  readonly scope: Scope.Closeable
  /** Calls that have not ended. */
  inFlight: number
}

/** Makes the guards, which are in the registry until the scope of the target is closed. */
export const make = (name: string, settings: Settings): Effect.Effect<Target> => {
  const scope = Scope.makeUnsafe()
  return Effect.provideService(
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ ...settings.breaker, name, classify: byTable })
      const bulkhead = yield* Bulkhead.make({ ...settings.bulkhead, name })
      const limiter = yield* RateLimiter.make({ ...settings.rateLimiter, name })
      const retry = yield* Retry.make<unknown>({ ...settings.retry, name, while: isWorthRepeating })
      const attempt = settings.attemptTimeout === undefined
        ? identity
        : (yield* Deadline.make({ name, duration: settings.attemptTimeout })).protect
      const guards = yield* Pipeline.make({ retry, rateLimiter: limiter, bulkhead, breaker })
      const limits = yield* ProviderLimits.follow(limiter, settings.rateLimiter.limits)
      const classify = (exit: Exit.Exit<Ending<Failure>, Failure | Rejection>) =>
        byTable(exit._tag === "Success" ? exit.value : exit)
      return {
        name,
        breaker,
        bulkhead,
        limiter,
        whole: guards.protectWith<Ending<Failure>, Failure | Rejection>({ classify }),
        streamed: guards.protectWith<Ending<Failure>, Failure | Rejection>({ classify, slowCallDuration: "Infinity" }),
        attempt,
        scope,
        inFlight: 0,
        ...limits
      }
    }),
    Scope.Scope,
    scope
  )
}

/** What a call says about the health of its target: what its error says by the table of errors. */
const byTable: Outcome.Classify = (exit) => {
  const outcome = Outcome.fromExit(exit)
  if (outcome !== Outcome.failure || exit._tag === "Success" || Cause.hasDies(exit.cause)) return outcome
  const errors = exit.cause.reasons.filter(Cause.isFailReason).map(({ error }) => error)
  return errors.some((error) => !(error instanceof Failure) || ChatError.countsOnBreaker(error.error))
    ? Outcome.failure
    : Outcome.ignored
}
