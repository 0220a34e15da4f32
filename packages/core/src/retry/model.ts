/** The types of a retry: what is configured and what is made. */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type { RetryBudget } from "../retryBudget/model.ts"

/**
 * How waits are scattered. The wait before the n-th retry is `baseDelay × factor^(n-1)`, at most `maxDelay`; then it is
 * drawn:
 *
 * - `"none"`: exactly that wait
 * - `"full"`: from zero to that wait
 * - `"equal"`: from half of that wait to that wait
 * - a number from 0 to 1: longer or shorter by up to that share, and still at most `maxDelay`; 0 is `"none"`
 * - `"decorrelated"`: from `baseDelay` to three times the wait drawn before, at most `maxDelay`. The growth comes from
 *   the draws, so that `factor` has no effect.
 *
 * The kinds with names are those of Marc Brooker's "Exponential Backoff and Jitter".
 *
 * @since 0.1.0
 * @category options
 */
export type Jitter = "none" | "full" | "equal" | "decorrelated" | number

/**
 * When to try again. Every option has a default.
 *
 * @since 0.1.0
 * @category options
 */
export interface Options<in E = unknown> {
  /** The name in the snapshot: a text that is not empty. @default "retry", or the id of a `Service` */
  readonly name?: string | undefined
  /** Attempts in all, including the first: a whole number of at least 1. @default 3 */
  readonly maxAttempts?: number | undefined
  /**
   * The wait before the second attempt: a finite duration of zero or more. With zero, every attempt follows at once,
   * unless the error asks for a wait in `retryAfter`. @default "200 millis"
   */
  readonly baseDelay?: Duration.Input | undefined
  /** How much longer each wait is than the one before: a finite number of at least 1; 1 for a constant wait. @default 2 */
  readonly factor?: number | undefined
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
   * Decides whether an error is worth another attempt, given the number of attempts made so far. It is asked after every
   * failed attempt, including the last. A predicate that throws counts as `false`. @default `isTransient`
   */
  readonly while?: ((error: E, attempts: number) => boolean) | undefined
  /** The budget that retries are paid from. @default the budget of `RetryBudget.within`, if any */
  readonly budget?: RetryBudget | undefined
}

/**
 * What a retry has counted since it was made. A call that ends with an error ends for one reason and is counted there
 * once; a defect or an interruption is counted nowhere.
 *
 * @since 0.1.0
 * @category snapshots
 */
export interface Snapshot {
  readonly name: string
  /** Calls begun. */
  readonly calls: number
  /** Attempts begun: one for each call, and the retries. */
  readonly attempts: number
  /** Attempts begun after the first of a call. A wait that is interrupted is no retry. */
  readonly retries: number
  /** Calls that succeeded after at least one retry. */
  readonly recovered: number
  /** Calls that ended with an error worth another attempt, by the reason why there was none. */
  readonly gaveUp: {
    /** `maxAttempts` were made. */
    readonly attempts: number
    /**
     * The wait would have passed the deadline or `maxDuration`, or a `RetryBudget` of your own did not answer until then.
     */
    readonly deadline: number
    /** `RetryBudget` or `Attempts` had nothing left. */
    readonly budget: number
    /** The error asked for a longer wait than `maxDelay`. */
    readonly retryAfter: number
  }
  /** Calls that ended with an error for which `while` does not allow another attempt. */
  readonly notRetried: number
}

/**
 * A retry, made once and put around many effects.
 *
 * @since 0.1.0
 * @category models
 */
export interface Retry<in E = unknown> {
  readonly name: string
  /** Wraps an effect with this retry. The type of the effect does not change. */
  readonly protect: <A, E1 extends E, R>(self: Effect.Effect<A, E1, R>) => Effect.Effect<A, E1, R>
  readonly snapshot: Effect.Effect<Snapshot>
}
