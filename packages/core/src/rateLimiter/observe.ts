/** What the registry, health and metrics see of a rate limiter. */
import * as Duration from "effect/Duration"
import type { Kind } from "../registry/kind.ts"
import { counter, gauge, highest, type Series } from "../registry/series.ts"
import { saving } from "./saving.ts"
import type { RateLimiter, Resource, Snapshot } from "./model.ts"

const resources: ReadonlyArray<Resource> = ["requests", "tokens", "cost"]

const limitSeries = (resource: Resource): ReadonlyArray<Series<Snapshot>> => {
  const limit = ({ limits }: Snapshot) => limits.find((limit) => limit.resource === resource)
  return [
    gauge(
      "switchgear_ratelimiter_available",
      "What can be taken now; negative in debt.",
      (limiter) => limit(limiter)?.available,
      { resource }
    ),
    gauge(
      "switchgear_ratelimiter_capacity",
      "What can be taken when nothing was used.",
      (limiter) => limit(limiter)?.capacity,
      { resource }
    )
  ]
}

/**
 * The kind of rate limiters, for `Registry.find` and `Registry.snapshotsOf`.
 *
 * @since 0.1.0
 * @category models
 */
export const kind: Kind<RateLimiter, Snapshot> = {
  tag: "RateLimiter",
  snapshot: (limiter) => limiter.snapshot,
  saving,
  health: ({ pausedFor }) => ({
    conditions: [{ reason: "paused", count: pausedFor === undefined ? 0 : 1, retryAfter: pausedFor }]
  }),
  metrics: [
    ...resources.flatMap(limitSeries),
    gauge("switchgear_ratelimiter_waiting", "Calls that wait for their turn.", ({ waiting }) => waiting),
    highest(
      "switchgear_ratelimiter_paused_seconds",
      "Time until the limiter grants anything; 0 when it is not paused.",
      ({ pausedFor }) => pausedFor === undefined ? 0 : Duration.toSeconds(pausedFor)
    ),
    counter("switchgear_ratelimiter_admitted_total", "Calls that got their turn.", ({ admitted }) => admitted),
    counter("switchgear_ratelimiter_rejected_total", "Calls the limiter refused.", ({ rejected }) => rejected)
  ]
}
