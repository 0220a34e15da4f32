/** Makes a gateway a node of its fleet. It is loaded where a file has a fleet. */
import * as CoreCluster from "@switchgear/core/Cluster"
import * as ClusterStore from "@switchgear/core/ClusterStore"
import { monotonicMillis } from "@switchgear/core/runtime"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redis from "effect/persistence/Redis"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Connect from "../../fleetRedis/connect.ts"
import type { Cluster } from "../config/model.ts"
import type { FleetNode } from "./model.ts"
import { watched } from "./watchedStore.ts"

/** A gateway starts without its fleet rather than late. In milliseconds, for the connection and the first answer together. */
const longestWait = 500

export const open = ({ fleet, options, redis }: Cluster): Effect.Effect<FleetNode, never, Scope.Scope> =>
  Effect.gen(function*() {
    const clock = yield* Clock.Clock
    const latest = monotonicMillis(clock) + longestWait
    const inTime = <A>(wait: Effect.Effect<A>) =>
      Effect.suspend(() => Effect.asVoid(Effect.timeoutOption(wait, Math.max(0, latest - monotonicMillis(clock)))))
    const connection = yield* "urls" in redis ? Connect.toCluster(redis) : Connect.toOne(redis)
    yield* inTime(connection.tried)
    const { lastAnswer, lastError, store } = yield* storeOf(fleet, connection)
    const context = yield* Layer.build(
      Layer.provide(CoreCluster.layer(options), Layer.succeed(ClusterStore.ClusterStore, store))
    )
    const { control, status } = Context.get(context, CoreCluster.Cluster)
    return {
      fleet: {
        join: Context.get(context, CoreCluster.CurrentFleet)!.join,
        // Around what is made is all that the layer gives, so that limits with `shared: true` find their part of it.
        within: (place) => Effect.provide(Context.add(context, CoreCluster.CurrentFleet, place))
      },
      control,
      seen: Effect.map(status, (status) => ({
        ...status,
        fleet,
        away: options.away,
        lastSync: lastAnswer(),
        // What was never answered has not failed, and is away all the same.
        because: connection.lostBy() ?? lastError() ?? (status.state === "away" ? "timeout" : undefined)
      })),
      settled: status.pipe(
        Effect.repeat({ until: ({ state }) => state !== "joining", schedule: Schedule.spaced("5 millis") }),
        inTime
      )
    }
  })

const storeOf = (fleet: string, { redis }: Connect.Connection) =>
  Effect.map(
    Effect.all([
      Layer.build(Layer.provide(ClusterStore.layerRedis({ fleet }), Layer.succeed(Redis.Redis, redis))),
      Clock.Clock
    ]),
    ([context, clock]) => watched(Context.get(context, ClusterStore.ClusterStore), clock)
  )
