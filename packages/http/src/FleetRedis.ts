/**
 * The connection of a fleet to its Redis, or Redis Cluster, on Node: the `Redis` service that `ClusterStore.layerRedis` of
 * `@switchgear/core` needs, over the `redis` package.
 *
 * **Details**
 *
 * A command is sent at once or fails at once. None waits in a queue of the client, where it would be run after it counts for
 * anything. A connection that does not answer a `PING` in time is closed, with what it still waits for, and made again: after
 * 250 milliseconds, and up to 5 seconds later. A subscription that ends is told to its subscriber, which a fleet asks for again.
 *
 * The layers do not fail where Redis is away: they wait for the first attempt, for `connectTimeout` at most, and go on trying.
 * The log has one line when the connection is lost, with the reason, and one when it is back. No line and no error has the
 * URL, the user or the password in it.
 *
 * **Gotchas**
 *
 * A user of its own for the fleet needs the commands that the page about fleets lists, and for a Redis Cluster `+cluster|slots`.
 *
 * @since 0.1.0
 * @stability unstable
 */
import { OptionsOf } from "@switchgear/core/runtime"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redis from "effect/persistence/Redis"
import { clusterClient } from "./fleetRedis/clusterClient.ts"
import { KeptClient } from "./fleetRedis/keptClient.ts"
import type { ClusterOptions, Options } from "./fleetRedis/options.ts"
import { type Settings, validated } from "./fleetRedis/settings.ts"
import { singleClient } from "./fleetRedis/singleClient.ts"
import type { OpenClient } from "./fleetRedis/client.ts"

export type { ClusterOptions, Options, Tls } from "./fleetRedis/options.ts"

/**
 * A connection to one Redis. Dies with a `RangeError` that names the field when an option is out of range.
 *
 * ```ts no-run
 * import * as Cluster from "@switchgear/core/Cluster"
 * import * as ClusterStore from "@switchgear/core/ClusterStore"
 * import * as FleetRedis from "@switchgear/http/FleetRedis"
 * import { Layer, Redacted } from "effect"
 *
 * const url = Redacted.make("rediss://fleet:secret@redis.internal:6379")
 *
 * const fleet = Cluster.layer().pipe(
 *   Layer.provide(ClusterStore.layerRedis({ fleet: "prod" })),
 *   Layer.provide(FleetRedis.layer({ url }))
 * )
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options): Layer.Layer<Redis.Redis> =>
  kept(() => {
    const { url, ...others } = options
    return validated("url", [url], others, new OptionsOf("FleetRedis.layer"))
  }, singleClient)

/**
 * A connection to a Redis Cluster: a command goes to the node that has its first key, also after that has moved.
 *
 * Dies with a `RangeError` that names the field when an option is out of range. There are no connections to reserve.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerCluster = (options: ClusterOptions): Layer.Layer<Redis.Redis> =>
  kept(() => {
    const { urls, ...others } = options
    return validated("urls", urls, others, new OptionsOf("FleetRedis.layerCluster"))
  }, clusterClient)

const kept = (settingsOf: () => Settings, open: (settings: Settings) => OpenClient): Layer.Layer<Redis.Redis> =>
  Layer.effect(
    Redis.Redis,
    Effect.gen(function*() {
      const settings = yield* Effect.sync(settingsOf)
      const client = new KeptClient(() => open(settings), settings)
      yield* client.start
      return yield* Redis.make(client)
    })
  )
