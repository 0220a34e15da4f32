/** What the registry, health and metrics see of a fleet. */
import type * as Effect from "effect/Effect"
import type { Kind } from "../registry/kind.ts"
import { counter, gauge, type Series } from "../registry/series.ts"
import type { Resource } from "../RateLimiter.ts"
import type { SharedLimit, Status } from "./model.ts"

const resources: ReadonlyArray<Resource> = ["requests", "tokens", "cost"]

const bookings = (resource: Resource): ReadonlyArray<Series<Status>> => {
  // Also where there is no such limit: one may join a fleet that is there already, whose series are known by then.
  const sum = (of: (limit: SharedLimit) => number) => ({ limits }: Status) =>
    limits.reduce((sum, limit) => limit.resource === resource ? sum + of(limit) : sum, 0)
  return [
    counter("switchgear_cluster_booked_total", "What was booked of shared limits.", sum(({ booked }) => booked), {
      resource
    }),
    counter(
      "switchgear_cluster_given_back_total",
      "What of that went back unused.",
      sum(({ givenBack }) => givenBack),
      { resource }
    )
  ]
}

/**
 * The kind of fleets, for `Registry.find` and `Registry.snapshotsOf`.
 *
 * @since 0.1.0
 * @category models
 */
export const kind: Kind<{ readonly status: Effect.Effect<Status> }, Status> = {
  tag: "Cluster",
  snapshot: (cluster) => cluster.status,
  // A node goes on by itself: it is degraded and never down.
  health: ({ budgets, dissent, limits, rulesDiffer, state }) => ({
    conditions: [
      { reason: "away", count: state === "away" || budgets.isAway || limits.some(({ isAway }) => isAway) ? 1 : 0 },
      { reason: "dissent", count: dissent.length },
      { reason: "rules-differ", count: rulesDiffer.length }
    ]
  }),
  metrics: [
    gauge("switchgear_cluster_nodes", "Nodes that the store has heard of lately.", ({ nodes }) => nodes),
    gauge("switchgear_cluster_away", "1 while the store does not answer.", ({ state }) => state === "away" ? 1 : 0),
    gauge(
      "switchgear_cluster_dissent",
      "Circuits that only this node has opened, or has closed.",
      ({ dissent }) => dissent.length
    ),
    counter("switchgear_cluster_syncs_total", "Messages that the store has answered.", ({ syncs }) => syncs),
    counter("switchgear_cluster_timeouts_total", "Messages without an answer in time.", ({ timeouts }) => timeouts),
    counter("switchgear_cluster_gaps_total", "Times at which changes were missed.", ({ gaps }) => gaps),
    gauge("switchgear_cluster_limits", "Limits that are shared.", ({ limits }) => limits.length),
    gauge(
      "switchgear_cluster_limits_away",
      "Limits that are not those of the fleet, since the store does not answer.",
      ({ limits }) => limits.filter(({ isAway }) => isAway).length
    ),
    ...resources.flatMap(bookings),
    gauge(
      "switchgear_cluster_budgets",
      "Shared budgets of which this node holds a share.",
      ({ budgets }) => budgets.count
    ),
    gauge(
      "switchgear_cluster_budgets_away",
      "1 while budgets are not those of the fleet, since the store does not answer.",
      ({ budgets }) => budgets.isAway ? 1 : 0
    ),
    counter(
      "switchgear_cluster_budget_taken_total",
      "What was taken of shared budgets, in micro-dollars.",
      ({ budgets }) => budgets.taken
    ),
    counter(
      "switchgear_cluster_budget_given_back_total",
      "What of that went back unused, in micro-dollars.",
      ({ budgets }) => budgets.givenBack
    )
  ]
}
