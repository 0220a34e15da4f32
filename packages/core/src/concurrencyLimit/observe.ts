/** What the registry, health and metrics see of a concurrency limit. */
import type { Reason } from "../bulkhead/BulkheadFull.ts"
import type { Kind } from "../registry/kind.ts"
import { counter, gauge, highest } from "../registry/series.ts"
import type { ConcurrencyLimit, Snapshot } from "./model.ts"
import { saving } from "./saving.ts"

const reasons: ReadonlyArray<Reason> = ["queue-full", "wait-timeout", "deadline"]

const calls = (outcome: "success" | "drop" | "ignored", read: (snapshot: Snapshot) => number) =>
  counter<Snapshot>(
    "switchgear_concurrencylimit_calls_total",
    "Calls that ended, by what they said about the capacity.",
    read,
    { outcome }
  )

/**
 * The kind of concurrency limits, for `Registry.find` and `Registry.snapshotsOf`.
 *
 * @since 0.1.0
 * @category models
 */
export const kind: Kind<ConcurrencyLimit, Snapshot> = {
  tag: "ConcurrencyLimit",
  title: "Concurrency limit",
  snapshot: (limit) => limit.snapshot,
  saving,
  health: ({ concurrency, inFlight, queue, queued }) => ({
    conditions: [{ reason: "full", count: inFlight >= concurrency && queued >= queue ? 1 : 0 }]
  }),
  metrics: [
    gauge("switchgear_concurrencylimit_limit", "Calls that may run at once.", ({ concurrency }) => concurrency),
    gauge("switchgear_concurrencylimit_in_flight", "Calls that run.", ({ inFlight }) => inFlight),
    gauge("switchgear_concurrencylimit_queue_capacity", "Calls that may wait for a slot.", ({ queue }) => queue),
    gauge("switchgear_concurrencylimit_queued", "Calls that wait for a slot.", ({ queued }) => queued),
    gauge(
      "switchgear_concurrencylimit_pinned",
      "1 while an operator holds the limit, otherwise 0.",
      ({ pinned }) => pinned === undefined ? 0 : 1
    ),
    highest(
      "switchgear_concurrencylimit_stretch_ratio",
      "How many times slower than usual the last answers were.",
      ({ stretch }) => stretch
    ),
    highest(
      "switchgear_concurrencylimit_drop_rate",
      "Share of drops among the last calls, from 0 to 1.",
      ({ dropRate }) => dropRate
    ),
    calls("success", ({ successes }) => successes),
    calls("drop", ({ drops }) => drops),
    calls("ignored", ({ ignored }) => ignored),
    ...reasons.map((reason) =>
      counter<Snapshot>(
        "switchgear_concurrencylimit_rejected_total",
        "Calls the limit refused, by reason.",
        ({ rejected }) => rejected[reason],
        { reason: reason.replace("-", "_") }
      )
    )
  ]
}
