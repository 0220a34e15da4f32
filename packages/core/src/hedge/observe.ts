/** What the registry and metrics see of a hedge. */
import * as Duration from "effect/Duration"
import type { Kind } from "../registry/kind.ts"
import { counter, gauge, highest } from "../registry/series.ts"
import type { Hedge, Reason, Snapshot } from "./model.ts"
import { saving } from "./saving.ts"

const reasons: ReadonlyArray<Reason> = [
  "samples",
  "unsafe",
  "deadline",
  "circuit",
  "busy",
  "attempts",
  "budget",
  "losing",
  "retry-budget",
  "refused"
]

/** In seconds, of the class that has the longest. */
const longestDelay = ({ classes }: Snapshot): number | undefined => {
  const delays = classes.flatMap(({ delay }) => delay === undefined ? [] : [Duration.toMillis(delay) / 1000])
  return delays.length === 0 ? undefined : Math.max(...delays)
}

/**
 * The kind of hedges, for `Registry.find` and `Registry.snapshotsOf`. A hedge that is not started harms nobody: hedges do not
 * affect health.
 *
 * @since 0.1.0
 * @category models
 */
export const kind: Kind<Hedge, Snapshot> = {
  tag: "Hedge",
  snapshot: (hedge) => hedge.snapshot,
  saving,
  metrics: [
    counter("switchgear_hedge_calls_total", "Calls that could have a hedge.", ({ primaries }) => primaries),
    counter("switchgear_hedge_started_total", "Further runs of calls that were begun.", ({ hedges }) => hedges),
    counter("switchgear_hedge_won_total", "Calls that a hedge has answered.", ({ won }) => won),
    counter("switchgear_hedge_lost_total", "Calls with a hedge that it has not answered.", ({ lost }) => lost),
    gauge("switchgear_hedge_budget", "Hedges that the budget allows now.", ({ budget }) => budget),
    gauge(
      "switchgear_hedge_losing",
      "1 while hedges are off because too few have won.",
      ({ isLosing }) => isLosing ? 1 : 0
    ),
    highest(
      "switchgear_hedge_delay_seconds",
      "Time after which a hedge is started, of the slowest class.",
      longestDelay
    ),
    ...reasons.map((reason) =>
      counter<Snapshot>(
        "switchgear_hedge_not_started_total",
        "Hedges that were not started, by reason.",
        ({ notStarted }) => notStarted[reason],
        { reason: reason.replace("-", "_") }
      )
    )
  ]
}
