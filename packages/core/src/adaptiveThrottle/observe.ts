/** What the registry, health and metrics see of an adaptive throttle. */
import type { Kind } from "../registry/kind.ts"
import { counter, gauge, highest } from "../registry/series.ts"
import type { AdaptiveThrottle, Snapshot } from "./model.ts"
import { saving } from "./saving.ts"

/**
 * The kind of adaptive throttles, for `Registry.find` and `Registry.snapshotsOf`. One that rejects degrades the application.
 *
 * @since 0.1.0
 * @category models
 */
export const kind: Kind<AdaptiveThrottle, Snapshot> = {
  tag: "AdaptiveThrottle",
  title: "Throttle",
  snapshot: (throttle) => throttle.snapshot,
  saving,
  health: ({ rejectionRate }) => ({ conditions: [{ reason: "throttling", count: rejectionRate > 0 ? 1 : 0 }] }),
  metrics: [
    highest(
      "switchgear_throttle_rejection_rate",
      "Probability with which a call is rejected.",
      ({ rejectionRate }) => rejectionRate
    ),
    gauge("switchgear_throttle_window_requests", "Calls in the window.", ({ requests }) => requests),
    gauge("switchgear_throttle_window_accepts", "Answered calls in the window.", ({ accepts }) => accepts),
    counter("switchgear_throttle_rejected_total", "Calls the throttle rejected.", ({ rejected }) => rejected)
  ]
}
