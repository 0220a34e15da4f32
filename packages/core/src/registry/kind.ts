/** What the registry, health, metrics and events know about a kind of guard. The primitive's folder gives it. */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type { Series } from "./series.ts"

/**
 * Something about a guard that is not as it should be.
 *
 * @since 0.1.0
 * @category models
 */
export interface Condition {
  /** In the words of the kind, such as `"open"` or `"full"`. */
  readonly reason: string
  /** How many it holds for: 1, or so many circuits of a family. */
  readonly count: number
  /** Time until it may be over, where that is known. */
  readonly retryAfter?: Duration.Duration | undefined
}

/**
 * What a guard says about the health of the application.
 *
 * @since 0.1.0
 * @category models
 */
export interface KindHealth {
  /** Each of them degrades it. */
  readonly conditions: ReadonlyArray<Condition>
  /**
   * How many targets stand behind the guard, and how many of them it lets no call through to. The application is down when
   * that holds for all targets of all critical guards. Absent where the guard says nothing about targets.
   */
  readonly targets?: { readonly all: number; readonly unreachable: number } | undefined
}

/**
 * A change of state of a guard.
 *
 * @since 0.1.0
 * @category models
 */
export interface Change {
  readonly from: string
  readonly to: string
  /** In the words of the kind. */
  readonly reason: string
  /** Wall-clock time in milliseconds. */
  readonly at: number
  /** How long the new state lasts, where that is known. */
  readonly openFor?: Duration.Duration | undefined
}

/**
 * A kind of guard: `Self` is the guard, `Snapshot` what there is to read about one at one moment. Give it to
 * `Registry.register`; then the guard is in `Registry.snapshots`, in health, in the metrics of `Telemetry.layer`, and what
 * it announces in `Registry.events`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Kind<in Self, in out Snapshot> {
  /** Names the kind: unique, in the style of a class, such as `"CircuitBreaker"`. */
  readonly tag: string
  /** The present numbers of a guard. */
  readonly snapshot: (self: Self) => Effect.Effect<Snapshot>
  /** What they say about health. @default nothing: always up */
  readonly health?: ((snapshot: Snapshot) => KindHealth) | undefined
  /**
   * What is published: the same series for all guards of the kind, or those of one guard, as its snapshot says. Where these
   * become more, say so by `grew` of the registry. @default nothing
   */
  readonly metrics?:
    | ReadonlyArray<Series<Snapshot>>
    | ((snapshot: Snapshot) => ReadonlyArray<Series<Snapshot>>)
    | undefined
  /** The label that holds the name of the guard. @default "name" */
  readonly nameLabel?: string | undefined
  /** How a change is called in the log, such as `"Circuit"`. @default the tag */
  readonly title?: string | undefined
  /** Whether a change is good news, which is logged as information and not as a warning. @default none is */
  readonly isRecovery?: ((change: Change) => boolean) | undefined
}
