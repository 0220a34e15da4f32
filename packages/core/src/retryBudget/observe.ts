/** What the registry and metrics see of a retry budget. */
import type { Kind } from "../registry/kind.ts"
import { counter, gauge } from "../registry/series.ts"
import type { RetryBudget, Snapshot } from "./model.ts"
import { saving } from "./saving.ts"

/**
 * Retry budgets, to the registry.
 *
 * @since 0.1.0
 * @category models
 */
export const kind: Kind<RetryBudget, Snapshot> = {
  tag: "RetryBudget",
  snapshot: (budget) => budget.snapshot,
  saving,
  metrics: [
    gauge("switchgear_retry_budget_available", "Retries that could be made now.", ({ available }) => available),
    gauge("switchgear_retry_budget_window_successes", "Successes in the window.", ({ successes }) => successes),
    gauge("switchgear_retry_budget_window_retries", "Retries in the window.", ({ retries }) => retries),
    counter("switchgear_retry_budget_refused_total", "Retries the budget refused.", ({ refused }) => refused)
  ]
}
