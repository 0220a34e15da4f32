/** The budgets of a ledger as plain JSON. Windows are of the calendar, so that they need no age. */
import * as Schema from "effect/Schema"

/** The wall-clock times that a date can have. */
const wall = Schema.Finite.check(Schema.isBetween({ minimum: -8.64e15, maximum: 8.64e15 }))

/** Micro-dollars that were spent or reserved in a window. */
const SavedWindow = Schema.Struct({
  start: wall,
  end: wall,
  spent: Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }))
})

/** Each budget is known by whose it is and by the length of its window. */
const SavedBudget = Schema.Struct({
  per: Schema.Literals(["tenant", "all"]),
  window: Schema.Union([Schema.Literals(["day", "month"]), Schema.Finite]),
  windows: Schema.Array(SavedWindow)
})

export const SavedLedger = Schema.Struct({
  budgets: Schema.Array(SavedBudget),
  /** The least recently used first. */
  tenants: Schema.Array(Schema.Struct({ tenant: Schema.String, budgets: Schema.Array(SavedBudget) }))
})

export type SavedWindow = typeof SavedWindow.Type
export type SavedBudget = typeof SavedBudget.Type
export type SavedLedger = typeof SavedLedger.Type
