/** The types of what runs chains under a name: what is configured, what is made, and what it counts. */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type { RunsOut } from "./CascadeExhausted.ts"
import type { Cascade, Degradation, Served } from "./model.ts"

/**
 * How a {@link Runner} is seen.
 *
 * @since 0.1.0
 * @category options
 */
export interface Options {
  /** The name in registry, metrics and log: a text that is not empty. */
  readonly name: string
  /**
   * How long no answer may be stale or canned before the next answer of a target ends the degradation: a finite duration
   * above zero. It bounds the number of log lines, see {@link Runner}. @default "1 minute"
   */
  readonly recoveredAfter?: Duration.Input | undefined
}

/**
 * What has been counted of one step since the runner was made.
 *
 * @since 0.1.0
 * @category snapshots
 */
export interface StepCounts {
  readonly step: string
  /** What its answers are marked with. */
  readonly degradation: Degradation
  /** Runs that ended with its answer. */
  readonly served: number
  /** Its errors after which the next step was tried, and those with which the chain ran out. */
  readonly failed: number
}

/**
 * What a runner has counted since it was made. A run that is interrupted is counted in `runs`, and its result nowhere.
 *
 * @since 0.1.0
 * @category snapshots
 */
export interface Snapshot {
  readonly name: string
  /** Runs begun. */
  readonly runs: number
  /** Runs that wait at this moment before they ask their targets again, see {@link orAgain}. */
  readonly waiting: number
  /** How often runs have asked their targets again after such a wait. */
  readonly rounds: number
  /**
   * The steps in the order in which they were first seen: those of a chain are all here when it has been run once. After
   * the first 100, further steps are counted together under the name `other`.
   */
  readonly steps: ReadonlyArray<StepCounts>
  /** Runs that failed with `CascadeExhausted`, because no step had an answer. */
  readonly exhausted: number
  /** Runs that failed with an error that does not move on, or with a defect. */
  readonly failedAtOnce: number
  /** The step of the last answer; undefined before the first. */
  readonly servingFrom: string | undefined
  /**
   * Why the application is not healthy: answers are `"stale"` or `"canned"`, as {@link Runner} says when they begin and
   * cease, or the last run that ended without an answer was `"exhausted"`. Undefined when targets answer.
   */
  readonly degraded: "stale" | "canned" | "exhausted" | undefined
}

/**
 * Runs chains under one name, counts their answers, and announces when they begin and cease to be stale or canned.
 *
 * A degradation begins with the first answer that is stale or canned. It ends with the first answer of a target after
 * `recoveredAfter` without such an answer. In between there is one more change at most, from stale to canned. So there are
 * at most three changes, and log lines of `Telemetry.layer`, in any `recoveredAfter`, whatever the traffic. Time is that
 * of the clock of the run; nothing runs in the background, so that without traffic a degradation does not end.
 *
 * @since 0.1.0
 * @category models
 */
export interface Runner {
  readonly name: string
  /** The same as `Cascade.run`, counted. */
  readonly run: <A, Moved, Failed, R, Left>(
    self: Cascade<A, Moved, Failed, R, never, Left>
  ) => Effect.Effect<Served<A, Moved>, Failed | RunsOut<Left>, R>
  readonly snapshot: Effect.Effect<Snapshot>
}
