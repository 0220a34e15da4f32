/**
 * The synchronous side of the budgets that are made here, which saves a retry the steps of the runtime. A budget that
 * somebody else has written has none: it is asked by its effects.
 */
import type { RetryBudget } from "./model.ts"

/** Times are monotonic milliseconds. */
export interface Account {
  readonly take: (now: number) => boolean
  readonly deposit: (now: number) => void
}

export const accounts = new WeakMap<RetryBudget, Account>()
