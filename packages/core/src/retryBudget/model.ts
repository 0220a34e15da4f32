/** What a retry budget is. */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"

/** How many retries there may be. `name` must be given. */
export interface Options {
  /** Appears in metrics. */
  readonly name: string
  /** Retries for each success of the window. @default 0.2 */
  readonly ratio?: number | undefined
  /** Retries in a window without any success. @default 10 */
  readonly floor?: number | undefined
  /**
   * How long successes and retries are counted, to a hundredth of it: they leave up to so much early. @default "10
   * seconds"
   */
  readonly window?: Duration.Input | undefined
}

/** What there is to read about a budget at one moment. */
export interface Snapshot {
  readonly name: string
  /** Retries that could be made now. */
  readonly available: number
  /** Successes in the window. */
  readonly successes: number
  /** Retries in the window. */
  readonly retries: number
  /** Retries refused since the beginning. */
  readonly refused: number
}

/** A retry budget. */
export interface RetryBudget {
  readonly name: string
  /** Takes one retry, or answers false when none is left: for retries that are not made by `Retry`. */
  readonly take: Effect.Effect<boolean>
  /** Counts one success. */
  readonly deposit: Effect.Effect<void>
  readonly snapshot: Effect.Effect<Snapshot>
}
