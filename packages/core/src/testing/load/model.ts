/** The type of arrivals. */
import type * as Duration from "effect/Duration"

/**
 * When calls arrive. Rates are calls per second.
 *
 * @since 0.1.0
 * @category models
 */
export type Arrivals =
  | { readonly _tag: "Constant"; readonly rate: number; readonly for: Duration.Input }
  | { readonly _tag: "Poisson"; readonly rate: number; readonly for: Duration.Input }
  | { readonly _tag: "Ramp"; readonly from: number; readonly to: number; readonly for: Duration.Input }
  | {
    readonly _tag: "Burst"
    readonly of: Arrivals
    readonly times: number
    readonly after: Duration.Input
    readonly for: Duration.Input
    readonly every: Duration.Input | undefined
  }
  | { readonly _tag: "Sequence"; readonly sequence: ReadonlyArray<Arrivals> }
  | {
    readonly _tag: "Trace"
    /** The times of the rows in milliseconds, ascending, relative to the first. */
    readonly at: ReadonlyArray<number>
    /** The number of calls from each row to the next. */
    readonly calls: ReadonlyArray<number>
  }
