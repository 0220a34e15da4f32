/** What the registry and metrics see of a retry. */
import type { Kind } from "../registry/kind.ts"
import { counter } from "../registry/series.ts"
import type { Retry, Snapshot } from "./model.ts"

const reasons: ReadonlyArray<readonly [keyof Snapshot["gaveUp"], label: string]> = [
  ["attempts", "attempts"],
  ["deadline", "deadline"],
  ["budget", "budget"],
  ["retryAfter", "retry_after"]
]

/**
 * Retries, to the registry.
 *
 * @since 0.1.0
 * @category models
 */
export const kind: Kind<Retry<any>, Snapshot> = {
  tag: "Retry",
  snapshot: (retry) => retry.snapshot,
  metrics: [
    counter("switchgear_retry_calls_total", "Calls begun.", ({ calls }) => calls),
    counter(
      "switchgear_retry_attempts_total",
      "Attempts begun, the first of each call included.",
      (retry) => retry.attempts
    ),
    counter("switchgear_retry_recovered_total", "Calls that succeeded after a retry.", ({ recovered }) => recovered),
    ...reasons.map(([reason, label]) =>
      counter<Snapshot>(
        "switchgear_retry_gave_up_total",
        "Calls that ended with an error worth another attempt, by the reason why there was none.",
        ({ gaveUp }) => gaveUp[reason],
        { reason: label }
      )
    ),
    counter(
      "switchgear_retry_not_retried_total",
      "Calls that ended with an error for which no other attempt is allowed.",
      ({ notRetried }) => notRetried
    )
  ]
}
