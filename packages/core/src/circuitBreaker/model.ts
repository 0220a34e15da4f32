/** What a circuit breaker is: its options, what it tells, and how it is controlled. */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Schedule from "effect/Schedule"
import type * as Stream from "effect/Stream"
import type * as Outcome from "../Outcome.ts"
import type { HistogramReading } from "../registry/series.ts"
import type { CircuitOpen } from "./CircuitOpen.ts"

/** Closed, Open and HalfOpen by the machine's own motion; ForcedOpen, Disabled and MetricsOnly by hand. */
export type State = "Closed" | "Open" | "HalfOpen" | "ForcedOpen" | "Disabled" | "MetricsOnly"

/** Why the state changed. */
export type TransitionReason =
  | "failure-rate"
  | "slow-call-rate"
  | "consecutive-failures"
  | "trip-for"
  | "open-elapsed"
  | "probes-succeeded"
  | "probes-failed"
  | "probe-outlasted"
  | "manual"

/** One change of state. */
export interface Transition {
  readonly breaker: string
  readonly from: State
  readonly to: State
  readonly reason: TransitionReason
  /** Wall-clock time in milliseconds. */
  readonly at: number
  /** How long the circuit stays open, when `to` is `"Open"`. */
  readonly openFor: Duration.Duration | undefined
  /** How long the other side asked for, where that decided; `openFor` is at most `maxRetryAfter` of it. */
  readonly askedFor?: Duration.Duration | undefined
  /** Openings without a closing in between. */
  readonly openingsInRow: number
}

/** Which calls the rates are taken over: see `lastCalls` and `lasting`. */
export type Window =
  | { readonly _tag: "LastCalls"; readonly calls: number }
  | { readonly _tag: "Lasting"; readonly duration: Duration.Input; readonly buckets: number }

/** How a circuit breaker judges. Only `name` must be given. */
export interface Options {
  /** Appears in errors, transitions and metrics. */
  readonly name: string
  /** @default lastCalls(100) */
  readonly window?: Window | undefined
  /** Results the window must hold before a rate can trip. @default 10, or the size of a smaller count window */
  readonly minimumCalls?: number | undefined
  /** Share of failures that trips, above 0 and at most 1, inclusive; `"off"` for none. @default 0.5 */
  readonly failureRate?: number | "off" | undefined
  /**
   * A call that takes at least this long is slow, whether it succeeds or not, and counts as slow while it is still in
   * flight: calls that hang open the circuit before they end. @default no call is slow
   */
  readonly slowCallDuration?: Duration.Input | undefined
  /** Share of slow calls that trips, above 0 and at most 1, inclusive. @default 1 */
  readonly slowCallRate?: number | undefined
  /** So many failures in a row trip, whatever the window says. @default off */
  readonly consecutiveFailures?: number | undefined
  /**
   * How long an opening lasts. A schedule is stepped once for every opening in a row (its input is their number, from
   * 1) and starts over when the circuit has closed. When it is done, fails, or has no answer above zero at once, its last
   * delay holds; 30 seconds if there was none. @default "30 seconds"
   */
  readonly openFor?: Duration.Input | Schedule.Schedule<unknown, number> | undefined
  /**
   * The longest opening that the other side can ask for: by the `retryAfter` of an error, by `Outcome.failureAfter` or by
   * `Outcome.tripFor`. @default "10 minutes"
   */
  readonly maxRetryAfter?: Duration.Input | undefined
  /**
   * A call that is ended by its caller's total deadline counts as a failure only if it had been given at least so much
   * time; else it is ignored. Zero: every one counts; `"Infinity"`: none does. An attempt time-out always counts.
   *
   * Where it is not set, calls that had been given less, but at least 100 ms, count too as soon as callers have waited for
   * eight times the average without an answer. While nothing has been answered yet, the average is taken to be one second,
   * and one second of waiting is enough. Callers that wait at the same time count once. Set it, or an attempt time-out,
   * where deadlines are below 100 ms.
   * @default the average time of an answer, learnt from the first eight calls that are answered and then from one in 31
   */
  readonly patience?: Duration.Input | undefined
  /** The probes are judged by the same rates as the window, over all of them; with `failureRate: "off"`, one that fails opens again. */
  readonly halfOpen?: {
    /** Probes that decide, at most 100,000. @default 5 */
    readonly calls?: number | undefined
    /**
     * A probe in flight for this long since it began, or last was `stillAlive`, opens the circuit again. If it
     * succeeds later it still counts as a probe that succeeded. `"Infinity"` for no limit. @default "60 seconds"
     */
    readonly maxWait?: Duration.Input | undefined
  } | undefined
  /**
   * After closing, passes a share of the calls that grows from `from` (default 0.1) to all of them over `over`, so that
   * a target that has just recovered is not run over. The others are rejected. @default all pass at once
   */
  readonly rampUp?: { readonly over: Duration.Input; readonly from?: number | undefined } | undefined
  /** Judges a call by its exit. One that throws is replaced by the default for that call. @default Outcome.fromExit */
  readonly classify?: Outcome.Classify | undefined
  /**
   * Measures the time from the admission of a call to its end: sum, count, maximum and a histogram, for the snapshot and
   * the metric `switchgear_circuitbreaker_call_duration_seconds`. `"on"` has buckets from 10 ms to 82 s, each twice as long
   * as the one before; a list of durations is the upper bounds of your own buckets, rising, at most 50. It costs two
   * readings of the clock for each call. @default "off"
   */
  readonly measureDurations?: "off" | "on" | ReadonlyArray<Duration.Input> | undefined
  /**
   * Whether the application is down when this target, and every other critical one, lets no call through. One that is not
   * critical only degrades it. @default true
   */
  readonly critical?: boolean | undefined
}

