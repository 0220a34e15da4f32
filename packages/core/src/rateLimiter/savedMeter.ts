/** The state of a limit as plain JSON. Times are distances from the moment of saving, in milliseconds. */
import * as Schema from "effect/Schema"

const time = Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 8.64e15 }))
const amount = Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }))

const most = Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: Number.MAX_VALUE }))

/** What a token bucket holds, below zero while in debt; what came in for each millisecond, and the most that it held. */
export const SavedLevel = Schema.Struct({ level: Schema.Finite, rate: most, burst: most })

/**
 * The length of a sliding window, and what was taken in it, the oldest first: how long ago it began and ended, and the
 * amount.
 */
export const SavedSlices = Schema.Struct({ per: time, slices: Schema.Array(Schema.Tuple([time, time, amount])) })

export const SavedMeter = Schema.Union([SavedLevel, SavedSlices])

export type SavedLevel = typeof SavedLevel.Type
export type SavedSlices = typeof SavedSlices.Type
export type SavedMeter = typeof SavedMeter.Type
