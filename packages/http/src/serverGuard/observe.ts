/** What registry, health and metrics see of a server's guard. */
import { counter, gauge, type Kind } from "@switchgear/core/Guard"
import type { Reason, ServerGuard, Snapshot } from "./model.ts"

const reasons: ReadonlyArray<Reason> = ["requests", "bytes", "too-large", "limit", "deadline"]

/**
 * The kind of the guards of servers, for `Registry.find` and `Registry.snapshotsOf`.
 *
 * @category models
 * @since 0.1.0
 */
export const kind: Kind<ServerGuard, Snapshot> = {
  tag: "ServerGuard",
  snapshot: (guard) => guard.snapshot,
  metrics: [
    gauge("switchgear_server_in_flight", "Requests whose responses have not been sent.", ({ inFlight }) => inFlight),
    gauge("switchgear_server_request_bytes", "Bytes of the bodies of requests in flight.", ({ bytes }) => bytes),
    counter("switchgear_server_taken_total", "Requests that were taken.", ({ taken }) => taken),
    counter(
      "switchgear_server_timed_out_total",
      "Requests whose time was over before their response was there.",
      ({ timedOut }) => timedOut
    ),
    ...reasons.map((reason) =>
      counter<Snapshot>(
        "switchgear_server_refused_total",
        "Requests that were refused, by reason.",
        ({ refused }) => refused[reason],
        { reason: reason.replace("-", "_") }
      )
    )
  ]
}
