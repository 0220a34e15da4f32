/** The public types of a circuit breaker: options, snapshot, transitions and control. */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Schedule from "effect/Schedule"
import type * as Stream from "effect/Stream"
import type * as Outcome from "../Outcome.ts"
import type { Guard } from "../guard/model.ts"
import type { HistogramReading } from "../registry/series.ts"
import type { CircuitOpen } from "./CircuitOpen.ts"

/**
 * The state of a circuit. The circuit itself moves between Closed, Open and HalfOpen; `control` sets ForcedOpen, Disabled and
 * MetricsOnly.
 *
 * @since 0.1.0
 * @category models
 */
export type State = "Closed" | "Open" | "HalfOpen" | "ForcedOpen" | "Disabled" | "MetricsOnly"

/**
 * Why the state changed.
 *
 * @since 0.1.0
 * @category models
 */
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
  | "fleet"
  | "restored"

/**
 * One change of state.
 *
 * @since 0.1.0
 * @category models
 */
export interface Transition {
  readonly breaker: string
  readonly from: State
  readonly to: State
  readonly reason: TransitionReason
  /**
   * Wall-clock time of the change in milliseconds. A change that time alone causes is announced when the circuit is next
   * called or read, and has the time at which it was due.
   */
  readonly at: number
  /** How long the circuit stays open, when `to` is `"Open"`. */
  readonly openFor: Duration.Duration | undefined
  /** The wait that the target asked for, where that decided. `openFor` is the same, but at most `maxRetryAfter`. */
  readonly askedFor?: Duration.Duration | undefined
  /** Openings without a closing in between. */
  readonly openingsInRow: number
}

/**
 * The calls that the rates are taken over: see `lastCalls` and `lasting`.
 *
 * @since 0.1.0
 * @category options
 */
export type Window =
  | { readonly _tag: "LastCalls"; readonly calls: number }
  | { readonly _tag: "Lasting"; readonly duration: Duration.Input; readonly buckets: number }

/**
 * The options of a circuit breaker. Only `name` is required.
 *
 * @since 0.1.0
 * @category options
 */
