/** What the registry, health and metrics see of a bulkhead. */
import type { Kind } from "../registry/kind.ts"
import { counter, gauge } from "../registry/series.ts"
import type { Reason } from "./BulkheadFull.ts"
import type { Bulkhead, Snapshot } from "./model.ts"

const reasons: ReadonlyArray<Reason> = ["queue-full", "wait-timeout", "deadline"]

/**
 * The kind of bulkheads, for `Registry.find` and `Registry.snapshotsOf`.
 *
 * @since 0.1.0
 * @category models
 */
export const kind: Kind<Bulkhead, Snapshot> = {
  tag: "Bulkhead",
  snapshot: (bulkhead) => bulkhead.snapshot,
  health: ({ concurrency, inFlight, queue, queued }) => ({
    conditions: [{ reason: "full", count: inFlight >= concurrency && queued >= queue ? 1 : 0 }]
  }),
  metrics: [
    gauge("switchgear_bulkhead_concurrency", "Calls that may run at once.", ({ concurrency }) => concurrency),
    gauge("switchgear_bulkhead_in_flight", "Calls that run.", ({ inFlight }) => inFlight),
    gauge("switchgear_bulkhead_queue_capacity", "Calls that may wait for a slot.", ({ queue }) => queue),
    gauge("switchgear_bulkhead_queued", "Calls that wait for a slot.", ({ queued }) => queued),
    ...reasons.map((reason) =>
      counter<Snapshot>(
        "switchgear_bulkhead_rejected_total",
        "Calls the bulkhead refused, by reason.",
        ({ rejected }) => rejected[reason],
        { reason: reason.replace("-", "_") }
      )
    )
  ]
}
