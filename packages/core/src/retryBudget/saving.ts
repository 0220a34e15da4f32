/** Retry budgets as `SavedState` saves and restores them. */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { SavedWindow } from "../internal/data/savedWindow.ts"
import { monotonicMillis } from "../internal/runtime/time.ts"
import type { Saving } from "../registry/kind.ts"
import { accounts } from "./account.ts"
import type { RetryBudget } from "./model.ts"

/** Successes are calls of the window, and retries are its failures. */
const SavedBudget = Schema.Struct({ window: SavedWindow })

const budgetIn = Schema.decodeUnknownOption(SavedBudget)

export const saving: Saving<RetryBudget> = {
  save: (budget, clock) => {
    const account = accounts.get(budget)
    return account && { window: account.save(monotonicMillis(clock)) }
  },
  restore: (budget, saved, age, clock) => {
    const account = accounts.get(budget)
    if (account === undefined) return "not-saved"
    const read = Option.getOrUndefined(budgetIn(saved))
    if (read === undefined) return "malformed"
    if (!account.accepts(read.window)) return "other-options"
    const now = monotonicMillis(clock)
    if (!account.isFresh) return "in-use"
    account.restore(read.window, now - age)
    return "restored"
  }
}
