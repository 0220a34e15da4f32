/** What the state machine of a circuit breaker is told, and what it tells. */
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
  /** The length that the other side asked for, in milliseconds, where that decided. */
  readonly askedFor: number | undefined
  readonly openingsInRow: number
}

/** Numbers that are off are `Infinity`, so that their comparisons never hold. */
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
  /** Gives the length of the n-th opening in a row, counted from 1. Does not throw. */
  readonly makeOpenings: () => (opening: number) => number
  /** The longest opening that the other side can ask for, in milliseconds. */
  readonly maxRetryAfter: number
  /** How long a call must have been given to count when its caller's deadline ends it; undefined: what is usual. */
  readonly patience: number | undefined
  /** Does not throw. */
  readonly onTransition: (transition: BreakerTransition) => void
}

/** Whose clock tells the time. It is looked up only where time decides. */
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
  /** What the passing of time means to the call: that it is slow, or, if it is a probe, that it outlasts its period. */
  watch: Watch | undefined
  /** From how many milliseconds on the call is slow; infinity when it never is. */
  readonly slowMillis: number
}
