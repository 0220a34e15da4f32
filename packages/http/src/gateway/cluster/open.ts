/** Makes a gateway a node of its fleet. It is loaded where a file has a fleet. */
import * as CoreCluster from "@switchgear/core/Cluster"
import * as ClusterStore from "@switchgear/core/ClusterStore"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import type { Cluster } from "../config/model.ts"
import type { FleetNode } from "./model.ts"
import * as RedisStore from "./redisStore.ts"

/** A gateway starts without its fleet rather than late. */
const longestWait = "500 millis"

export const open = (cluster: Cluster): Effect.Effect<FleetNode, never, Scope.Scope> =>
  Effect.gen(function*() {
    const { lastAnswer, lastError, store } = yield* RedisStore.make(cluster)
    const context = yield* Layer.build(
      Layer.provide(CoreCluster.layer(cluster.options), Layer.succeed(ClusterStore.ClusterStore, store))
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
        fleet: cluster.fleet,
        lastSync: lastAnswer(),
        because: lastError()
      })),
      settled: status.pipe(
        Effect.repeat({ until: ({ state }) => state !== "joining", schedule: Schedule.spaced("5 millis") }),
        Effect.timeoutOption(longestWait),
        Effect.asVoid
      )
    }
  })
