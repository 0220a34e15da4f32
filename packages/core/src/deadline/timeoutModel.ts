/** The types of an attempt time-out that is made once and put around many calls. */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type { DeadlineExceeded } from "./DeadlineExceeded.ts"

/**
 * The time-out of an attempt.
 *
 * @since 0.1.0
 * @category options
 */
export interface Options {
  /** The name in registry and metrics: a text that is not empty. */
  readonly name: string
  /** The time for one call, from its start: a finite duration above zero. */
  readonly duration: Duration.Input
}

/**
 * What a time-out has counted since it was made.
 *
 * @since 0.1.0
 * @category snapshots
 */
export interface Snapshot {
  readonly name: string
  readonly duration: Duration.Duration
  /** Calls begun. A call whose deadline has passed is not begun. */
  readonly calls: number
  /**
   * Calls whose work still ran when `duration` was over. Of limits that come at the same moment the innermost counts: this
   * one where a deadline around it is as near, though the error then has the `limit` of that deadline; and not this one
   * where a limit inside ended the work at that moment. Calls that a nearer deadline ended are not among them.
   */
  readonly timeouts: number
}

/**
 * An attempt time-out, made once and put around many calls. It is a `Guard`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Timeout {
  readonly name: string
  /** Wraps an effect. Adds {@link DeadlineExceeded} to its errors and changes nothing else. */
  readonly protect: <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | DeadlineExceeded, R>
  readonly snapshot: Effect.Effect<Snapshot>
  // As in `Guard`, which knows this folder and is not imported for that.
  readonly "~@switchgear/core/Guard"?: DeadlineExceeded | undefined
}
