/**
 * What the registry, health, metrics and events know about a kind of guard. The folder of each primitive provides its
 * kind.
 */
import type * as Clock from "effect/Clock"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import type { Series } from "./series.ts"

/**
 * A condition of a guard that degrades the health of the application.
 *
 * @since 0.1.0
 * @category models
 */
export interface Condition {
  /** A fixed word of the kind, such as `"open"` or `"full"`. */
  readonly reason: string
  /** How often it holds: 1, or the number of circuits of a family. */
  readonly count: number
  /** Time until it may end, if known. */
  readonly retryAfter?: Duration.Duration | undefined
}

/**
 * How one guard affects the health of the application.
 *
 * @since 0.1.0
 * @category models
 */
export interface KindHealth {
  /** Each condition with a `count` above 0 degrades the application. */
  readonly conditions: ReadonlyArray<Condition>
  /**
   * The number of targets behind the guard, and how many of them get no call. The application is down when this is all
   * targets of all critical guards. Absent if the guard has no targets.
   */
  readonly targets?: { readonly all: number; readonly unreachable: number } | undefined
}

/**
 * A state change of a guard.
 *
 * @since 0.1.0
 * @category models
 */
export interface Change {
  readonly from: string
  readonly to: string
  /** A fixed word of the kind. */
  readonly reason: string
  /** Wall-clock time in milliseconds. */
  readonly at: number
  /** How long the new state lasts, if known. */
  readonly openFor?: Duration.Duration | undefined
}

/**
 * Why the saved state of a guard was not restored.
 *
 * - `not-registered`: no guard of this kind and id is registered.
 * - `other-name`: the guard with this id has another name, so that the state belongs to another guard.
 * - `not-saved`: the kind of the guard saves nothing.
 * - `in-use`: the guard has seen calls or commands already, and keeps its own state.
 * - `fleet`: the guard takes its state from the fleet.
 * - `other-options`: the state belongs to other options, such as another window.
 * - `malformed`: it is no state of this kind.
 * - `failed`: the code of the kind threw; the defect is logged.
 *
 * @since 0.1.0
 * @category models
 */
export type NotRestored =
  | "not-registered"
  | "other-name"
  | "not-saved"
  | "in-use"
  | "fleet"
  | "other-options"
  | "malformed"
  | "failed"

/**
 * How `SavedState` saves the state of a guard and restores it in another process. Both functions are one synchronous step.
 *
 * @since 0.1.0
 * @category models
 */
export interface Saving<in Self> {
  /**
   * The state as plain JSON; undefined if there is nothing to save. A time must be a distance from now or a wall-clock
   * time, because a monotonic time means nothing in another process. Must contain no secret.
   */
  readonly save: (self: Self, clock: Clock.Clock) => Schema.Json | undefined
  /** Whether this guard has a state that cannot be saved: it is named in `leftOut`. @default none has */
  readonly leavesOut?: ((self: Self) => boolean) | undefined
  /**
   * Puts the saved state into a guard that has not been used yet. `age` is the time since the saving in milliseconds, 0
   * or more. It either restores all of the state or changes nothing and says why.
   */
  readonly restore: (
    self: Self,
    saved: Schema.Json,
    age: number,
    clock: Clock.Clock
  ) => "restored" | NotRestored
}

/**
 * A kind of guard: `Self` is the guard, `Snapshot` its state at one moment. Pass it to `Registry.register`. The guard
 * is then in `Registry.snapshots`, in the health and in the metrics of `Telemetry.layer`, and its changes are in
 * `Registry.events`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Kind<in Self, in out Snapshot> {
  /**
   * The unique name of the kind, written like a class, such as `"CircuitBreaker"`. While a guard of this kind is in a
   * registry, the registry refuses another kind with the same tag.
   */
  readonly tag: string
  /** The state of a guard at one moment. */
  readonly snapshot: (self: Self) => Effect.Effect<Snapshot>
  /** How a guard affects the health. @default not at all */
  readonly health?: ((snapshot: Snapshot) => KindHealth) | undefined
  /**
   * The metrics of the kind, or of one guard of it, as its snapshot says. When a guard has more series than before, call
   * `grew` of the registry. @default none
   */
  readonly metrics?:
    | ReadonlyArray<Series<Snapshot>>
    | ((snapshot: Snapshot) => ReadonlyArray<Series<Snapshot>>)
    | undefined
  /** The label that holds the name of the guard. @default "name" */
  readonly nameLabel?: string | undefined
  /** What log lines call the guard, such as `"Circuit"`. @default the tag */
  readonly title?: string | undefined
  /** How `SavedState` saves and restores a guard. @default not at all */
  readonly saving?: Saving<Self> | undefined
  /** Whether a change is a recovery, which is logged as information instead of a warning. @default never */
  readonly isRecovery?: ((change: Change) => boolean) | undefined
}