export interface Options {
  /** Appears in errors, transitions and metrics. */
  readonly name: string
  /** The calls that the rates are taken over. @default lastCalls(100) */
  readonly window?: Window | undefined
  /** Results that the window must hold before a rate can open the circuit. @default 10, or the size of a smaller count window */
  readonly minimumCalls?: number | undefined
  /** Share of failures that opens the circuit: above 0, at most 1, inclusive; or `"off"`. @default 0.5 */
  readonly failureRate?: number | "off" | undefined
  /**
   * A call that takes at least this long is slow, whether it succeeds, fails or is ignored. It counts as slow from that
   * moment on, while it is still in flight, so that calls that hang open the circuit before they end. The result of a
   * call that opened the circuit in this way is late. @default no call is slow
   */
  readonly slowCallDuration?: Duration.Input | undefined
  /** Share of slow calls that opens the circuit: above 0, at most 1, inclusive. @default 1 */
  readonly slowCallRate?: number | undefined
  /** Failures in a row that open the circuit, whatever the window holds. @default off */
  readonly consecutiveFailures?: number | undefined
  /**
   * How long an opening lasts. A schedule is stepped once for every opening in a row: its input is their number, from 1.
   * It starts over when the circuit has closed. When it is done, fails, or gives no delay above zero at once, its last
   * delay is used again; 30 seconds if there was none. @default "30 seconds"
   */
  readonly openFor?: Duration.Input | Schedule.Schedule<unknown, number> | undefined
  /**
   * The longest opening that the target can ask for: by the `retryAfter` of an error, by `Outcome.failureAfter` or by
   * `Outcome.tripFor`. @default "10 minutes"
   */
  readonly maxRetryAfter?: Duration.Input | undefined
  /**
   * A call that ends because of its caller's total deadline counts as a failure only if it had at least this much time;
   * otherwise it is ignored. With zero, every such call counts; with `"Infinity"`, none does. An attempt time-out always
   * counts.
   *
   * Without this option, calls that had less time, but at least 100 ms, count too as soon as callers have waited for eight
   * times the average without an answer. Until the first answer the average is taken to be one second, and one second of
   * waiting is enough. Callers that wait at the same time count once. Set this option, or an attempt time-out, where
   * deadlines are below 100 ms.
   * @default the average time of an answer, learnt from the first eight calls that are answered and then from one in 31
   */
  readonly patience?: Duration.Input | undefined
  /**
   * Probes in HalfOpen. The rates of the window apply to them, over all `calls` of them. With `failureRate: "off"`, one
   * failed probe opens the circuit again.
   */
  readonly halfOpen?: {
    /** Probes that decide, at most 100,000. @default 5 */
    readonly calls?: number | undefined
    /**
     * A probe that is in flight for this long since it began, or since its last `stillAlive`, opens the circuit again. If
     * it succeeds later, it still counts as a successful probe. `"Infinity"` for no limit. @default "60 seconds"
     */
    readonly maxWait?: Duration.Input | undefined
  } | undefined
  /**
   * After closing, only a share of the calls passes, which grows from `from` (default 0.1) to 1 over the time `over`. The
   * others are rejected. This spares a target that has just recovered. @default all pass at once
   */
  readonly rampUp?: { readonly over: Duration.Input; readonly from?: number | undefined } | undefined
  /** Classifies a call by its exit. If it throws, the default classifies that call. @default Outcome.fromExit */
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
  /**
   * Whether it is one circuit with those of the same name on other nodes. Without a `Cluster` around it is that of this
   * process. @default false
   */
  readonly shared?: boolean | undefined
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
  /** Calls that were slow. A call in flight counts from the moment at which it becomes slow. */
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

/**
 * The numbers of a circuit at one moment.
 *
 * @since 0.1.0
 * @category snapshots
 */
export interface Snapshot {
  readonly name: string
  readonly state: State
  /** When the state began, in wall-clock milliseconds. Reading the circuit earlier or later does not change it. */
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
  /** The options in force that decide whether it opens or closes. */
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
  /** Time until the circuit admits a probe, while it is Open, in whole milliseconds. */
  readonly nextRetry: Duration.Duration | undefined
}

/**
 * Commands that change the state manually. The new state holds until the next command. The results of calls in flight at
 * that moment do not move the circuit any more. A command for the present state changes and announces nothing.
 *
 * @since 0.1.0
 * @category models
 */
export interface Control {
  /**
   * Opens the circuit, as if a condition held: for the given time, or for as long as `openFor` says. The time is not bounded by
   * `maxRetryAfter`. While Open, a given time replaces what is left, and nothing is announced; while ForcedOpen, Disabled
   * or MetricsOnly it changes nothing. Dies with a `RangeError` on a negative or infinite duration: use `forceOpen`.
   */
  readonly trip: (duration?: Duration.Input | undefined) => Effect.Effect<void>
  /** Rejects every call until the next command. */
  readonly forceOpen: Effect.Effect<void>
  /** Lets every call pass and counts none until the next command. */
  readonly disable: Effect.Effect<void>
  /** Lets every call pass and counts all until the next command; nothing opens the circuit. */
  readonly metricsOnly: Effect.Effect<void>
  /** Closes the circuit with an empty window. While Closed, the window stays as it is. */
  readonly close: Effect.Effect<void>
  /** Closes the circuit, empties the window, also while Closed, and sets all counters to zero. */
  readonly reset: Effect.Effect<void>
}

/**
 * A circuit breaker.
 *
 * @since 0.1.0
 * @category models
 */
export interface CircuitBreaker extends Guard<CircuitOpen> {
  readonly name: string
  /** Wraps an effect. Adds {@link CircuitOpen} to its errors and changes nothing else. */
  readonly protect: <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | CircuitOpen, R>
  /**
   * Like `protect`, with its own `classify` and `slowCallDuration` for this kind of call; what is not given is as in the
   * options. With a `slowCallDuration` of `"Infinity"` the call is never slow.
   */
  readonly protectWith: <A, E>(options: {
    readonly classify?: ((exit: Exit.Exit<A, E>) => Outcome.Outcome) | undefined
    readonly slowCallDuration?: Duration.Input | undefined
  }) => <R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | CircuitOpen, R>
  /**
   * Rejects a call that the circuit would reject now, and lets any other pass without counting it. Put it around a queue
   * or a rate limiter that is outside `protect`: then a call to an open circuit takes neither a place nor a token.
   */
  readonly gate: <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | CircuitOpen, R>
  /** The present state; time that has passed is taken into account. */
  readonly state: Effect.Effect<State>
  /** The present numbers; time that has passed is taken into account. */
  readonly snapshot: Effect.Effect<Snapshot>
  /** Changes of state from the subscription on. A subscriber that is more than 128 behind loses the oldest ones. */
  readonly transitions: Stream.Stream<Transition>
  readonly control: Control
}
