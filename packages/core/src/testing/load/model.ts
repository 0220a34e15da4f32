/** What arrivals are. */
import type * as Duration from "effect/Duration"

/** When calls come. Rates are calls a second. */
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
    /** The times of the rows in milliseconds, in order. They count from the first. */
    readonly at: ReadonlyArray<number>
    /** How many calls came from each row until the next. */
    readonly calls: ReadonlyArray<number>
  }
