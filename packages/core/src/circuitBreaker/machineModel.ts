/** The types between the state machine of a circuit breaker and the rest. */
import type * as Clock from "effect/Clock"
import type { State, Thresholds, TransitionReason } from "./model.ts"
import type { Watch } from "./slowCalls.ts"
import type { SlidingWindow } from "../internal/data/slidingWindow.ts"

export interface BreakerTransition {
  readonly breaker: string
  readonly from: State
  readonly to: State
  readonly reason: TransitionReason
  /** Wall-clock time in milliseconds. */
  readonly at: number
  /** The length of the opening in milliseconds, when `to` is Open. */
  readonly openFor: number | undefined
  /** The length that the target asked for, in milliseconds, where that decided. */
  readonly askedFor: number | undefined
  readonly openingsInRow: number
}

/** The checked options. A threshold that is off is `Infinity`, so that its comparison is never true. */
export interface BreakerRules {
  /** The options that decide, as a snapshot shows them. */
  readonly thresholds: Thresholds
  /** Upper bounds of the durations to count by, in milliseconds; undefined where durations are not measured. */
  readonly durationBounds: ReadonlyArray<number> | undefined
  readonly makeWindow: () => SlidingWindow
  readonly minimumCalls: number
  readonly failureRate: number
  readonly slowCallRate: number
  readonly consecutiveFailures: number
  readonly halfOpenCalls: number
  readonly halfOpenFailureRate: number
  readonly halfOpenMaxWait: number
  readonly rampUp: { readonly over: number; readonly from: number } | undefined
  /** Makes the function that gives the length of the n-th opening in a row, from 1. It does not throw. */
  readonly makeOpenings: () => (opening: number) => number
  /** The longest opening that the target can ask for, in milliseconds. */
  readonly maxRetryAfter: number
  /** How much time a call must have had to count when its caller's deadline ends it; undefined for the learnt average. */
  readonly patience: number | undefined
  /** Does not throw. */
  readonly onTransition: (transition: BreakerTransition) => void
}

/** Has a clock, which is looked up only where time decides. */
export interface Timed {
  readonly clock: Clock.Clock
}

/** One admission. `generation` is -1 until it is granted and again when it has ended. */
export interface BreakerLease extends Timed {
  generation: number
  /** Whether the call is in the totals: not one that was admitted while Disabled. */
  isCounted: boolean
  /** When it was admitted, in monotonic milliseconds; zero where no rule asks for the time. */
  start: number
  /** When the call becomes slow or, for a probe, outlives its period. */
  watch: Watch | undefined
  /** The call is slow from this many milliseconds on; infinity when it never is. */
  readonly slowMillis: number
}
