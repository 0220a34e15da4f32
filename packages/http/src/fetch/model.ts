/** What there is to read and to do at a guarded fetch. */
import type { Fetch, Time } from "./options.ts"

/**
 * The state of a circuit.
 *
 * @category models
 * @since 0.1.0
 */
export type CircuitState = "Closed" | "Open" | "HalfOpen" | "ForcedOpen" | "Disabled" | "MetricsOnly"

/**
 * A circuit has changed its state.
 *
 * @category models
 * @since 0.1.0
 */
export interface FetchTransition {
  readonly target: string
  readonly from: CircuitState
  readonly to: CircuitState
  /** Such as `failure-rate`, `open-elapsed` or `manual`. */
  readonly reason: string
  /** Milliseconds since 1970. */
  readonly at: number
}

/**
 * One target. Times are in milliseconds, rates from 0 to 1.
 *
 * @category models
 * @since 0.1.0
 */
export interface TargetHealth {
  readonly state: CircuitState
  /** Milliseconds since 1970. */
  readonly since: number
  /** Undefined while there are too few calls for a rate. */
  readonly failureRate: number | undefined
  /** Results in the window, and those of them that failed. */
  readonly calls: number
  readonly failed: number
  /** Calls that run: their body has not ended. */
  readonly inFlight: number
  /** Calls that wait for a slot. */
  readonly waiting: number
  /** Calls that the circuit has refused since the beginning. */
  readonly refused: number
  /** Times that the circuit has opened. */
  readonly openings: number
  /** Until the open circuit admits a probe. */
  readonly nextRetry: number | undefined
  /** Until the end of the pause that a 429 has asked for. */
  readonly pausedFor: number | undefined
}

/**
 * All targets, and what follows for the application: `degraded` where something is wrong, `down` where no target lets a call
 * through.
 *
 * @category models
 * @since 0.1.0
 */
export interface FetchHealth {
  readonly status: "up" | "degraded" | "down"
  readonly targets: Readonly<Record<string, TargetHealth>>
}

/**
 * Changes the guards of one target by hand. A state that is set holds until the next command.
 *
 * @category models
 * @since 0.1.0
 */
export interface TargetControl {
  /** Refuses every call; with a time, as an opening of that length. */
  readonly open: (time?: Time) => void
  /** Closes the circuit. */
  readonly close: () => void
  /** Lets every call pass and counts none. */
  readonly disable: () => void
  /** Lets every call pass and counts all. */
  readonly metricsOnly: () => void
  /** Closes the circuit, and sets all counters to zero. */
  readonly reset: () => void
  /** Lets no call begin for this long, as after a 429. */
  readonly pause: (time: Time) => void
  readonly resume: () => void
}

/**
 * The state of all targets as plain JSON, for another process.
 *
 * @category models
 * @since 0.1.0
 */
export interface ExportedState {
  readonly version: 1
  /** Milliseconds since 1970. */
  readonly savedAt: number
  readonly guards: ReadonlyArray<{ readonly kind: string; readonly id: string; readonly state: unknown }>
  /** Guards whose state could not be written, such as where all would be too large. */
  readonly leftOut: ReadonlyArray<{ readonly kind: string; readonly id: string }>
}

/**
 * What became of an exported state.
 *
 * @category models
 * @since 0.1.0
 */
export interface RestoredState {
  /** How long ago it was exported, in milliseconds; zero where the clock has gone back since. */
  readonly age: number
  /** The guards that have their state. Targets that were not used here yet are made for it. */
  readonly restored: ReadonlyArray<{ readonly kind: string; readonly id: string }>
  /** Those that were left as they are, such as a target that has seen a call. */
  readonly ignored: ReadonlyArray<{ readonly kind: string; readonly id: string; readonly reason: string }>
}

/**
 * What is read and controlled, of a guarded `fetch` as of a guarded model.
 *
 * @category models
 * @since 0.1.0
 */
export interface Guards extends AsyncDisposable {
  readonly health: () => FetchHealth
  /** The metrics of all guards in the text format of Prometheus. */
  readonly metrics: () => string
  /** Calls the listener for each later change. Returns a function that ends that. */
  readonly on: (event: "transition", listener: (transition: FetchTransition) => void) => () => void
  /** The guards of one target, which is made if it was not used yet. */
  readonly control: (target: string) => TargetControl
  /** The circuits and limits of all targets, for another process: see `restoreState`. */
  readonly exportState: () => ExportedState
  /**
   * Goes on with a state that was exported, or its JSON: an open circuit has what is left of its opening. `null` and `undefined`
   * mean that nothing was exported. Call it before the first call. Throws a `TypeError` when it is no such state.
   */
  readonly restoreState: (state: unknown) => RestoredState
  /** Ends all calls, and refuses new ones. It is there when all have ended. */
  readonly [Symbol.asyncDispose]: () => Promise<void>
}

/**
 * A `fetch` behind guards.
 *
 * @category models
 * @since 0.1.0
 */
export interface GuardedFetch extends Fetch, Guards {}

/**
 * A model, as far as its guards know it.
 *
 * @category models
 * @since 0.1.0
 */
export interface NamedModel {
  readonly provider: string
  readonly modelId: string
}

/**
 * What a model answers a stream with.
 *
 * @category models
 * @since 0.1.0
 */
export interface Streamed {
  readonly stream: ReadableStream<unknown>
}
