/** A sliding window as plain JSON, and how it is read again. Times are distances from the moment of saving. */
import * as Schema from "effect/Schema"

const count = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }))

/** The last `size` calls: a digit for each, the oldest first: 1 for a failure, plus 2 for a slow call. Empty if all are 0. */
export const SavedCountWindow = Schema.Struct({
  size: count,
  calls: count,
  marks: Schema.String.check(Schema.isPattern(/^[0-3]*$/))
})

/**
 * Sums of equal slices of time. `offset` is how far the current slice has come, in milliseconds. Each slice has its
 * distance from the current one, its calls, failures, slow calls, and calls that failed and were slow.
 */
export const SavedTimeWindow = Schema.Struct({
  millis: Schema.Finite,
  buckets: count,
  offset: Schema.Finite,
  slices: Schema.Array(Schema.Tuple([count, count, count, count, count]))
})

export const SavedWindow = Schema.Union([SavedCountWindow, SavedTimeWindow])

export type SavedCountWindow = typeof SavedCountWindow.Type
export type SavedTimeWindow = typeof SavedTimeWindow.Type
export type SavedWindow = typeof SavedWindow.Type
