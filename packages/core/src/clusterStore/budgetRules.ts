/**
 * How the store answers one message about one budget in one window. Redis does the same in Lua (`budgetScript`), with the same
 * numbers: a change here is a change there.
 *
 * Invariants
 * - What is out, `given - returned`, is at most the limit and what was spent without a share.
 * - The sums only grow, and a message that is late, or heard by nobody, harms nothing: what it takes is lost to the fleet.
 * - A sum that is as large as a number can be stays there: it is still read by the nodes.
 * - A store that knows less than the node, since it was emptied or is an older copy, knows as much afterwards.
 */
import type { BudgetAnswer, BudgetMessage, BudgetSums } from "./budgetModel.ts"

export interface BudgetRecord extends BudgetSums {
  /** What the last node that told of it took for the limit. */
  readonly limit: number
}

export interface Shared {
  readonly record: BudgetRecord
  readonly answer: BudgetAnswer
}

const most = Number.MAX_SAFE_INTEGER

export const shareOut = (known: BudgetRecord | undefined, message: BudgetMessage): Shared => {
  const { back, heard, least, limit, over, want } = message
  const before = Math.min(most, Math.max(known?.given ?? 0, heard.given) + over)
  const returned = Math.min(before, Math.max(known?.returned ?? 0, heard.returned) + back)
  const spent = Math.min(most, Math.max(known?.spent ?? 0, heard.spent) + message.spent)
  const left = limit - (before - returned)
  const granted = left >= least ? Math.max(0, Math.min(want, left, most - before)) : 0
  const sums = { given: before + granted, returned, spent }
  return {
    record: { ...sums, limit },
    answer: { granted, sums, otherLimit: known === undefined || known.limit === limit ? undefined : known.limit }
  }
}
