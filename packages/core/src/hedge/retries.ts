/** A hedge spends from the budget that the retries around it spend from. */
import * as Effect from "effect/Effect"
import type { AnyFiber } from "../internal/runtime/primitive.ts"
import { accounts } from "../retryBudget/account.ts"
import { budgetAround } from "../retryBudget/counted.ts"

/** Takes one retry, where there is a budget. One that cannot say at once whether it has one has none. */
export const takeRetry = (fiber: AnyFiber, now: number): boolean => {
  const budget = budgetAround(fiber)
  if (budget === undefined) return true
  const account = accounts.get(budget)
  if (account !== undefined) return account.take(now)
  const exit = Effect.runSyncExitWith(fiber.context)(budget.take)
  return exit._tag === "Success" && exit.value
}