/**
 * The options in force that decide whether a circuit opens or closes.
 *
 * @since 0.1.0
 * @category snapshots
 */
export interface Thresholds {
  /** The calls that the rates are taken over. */
  readonly window: Window
  /** Results that the window must hold before a rate can open the circuit. */
  readonly minimumCalls: number
  /** Share of failures that opens the circuit, from 0 to 1; undefined when it is off. */
  readonly failureRate: number | undefined
  /** Share of slow calls that opens the circuit, from 0 to 1. */
  readonly slowCallRate: number
  /** From this duration on a call is slow; undefined where only `protectWith` says when a call is slow. */
  readonly slowCallDuration: Duration.Duration | undefined
  /** Failures in a row that open the circuit; undefined when that is off. */
  readonly consecutiveFailures: number | undefined
  /** Probes that decide in HalfOpen. */
  readonly halfOpenCalls: number
}

/**
 * Results since the beginning, or since `control.reset`, in whatever state the call ended. A call that was admitted while
 * Disabled is in none of them.
 *
 * @since 0.1.0
 * @category snapshots
 */
export interface Totals {
  /** Calls that succeeded. */
  readonly successes: number
  /** Calls that failed. */
  readonly failures: number
  /** Calls that ended and say nothing about the target: interrupted, refused further in, or `Outcome.ignored`. */
  readonly ignored: number
  /** Calls that were slow, counted as soon as that was seen. */
  readonly slow: number
}

/**
 * How long calls took from their admission to their end, in seconds, since the beginning or since `control.reset`. Their
 * counts are those of {@link Totals}: ignored calls are not measured.
 *
 * @since 0.1.0
 * @category snapshots
 */
export interface Durations {
  /** Of calls that succeeded. */
  readonly success: HistogramReading
  /** Of calls that failed. */
  readonly failure: HistogramReading
}

