/**
 * How much of one resource may be used per time. A meter is also a plan: what waiters will take at their turn is
 * *planned*, so that the exact time of every turn is known in advance, and is planned anew when one of them leaves.
 *
 * Times are monotonic milliseconds and never go back: `from` is at or after the last planned time.
 */
export interface Meter {
  /** The most that one request can ever get. */
  readonly capacity: number
  /** The earliest time at or after `from` at which `cost` can be had; `cost` is at most the capacity. */
  when(cost: number, from: number): number
  /** Takes what can be had at `at`, for good. */
  take(cost: number, at: number): void
  /** Plans a taking at `at`. */
  plan(cost: number, at: number): void
  /** Forgets all plans. */
  replan(): void
  /**
   * Corrects a taking made at `takenAt` by `difference`: more is taken as a debt, bounded by the capacity; less is given
   * back. To be followed by `replan`.
   */
  correct(difference: number, takenAt: number, now: number): void
  /** Leaves at most `atMost` to be had at `now`. To be followed by `replan`. */
  lower(atMost: number, now: number): void
  /** What can be had at `now`; negative in debt. */
  available(now: number): number
  /** Goes on with another limit, keeping what has been used. To be followed by `replan`. */
  change(limit: Limit, now: number): void
}

/** `limit` per `per` milliseconds; a bucket holds `burst` at most. */
export interface Limit {
  readonly limit: number
  readonly per: number
  readonly burst: number
}

/** Sums of fractions miss the whole by a hair; a hair is no reason to wait. */
export const enough = (available: number, cost: number): boolean => cost - available <= 1e-9 * Math.max(1, cost)
