/** The types of a retry budget: what is configured, what is made, what is read. */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"

/**
 * How many retries are allowed. `name` is required.
 *
 * @since 0.1.0
 * @category options
 */
export interface Options {
  /** The name in metrics and in the registry. */
  readonly name: string
  /** Retries allowed for each success in the window: a number of 0 or more. @default 0.2 */
  readonly ratio?: number | undefined
  /** Retries allowed in a window without any success: a whole number of 0 or more. @default 10 */
  readonly floor?: number | undefined
  /**
   * How long successes and retries count: a finite duration of at least 100 microseconds. Time is counted in hundredths
   * of the window, so that an event may leave up to a hundredth of the window early. @default "10 seconds"
   */
  readonly window?: Duration.Input | undefined
}

/**
 * The state of a budget at one moment.
 *
 * @since 0.1.0
 * @category snapshots
 */
export interface Snapshot {
  readonly name: string
  /** Retries that could be made now. */
  readonly available: number
  /** Successes in the window. */
  readonly successes: number
  /** Retries in the window. */
  readonly retries: number
  /** Retries refused since the budget was made. */
  readonly refused: number
}

/**
 * A retry budget.
 *
 * @since 0.1.0
 * @category models
 */
export interface RetryBudget {
  readonly name: string
  /** Takes one retry; `false` when none is available. For retries that are not made by `Retry`. */
  readonly take: Effect.Effect<boolean>
  /** Counts one success. */
  readonly deposit: Effect.Effect<void>
  readonly snapshot: Effect.Effect<Snapshot>
}
