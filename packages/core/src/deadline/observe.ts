/** What the registry and metrics see of an attempt time-out. */
import type { Kind } from "../registry/kind.ts"
import { counter } from "../registry/series.ts"
import type { Snapshot, Timeout } from "./timeoutModel.ts"

/**
 * Attempt time-outs, to the registry.
 *
 * @since 0.1.0
 * @category models
 */
export const kind: Kind<Timeout, Snapshot> = {
  tag: "Timeout",
  snapshot: (timeout) => timeout.snapshot,
  metrics: [
    counter("switchgear_timeout_calls_total", "Calls begun.", ({ calls }) => calls),
    counter("switchgear_timeout_exceeded_total", "Calls that had not ended in time.", ({ timeouts }) => timeouts)
  ]
}
