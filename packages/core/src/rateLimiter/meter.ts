/**
 * A meter is the state of one limit: how much of its resource is available.
 *
 * A meter knows what was taken. A {@link Plan} made from it also counts what the waiting calls will take, so that the
 * turn of a call behind them can be calculated.
 *
 * Times are monotonic milliseconds and never go back.
 */
export interface Meter {
  /** The most that one request can ever take. */
  readonly capacity: number
  /** The earliest time at or after `from` at which `cost` is available; `cost` is at most the capacity. */
  when(cost: number, from: number): number
  /** Takes what is available at `at`. */
  take(cost: number, at: number): void
  /**
   * Corrects by `difference` what was taken at `takenAt`: more becomes a debt, bounded by the capacity; less is
   * refunded.
   */
  correct(difference: number, takenAt: number, now: number): void
  /** Caps the available amount at `atMost`. Later refills and refunds add to it. */
  clampAvailable(atMost: number, now: number): void
  /** The amount available at `now`; negative while in debt. */
  available(now: number): number
  /** Where others take of the same limit: what is left for all of them, as far as is known here. */
  leftForAll?(now: number): number
  /** Changes the limit and keeps what has been used. */
  change(limit: Limit, now: number): void
  /** A simulation of the future of this meter. Later changes of the meter do not reach it. */
  plan(): Plan
}

/** A simulation of what waiting calls will take, in the order of time. */
export interface Plan {
  /** Like {@link Meter.when}, after everything planned; `from` is at or after the last planned time. */
  when(cost: number, from: number): number
  /** Plans that `cost` is taken at `at`. */
  take(cost: number, at: number): void
}

/** `limit` per `per` milliseconds; a token bucket holds at most `burst`. */
export interface Limit {
  readonly limit: number
  readonly per: number
  readonly burst: number
}
