/** What the registry and metrics see of a cache. */
import type { Kind } from "../registry/kind.ts"
import { counter, gauge } from "../registry/series.ts"
import type { Freshness } from "./cached.ts"
import type { Snapshot, StaleCache } from "./model.ts"

const freshnesses: ReadonlyArray<Freshness> = ["loaded", "fresh", "stale"]

/**
 * The kind of caches, for `Registry.find` and `Registry.snapshotsOf`.
 *
 * @since 0.1.0
 * @category models
 */
export const kind: Kind<StaleCache<any>, Snapshot> = {
  tag: "StaleCache",
  snapshot: (cache) => cache.snapshot,
  metrics: [
    gauge("switchgear_cache_size", "Values kept.", ({ size }) => size),
    gauge("switchgear_cache_capacity", "Values that can be kept.", ({ capacity }) => capacity),
    gauge("switchgear_cache_bytes", "Bytes kept; 0 when they are not measured.", ({ bytes }) => bytes),
    ...freshnesses.map((freshness) =>
      counter<Snapshot>(
        "switchgear_cache_served_total",
        "Values served: loaded by a call, fresh from the cache, or stale.",
        ({ served }) => served[freshness],
        { freshness }
      )
    ),
    counter(
      "switchgear_cache_store_failures_total",
      "Times the store of the cache failed or took too long.",
      ({ storeFailures }) => storeFailures
    )
  ]
}
