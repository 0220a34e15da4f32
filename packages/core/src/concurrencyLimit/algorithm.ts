/**
 * What an algorithm of a concurrency limit is told, and what it answers: the seam between the guard, which admits calls,
 * and the rule that moves the limit.
 *
 * Invariants
 * - An algorithm is a synchronous machine without a clock: every time comes in as an argument, in milliseconds of one
 *   monotonic clock. The same history gives the same limits.
 * - `limit` moves only in `ended` and `reset`, and is always from `min` to `max`.
 * - The guard tells it nothing of an ignored call but that it began. A call that began before `reset` is told no more.
 */

/** The names of the algorithms. */
export type Name = "gradient" | "aimd" | "vegas" | "gradient2"

export const names: ReadonlyArray<Name> = ["gradient", "aimd", "vegas", "gradient2"]

/**
 * Why the limit is where it is, by its last move: "initial" before the first, "grow" and "hold" without an overload,
 * "brake" because answers are slow, "drop" because calls were dropped, "relearn" because slow is the new normal, "min"
 * and "max" where the move ended at a bound.
 *
 * @since 0.1.0
 * @category models
 */
export type Reason = "initial" | "grow" | "hold" | "brake" | "drop" | "relearn" | "min" | "max"

/**
 * The numbers that an algorithm needs, checked.
 *
 * @since 0.1.0
 * @category options
 */
export interface AlgorithmRules {
  readonly algorithm: Name
  readonly initial: number
  readonly min: number
  readonly max: number
  /** How many times slower than its baseline a class may answer before the limit is lowered. */
  readonly tolerance: number
  /** The shortest time from one move to the next, in milliseconds. */
  readonly window: number
  /** The fewest judged calls from one move to the next. */
  readonly minimumCalls: number
  /** How much of the share of drops is taken off the limit. */
  readonly backoff: number
}

/** Classes have the numbers 0 to 8. */
export const CLASSES = 9

/**
 * A call that has ended and says something about the capacity: a success, or a drop (a time-out, an overload). The
 * object may be the guard's own record of the call: an algorithm reads it and does not keep it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Judged {
  readonly outcome: "success" | "drop"
  /** From 0 to 8. */
  readonly class: number
  /** From sending to the end, in milliseconds. */
  readonly duration: number
  /** The calls in flight at its end, including it. */
  readonly inFlight: number
  /** Whether `sampled` was told of this call. */
  readonly hasSample: boolean
}

/**
 * What a snapshot tells of an algorithm.
 *
 * @since 0.1.0
 * @category snapshots
 */
export interface Reading {
  /** How many times slower than its baseline the answers of the last window were; 1 without samples. */
  readonly stretch: number
  /** The share of drops in the last window, from 0 to 1. */
  readonly drops: number
  /** The baseline of each class in the unit of its samples. */
  readonly baselines: ReadonlyArray<number | undefined>
}

/**
 * A rule that moves the limit.
 *
 * @since 0.1.0
 * @category models
 */
export interface Algorithm {
  /** A real number. A call is admitted while fewer than `Math.floor(limit)` are in flight. */
  readonly limit: number
  readonly reason: Reason
  /** A call was admitted; `inFlight` includes it. */
  begun(inFlight: number): void
  /**
   * The sample of a running call is known: the time to its first token as soon as it is seen; the time per token or the
   * duration just before `ended` tells of its success. At most once a call, above zero.
   */
  sampled(classIndex: number, sample: number): void
  /** A call has ended, and was not ignored. */
  ended(call: Judged, now: number): void
  /** Forgets everything, as if it were made `now`. */
  reset(now: number): void
  read(): Reading
}
