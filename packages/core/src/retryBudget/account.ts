/**
 * The synchronous side of the budgets that `RetryBudget.make` makes: a retry that uses it takes no further step of the
 * runtime. A budget that a user has written has no such side; its effects are run instead.
 */
import type { RetryBudget } from "./model.ts"

/** Times are monotonic milliseconds. */
export interface Account {
  readonly take: (now: number) => boolean
  readonly deposit: (now: number) => void
}

export const accounts = new WeakMap<RetryBudget, Account>()
