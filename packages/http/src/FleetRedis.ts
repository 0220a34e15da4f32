/**
 * The connection of a fleet to its Redis, or Redis Cluster, on Node: the `Redis` service that `ClusterStore.layerRedis` of
 * `@switchgear/core` needs, over the `redis` package.
 *
 * **Details**
 *
 * A command is sent at once or fails at once. None waits in a queue of the client, where it would be run after it counts for
 * anything. A connection that does not answer a `PING` in time, or with what was said to another command, is closed, with what it still waits
 * for, and made again: after 250 milliseconds at first, and within a second always. A subscription that ends is told to its subscriber, which a fleet asks for again.
 *
 * The layers do not fail where Redis is away: they wait for the first attempt, for `connectTimeout` at most, and go on trying.
 * The log has one line when the connection is lost, with the reason, and one when it is back, which for one that comes and goes is after it has
 * lasted for five seconds. No line and no error has the
 * URL, the user or the password in it.
 *
 * **Gotchas**
 *
 * A user of its own for the fleet needs the commands that the page about fleets lists, and for a Redis Cluster `+cluster|slots`.
 *
 * @since 0.1.0
 * @stability unstable
 */
import type * as Config from "effect/Config"
import type * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redis from "effect/persistence/Redis"
import type * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { clusterCodec, codec } from "./fleetRedis/codec.ts"
import * as Connect from "./fleetRedis/connect.ts"
import type { ClusterOptions, Options } from "./fleetRedis/options.ts"

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
export const layer = (options: Options): Layer.Layer<Redis.Redis> => started(Connect.toOne(options))

/**
 * A connection to a Redis Cluster: a command goes to the node that has its first key, also after that has moved.
 *
 * Dies with a `RangeError` that names the field when an option is out of range. There are no connections to reserve.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerCluster = (options: ClusterOptions): Layer.Layer<Redis.Redis> => started(Connect.toCluster(options))

/**
 * What {@link OptionsSchema} reads: {@link Options} as they are written.
 *
 * @category options
 * @since 0.1.0
 */
export interface WrittenOptions extends Schema.Codec.Encoded<typeof codec.schema> {}

/**
 * {@link Options} as they are written in YAML or JSON; the key of a certificate is given in code. No error shows a URL or a
 * password. A wrong or unknown field is refused by name.
 *
 * @category schemas
 * @since 0.1.0
 */
export const OptionsSchema: Schema.Codec<Options, WrittenOptions> = codec.schema

/**
 * What {@link ClusterOptionsSchema} reads: {@link ClusterOptions} as they are written.
 *
 * @category options
 * @since 0.1.0
 */
export interface WrittenClusterOptions extends Schema.Codec.Encoded<typeof clusterCodec.schema> {}

/**
 * {@link ClusterOptions} as they are written, like {@link OptionsSchema}. `urls` is a list of texts.
 *
 * @category schemas
 * @since 0.1.0
 */
export const ClusterOptionsSchema: Schema.Codec<ClusterOptions, WrittenClusterOptions> = clusterCodec.schema

/**
 * {@link layer} with the options under a path of the configuration; what is not found there is as in `options`. The path
 * `redis` has the URL in `redis.url` of a file and in `REDIS_URL` of an environment. Options out of range are a `ConfigError`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerConfig = (
  path: string | ConfigProvider.Path,
  options: Partial<Options> = {}
): Layer.Layer<Redis.Redis, Config.ConfigError> => Layer.unwrap(Effect.map(codec.config(path, options), layer))

/**
 * {@link layerCluster} with the options under a path of the configuration, like {@link layerConfig}.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerClusterConfig = (
  path: string | ConfigProvider.Path,
  options: Partial<ClusterOptions> = {}
): Layer.Layer<Redis.Redis, Config.ConfigError> =>
  Layer.unwrap(Effect.map(clusterCodec.config(path, options), layerCluster))

const started = (connection: Effect.Effect<Connect.Connection, never, Scope.Scope>): Layer.Layer<Redis.Redis> =>
  Layer.effect(Redis.Redis, Effect.flatMap(connection, ({ redis, tried }) => Effect.as(tried, redis)))