/** What there is to read about a circuit at one moment. */
export interface Snapshot {
  readonly name: string
  readonly state: State
  /** When the state began, in wall-clock milliseconds. */
  readonly since: number
  /** Undefined while there are too few calls for a rate. */
  readonly failureRate: number | undefined
  /** Undefined while there are too few calls for a rate. */
  readonly slowRate: number | undefined
  /** Results in the window; in HalfOpen, results of probes. */
  readonly calls: number
  /** Of `calls`, those that failed. */
  readonly failed: number
  /** Of `calls`, those that were slow. Calls in flight that are slow already are among them. */
  readonly slow: number
  /** Of `calls`, those that failed and were slow. */
  readonly slowFailed: number
  /** What the circuit is judged by. */
  readonly thresholds: Thresholds
  /** Results since the beginning, or since `control.reset`. */
  readonly totals: Totals
  /** Undefined where `measureDurations` is off. */
  readonly durations: Durations | undefined
  /** Calls admitted and not ended yet. */
  readonly inFlight: number
  /** Calls refused since the beginning, or since `control.reset`. */
  readonly rejected: number
  /** Times the circuit opened since the beginning, or since `control.reset`. */
  readonly openings: number
  /** Openings without a closing in between. */
  readonly openingsInRow: number
  /**
   * Calls that ended after the state that admitted them, since the beginning or since `control.reset`. They did not move
   * the circuit; `totals` has their results.
   */
  readonly late: number
  /** The share of calls that pass while the circuit ramps up after closing. */
  readonly rampUp: number | undefined
  /** Time until the circuit asks again, while it is Open. */
  readonly nextRetry: Duration.Duration | undefined
}

/**
 * Changes of state by hand, which hold until the next one. Calls in flight at that moment count for nothing afterwards. A
 * command changes and announces nothing where the state is that already.
 */
export interface Control {
  /**
   * Opens as if tripped: for the given time, or for as long as `openFor` says. The time is not bounded by
   * `maxRetryAfter`. While Open, a given time replaces what is left, and nothing is announced; while ForcedOpen, Disabled
   * or MetricsOnly it changes nothing. Dies on a duration below zero or without an end: that is `forceOpen`.
   */
  readonly trip: (duration?: Duration.Input | undefined) => Effect.Effect<void>
  /** Rejects everything until told otherwise. */
  readonly forceOpen: Effect.Effect<void>
  /** Lets everything pass and counts nothing until told otherwise. */
  readonly disable: Effect.Effect<void>
  /** Lets everything pass and counts everything until told otherwise. */
  readonly metricsOnly: Effect.Effect<void>
  /** Begins to let calls pass, with an empty window; while Closed, the window is left as it is. */
  readonly close: Effect.Effect<void>
  /** Closes, empties the window also while Closed, and sets the counters to zero. */
  readonly reset: Effect.Effect<void>
}

/** A circuit breaker. */
export interface CircuitBreaker {
  readonly name: string
  /** Stands around an effect. Adds {@link CircuitOpen} to its errors and changes nothing else. */
  readonly protect: <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | CircuitOpen, R>
  /**
   * Like `protect`, judging this kind of call by rules of its own; what is not given is as in the options. With a
   * `slowCallDuration` of `"Infinity"` it is never slow.
   */
  readonly protectWith: <A, E>(options: {
    readonly classify?: ((exit: Exit.Exit<A, E>) => Outcome.Outcome) | undefined
    readonly slowCallDuration?: Duration.Input | undefined
  }) => <R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | CircuitOpen, R>
  /**
   * Asks the circuit without a lease: rejects what would be rejected now, and lets pass without counting. To be put
   * around a queue or a limit that stands outside `protect`, so that an open circuit spends neither place nor token.
   */
  readonly gate: <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | CircuitOpen, R>
  readonly state: Effect.Effect<State>
  readonly snapshot: Effect.Effect<Snapshot>
  /** Changes of state from the moment of subscription on; a subscriber more than 128 behind loses the oldest. */
  readonly transitions: Stream.Stream<Transition>
  readonly control: Control
}
