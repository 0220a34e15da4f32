/** A fleet of nodes in tests, each with a connection of its own. */
import { assert, it } from "@effect/vitest"
import * as ClusterStore from "@switchgear/core/ClusterStore"
import { Effect, Layer, Logger, References } from "effect"
import * as Redis from "effect/persistence/Redis"
import * as Fleet from "../../../core/test/cluster/fleet.ts"
import { isInstalled } from "../../../core/test/support/redisProcess.ts"

/** Where there is no server, the tests say so, and fail with SWITCHGEAR_REQUIRE_REDIS=1. */
export const withRedis = (what: string, tests: () => void): void => {
  if (isInstalled("redis-server")) return tests()
  it(what, ({ skip }) => {
    const mayBeMissing = process.env["SWITCHGEAR_REQUIRE_REDIS"] !== "1"
    assert.isTrue(mayBeMissing, "redis-server is not installed, and SWITCHGEAR_REQUIRE_REDIS=1 asks for it")
    skip("redis-server is not installed")
  })
}

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
