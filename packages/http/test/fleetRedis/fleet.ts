/** A fleet of nodes in tests, each with a connection of its own. */
import * as ClusterStore from "@switchgear/core/ClusterStore"
import { Effect, Layer, Logger, References } from "effect"
import * as Redis from "effect/persistence/Redis"
import * as Fleet from "../../../core/test/cluster/fleet.ts"
import { withServer } from "../../../core/test/support/withServers.ts"

export const withRedis = (what: string, tests: () => void): void => withServer("redis-server", what, tests)

export const node = (redis: Layer.Layer<Redis.Redis>, fleet = "test") =>
  Effect.gen(function*() {
    const context = yield* Layer.build(Layer.fresh(Layer.provideMerge(ClusterStore.layerRedis({ fleet }), redis)))
    return { ...yield* Effect.provide(Fleet.node, context), redis: yield* Effect.provide(Redis.Redis, context) }
  })

/** The lines of the log, with the errors in them, beside an effect. */
export const logged = <A, E, R>(effect: (lines: ReadonlyArray<string>) => Effect.Effect<A, E, R>) => {
  const lines: Array<string> = []
  const logger = Logger.make((entry) => void lines.push(Logger.formatLogFmt.log(entry)))
  return effect(lines).pipe(
    Effect.provideService(Logger.CurrentLoggers, new Set([logger])),
    Effect.provideService(References.MinimumLogLevel, "Trace")
  )
}
