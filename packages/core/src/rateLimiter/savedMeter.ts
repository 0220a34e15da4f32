/** The state of a limit as plain JSON. Times are distances from the moment of saving, in milliseconds. */
import * as Schema from "effect/Schema"

const time = Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 8.64e15 }))
const amount = Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }))

/** What a token bucket holds; below zero while in debt. */
export const SavedLevel = Schema.Struct({ level: Schema.Finite })

/** What was taken in a sliding window, the oldest first: how long ago it began and ended, and the amount. */
export const SavedSlices = Schema.Struct({ slices: Schema.Array(Schema.Tuple([time, time, amount])) })

export const SavedMeter = Schema.Union([SavedLevel, SavedSlices])

export type SavedLevel = typeof SavedLevel.Type
export type SavedSlices = typeof SavedSlices.Type
export type SavedMeter = typeof SavedMeter.Type
