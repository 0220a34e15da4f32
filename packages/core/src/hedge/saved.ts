/** The state of a hedge as plain JSON. */
import * as Schema from "effect/Schema"
import { SavedCountWindow } from "../internal/data/savedWindow.ts"

export const SavedHedge = Schema.Struct({
  /** Hedges that the budget allows, with fractions. */
  left: Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })),
  /** Calls with a hedge; those that it has not answered are failures. */
  recent: SavedCountWindow,
  /** Of ten hedges that would lose, how many were not started. */
  losing: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 9 }))
})

export type SavedHedge = typeof SavedHedge.Type
