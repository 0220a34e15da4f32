/** What a pipeline is made of, and what is made. */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Bulkhead from "../Bulkhead.ts"
import type { Timeout } from "../deadline/timeoutModel.ts"
import type * as CircuitBreaker from "../CircuitBreaker.ts"
import type * as Deadline from "../Deadline.ts"
import type { Guard } from "../guard/model.ts"
import type * as Hedge from "../Hedge.ts"
import type * as Outcome from "../Outcome.ts"
import type * as RateLimiter from "../RateLimiter.ts"
import type * as Retry from "../Retry.ts"

/**
 * One guard, or several of which the first is outermost.
 *
 * @since 0.1.0
 * @category models
 */
export type Further = Guard<unknown> | ReadonlyArray<Guard<unknown>>

/**
 * Further guards, by their place in the order. Theirs are the calls that come that far: what a guard further out refuses
 * they do not see.
 *
 * @since 0.1.0
 * @category models
 */
export interface Guards {
  /** Around everything, the deadline and the retry included: asked once for a call. */
  readonly outermost?: Further | undefined
  /** Around each attempt, after the circuit was asked and before the rate limiter. */
  readonly perAttempt?: Further | undefined
  /** Between the rate limiter and the bulkhead. */
  readonly beforeBulkhead?: Further | undefined
  /** Between the bulkhead and the circuit: what it refuses the circuit does not see. */
  readonly beforeBreaker?: Further | undefined
  /** Inside the circuit, around the attempt time-out. The circuit does not count what it refuses. */
  readonly innermost?: Further | undefined
}

/**
 * The guards of a pipeline; all are optional.
 *
 * @since 0.1.0
 * @category models
 */
export interface Parts {
  /** The time for everything together. */
  readonly deadline?: Duration.Input | undefined
  readonly retry?: Retry.Retry<any> | undefined
  /**
   * Starts an attempt that is slow once more, beside the first. Each run takes its own turn, slot and place in the circuit;
   * the second one waits for none of them.
   */
  readonly hedge?: Hedge.Hedge | undefined
  readonly rateLimiter?: RateLimiter.RateLimiter | undefined
  readonly bulkhead?: Bulkhead.Bulkhead | undefined
  readonly breaker?: CircuitBreaker.CircuitBreaker | undefined
  /** The time for one attempt, from the moment it is let through; or a named time-out of `Deadline.make`. */
  readonly attemptTimeout?: Duration.Input | Timeout | undefined
  /** Guards that are not among those above, such as those of your own. */
  readonly guards?: Guards | undefined
}

/**
 * What is different for one kind of call.
 *
 * @since 0.1.0
 * @category options
 */
export interface CallOptions<A, E> {
  /** What it takes from the limiter; a function is called in the fiber of each attempt. @default one request */
  readonly costs?: RateLimiter.Cost | (() => RateLimiter.Cost) | undefined
  /** What it turned out to have taken. */
  readonly settle?: ((value: A) => RateLimiter.Cost) | undefined
  /** How the circuit judges it. */
  readonly classify?: ((exit: Exit.Exit<A, E | Deadline.DeadlineExceeded>) => Outcome.Outcome) | undefined
  /** Slow-call threshold of the circuit; `"Infinity"` for never. */
  readonly slowCallDuration?: Duration.Input | undefined
  /** The longest wait for a turn and for a slot, each; zero for a call that does not wait. @default as the parts say */
  readonly maxWait?: Duration.Input | undefined
}

/**
 * A pipeline: it adds `Rejection` to the errors of what it protects.
 *
 * @since 0.1.0
 * @category models
 */
export interface Pipeline<out Rejection> {
  readonly protect: <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | Rejection, R>
  /** Like `protect`, for a kind of call that costs more or is judged otherwise. */
  readonly protectWith: <A, E>(
    options: CallOptions<A, E>
  ) => <R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | Rejection, R>
}

/**
 * A pipeline whose retry is for some errors only: it takes no effect that fails with others than `Retried`.
 *
 * @since 0.1.0
 * @category models
 */
export interface PipelineFor<out Rejection, in Retried> {
  readonly protect: <A, E extends Retried, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | Rejection, R>
  /** Like `protect`, for a kind of call that costs more or is judged otherwise. */
  readonly protectWith: <A, E extends Retried>(
    options: CallOptions<A, E>
  ) => <R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | Rejection, R>
}

/**
 * The times of a pipeline: what there is to write down about it besides its parts.
 *
 * @since 0.1.0
 * @category options
 */
export interface Times {
  readonly deadline?: Duration.Input | undefined
  readonly attemptTimeout?: Duration.Input | undefined
}

/**
 * The errors that a pipeline of this type adds.
 *
 * @since 0.1.0
 * @category models
 */
export type RejectedBy<P> = P extends Pipeline<infer Rejection> ? Rejection
  : P extends PipelineFor<infer Rejection, any> ? Rejection
  : never

/**
 * The errors that an effect may have which a pipeline of this type takes.
 *
 * @since 0.1.0
 * @category models
 */
export type RetriedBy<P> = P extends Pipeline<any> ? unknown
  : P extends PipelineFor<any, infer Retried> ? Retried
  : never
