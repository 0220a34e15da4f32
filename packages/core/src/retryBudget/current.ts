/** The retry budget that is in force for a fiber. */
import * as Context from "effect/Context"
import type { RetryBudget } from "./model.ts"

/**
 * The budget of the innermost `within` around the running fiber; `undefined` if there is none.
 *
 * @since 0.1.0
 * @category references
 */
export const CurrentBudget = Context.Reference<RetryBudget | undefined>("@switchgear/core/RetryBudget/CurrentBudget", {
  defaultValue: () => undefined
})
