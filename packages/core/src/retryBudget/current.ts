/** The retry budget that a fiber is under. */
import * as Context from "effect/Context"
import type { RetryBudget } from "./model.ts"

/** The budget that the running fiber is under, if any. */
export const CurrentBudget = Context.Reference<RetryBudget | undefined>("@switchgear/core/RetryBudget/CurrentBudget", {
  defaultValue: () => undefined
})
