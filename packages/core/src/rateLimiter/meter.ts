/**
 * How much of one resource may be used per time.
 *
 * A meter knows what was taken. A {@link Plan} made from it also counts what waiting callers will take, so that the
 * turn of a caller behind them can be calculated.
 *
 * Times are monotonic milliseconds and never go back.
 */
export interface Meter {
  /** The most that one request can ever get. */
  readonly capacity: number
  /** The earliest time at or after `from` at which `cost` can be had; `cost` is at most the capacity. */
  when(cost: number, from: number): number
  /** Takes what can be had at `at`, for good. */
  take(cost: number, at: number): void
  /** Corrects a taking made at `takenAt` by `difference`: more is a debt, bounded by the capacity; less is given back. */
  correct(difference: number, takenAt: number, now: number): void
  /** Leaves at most `atMost` to be had at `now`. */
  clampAvailable(atMost: number, now: number): void
  /** What can be had at `now`; negative in debt. */
  available(now: number): number
  /** Goes on with another limit, keeping what has been used. */
  change(limit: Limit, now: number): void
  /** What is to come, from this moment on. Later changes of the meter do not reach the plan. */
  plan(): Plan
}

/** Takings to come, in the order of their times. */
export interface Plan {
  /** Like {@link Meter.when}, behind everything that is planned; `from` is at or after the last planned time. */
  when(cost: number, from: number): number
  /** Plans a taking at `at`. */
  take(cost: number, at: number): void
}

/** `limit` per `per` milliseconds; a bucket holds `burst` at most. */
export interface Limit {
  readonly limit: number
  readonly per: number
  readonly burst: number
}
