/** The types of a retry: what is configured and what is made. */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type { RetryBudget } from "../retryBudget/model.ts"

/**
 * How waits are scattered, as in Marc Brooker's "Exponential Backoff and Jitter":
 *
 * - `none`: not at all
 * - `full`: anywhere from zero to the wait
 * - `equal`: anywhere from half of the wait to the wait
 * - `decorrelated`: anywhere from `baseDelay` to three times the wait before
 *
 * @since 0.1.0
 * @category options
 */
export type Jitter = "none" | "full" | "equal" | "decorrelated"

/**
 * When to try again. Every option has a default.
 *
 * @since 0.1.0
 * @category options
 */
export interface Options<in E = unknown> {
  /** Attempts in all, including the first: a whole number of at least 1. @default 3 */
  readonly maxAttempts?: number | undefined
  /** The wait before the second attempt, doubled for each further one: a finite duration above zero. @default "200 millis" */
  readonly baseDelay?: Duration.Input | undefined
  /**
   * The longest wait, including jitter: a finite duration above zero. An error whose `retryAfter` asks for more is
   * returned at once. @default "10 seconds", or `baseDelay` if that is longer
   */
  readonly maxDelay?: Duration.Input | undefined
  /** How waits are scattered, so that callers who failed together do not come back together. @default "full" */
  readonly jitter?: Jitter | undefined
  /**
   * The time for all attempts, measured from the start of the first: a finite duration above zero. No wait begins that
   * would pass it. @default none
   */
  readonly maxDuration?: Duration.Input | undefined
  /**
   * Decides whether an error is worth another attempt, given the number of attempts made so far. A predicate that throws
   * counts as `false`. @default `isTransient`
   */
  readonly while?: ((error: E, attempts: number) => boolean) | undefined
  /** The budget that retries are paid from. @default the budget of `RetryBudget.within`, if any */
  readonly budget?: RetryBudget | undefined
}

/**
 * A retry, made once and put around many effects.
 *
 * @since 0.1.0
 * @category models
 */
export interface Retry<in E = unknown> {
  /** Wraps an effect with this retry. The type of the effect does not change. */
  readonly protect: <A, E1 extends E, R>(self: Effect.Effect<A, E1, R>) => Effect.Effect<A, E1, R>
}
