/**
 * The synchronous side of the budgets that `RetryBudget.make` makes: a retry that uses it takes no further step of the
 * runtime. A budget that a user has written has no such side; its effects are run instead.
 */
import type { RetryBudget } from "./model.ts"
import type { SavedWindow } from "../internal/data/savedWindow.ts"

/** Times are monotonic milliseconds. */
export interface Account {
  readonly take: (now: number) => boolean
  readonly deposit: (now: number) => void
  /** Whether nothing was taken, refused or deposited. */
  readonly isFresh: boolean
  readonly save: (now: number) => SavedWindow
  readonly accepts: (saved: SavedWindow) => boolean
  readonly restore: (saved: SavedWindow, at: number) => void
}

export const accounts = new WeakMap<RetryBudget, Account>()
