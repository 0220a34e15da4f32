/** The types of an adaptive throttle: what is configured, what is made, what is read. */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type { Guard } from "../guard/model.ts"
import type * as Outcome from "../Outcome.ts"
import type { Throttled } from "./Throttled.ts"

/**
 * How much is rejected, and when. `name` is required.
 *
 * @since 0.1.0
 * @category options
 */
export interface Options {
  /** Appears in errors and metrics. */
  readonly name: string
  /**
   * Calls are rejected once there are more than `factor` of them for each one that is answered: a number from 1. With 2,
   * nothing is rejected while at least half of the calls are answered. @default 2
   */
  readonly factor?: number | undefined
  /**
   * How long calls count: a finite duration of at least 100 microseconds. Time is counted in hundredths of the window.
   * @default "10 seconds"
   */
  readonly window?: Duration.Input | undefined
  /** Calls in the window, without those it has rejected, below which nothing is rejected. @default 20 */
  readonly minimumCalls?: number | undefined
  /** The most that is rejected, above 0 and below 1. The rest are probes, which find out that it is over. @default 0.9 */
  readonly maxRejectionRate?: number | undefined
  /**
   * Whether its own rejections count as calls. If they do, the rate grows with the load that is offered, and falls with
   * the window. @default true
   */
  readonly countRejections?: boolean | undefined
  /** Whether a call counts as answered (success), not answered (failure), or not at all (ignored). @default `Outcome.fromExit` */
  readonly classify?: Outcome.Classify | undefined
}

/**
 * The state of a throttle at one moment.
 *
 * @since 0.1.0
 * @category snapshots
 */
export interface Snapshot {
  readonly name: string
  /** The probability with which a call is rejected now. */
  readonly rejectionRate: number
  /** Calls in the window, with those it has rejected where they count, and those of them that were answered. */
  readonly requests: number
  readonly accepts: number
  /** Calls rejected since the throttle was made. */
  readonly rejected: number
}

/**
 * An adaptive throttle. Make it once and share it: it knows only the calls that go through it.
 *
 * @since 0.1.0
 * @category guards
 */
export interface AdaptiveThrottle extends Guard<Throttled> {
  readonly name: string
  /** Wraps an effect with this throttle. Adds {@link Throttled} to its errors. */
  readonly protect: <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | Throttled, R>
  /** Like `protect`, with another judge of these calls. */
  readonly protectWith: <A, E>(options: {
    readonly classify: (exit: Exit.Exit<A, E>) => Outcome.Outcome
  }) => <R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | Throttled, R>
  readonly snapshot: Effect.Effect<Snapshot>
}
