/** What a limit has learnt, as plain JSON, and how far it is trusted when it is old. */
import * as Schema from "effect/Schema"
import { CLASSES, names } from "./algorithm.ts"

/** After this time, half of the way from `initial` to the saved limit is left: the load on a provider changes by the hour. */
const HALF_LIFE = 3_600_000

const amount = Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }))
const count = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }))
const sample = Schema.Literals(["firstToken", "perToken", "duration"])

/** From a microsecond, which is the shortest sample, to more than any call takes. */
const millis = Schema.Finite.check(Schema.isBetween({ minimum: 0.001, maximum: 1e12 }))

/** The number of a class, what its calls usually take, and in how many windows that was learnt. */
const SavedBaseline = Schema.Struct({
  number: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: CLASSES - 1 })),
  millis,
  windows: count
})

export const SavedLearnt = Schema.Struct({
  limit: amount,
  reason: Schema.Literals(["initial", "grow", "hold", "brake", "drop", "relearn", "min", "max"]),
  /** The limit before an outage that is not over. */
  beforeOutage: Schema.optionalKey(amount),
  /** Whether there was no sign of overload yet. */
  slowStart: Schema.optionalKey(Schema.Boolean),
  baselines: Schema.Array(SavedBaseline)
})

export const SavedLimit = Schema.Struct({
  algorithm: Schema.Literals(names),
  sample: Schema.optionalKey(sample),
  pinned: Schema.optionalKey(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }))),
  /** In the order of their numbers; the last one has no name and holds all others. */
  classes: Schema.Array(Schema.Struct({ class: Schema.optionalKey(Schema.String), sample })).check(
    Schema.isMaxLength(CLASSES)
  ),
  learnt: SavedLearnt
})

export type SavedBaseline = typeof SavedBaseline.Type
export type SavedLearnt = typeof SavedLearnt.Type
export type SavedLimit = typeof SavedLimit.Type

/** How far what is `age` milliseconds old is trusted: 1 for what is new, 0 for what is very old. */
export const trustAt = (age: number): number => 2 ** (-age / HALF_LIFE)

/** The way from `initial` to a limit that was learnt, as far as it is trusted. */
export const trustedLimit = (
  limit: number,
  trust: number,
  { initial, max, min }: { readonly initial: number; readonly min: number; readonly max: number }
): number => Math.min(max, Math.max(min, initial + (limit - initial) * trust))

/** An algorithm that goes on in another process. */
export interface Savable {
  readonly save: () => SavedLearnt
  /** Begins with what was learnt. `trust` is from 0 to 1. */
  readonly restore: (learnt: SavedLearnt, trust: number) => void
}

export const isSavable = <A extends object>(algorithm: A): algorithm is A & Savable => "restore" in algorithm
