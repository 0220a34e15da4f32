/** A fleet of nodes in tests, each with a connection of its own. */
import { assert, it } from "@effect/vitest"
import { CircuitBreaker } from "@switchgear/core"
import * as Cluster from "@switchgear/core/Cluster"
import * as ClusterStore from "@switchgear/core/ClusterStore"
import { Context, Effect, Layer, Logger, References, Schedule } from "effect"
import type * as Redis from "effect/persistence/Redis"
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
    const context = yield* Cluster.layer({ timeout: "500 millis", interval: "500 millis" }).pipe(
      Layer.provideMerge(ClusterStore.layerRedis({ fleet })),
      Layer.provideMerge(redis),
      Layer.fresh,
      Layer.build
    )
    const breaker = yield* Effect.provide(
      CircuitBreaker.make({ name: "model", shared: true, openFor: "1 minute" }),
      context
    )
    return { breaker, cluster: Context.get(context, Cluster.Cluster), context }
  })

export type Node = Effect.Success<ReturnType<typeof node>>

export const fail = ({ breaker }: Pick<Node, "breaker">, count: number) =>
  Effect.forEach(Array.from({ length: count }), () => Effect.exit(breaker.protect(Effect.fail("503"))), {
    discard: true
  })

/** Waits until it is so: what a real server takes is not known. */
export const until = <E, R>(is: Effect.Effect<boolean, E, R>) =>
  Effect.repeat(is, { until: (is) => is, schedule: Schedule.spaced("20 millis") }).pipe(
    Effect.timeout("25 seconds")
  )

const statesOf = (nodes: ReadonlyArray<Node>) => Effect.forEach(nodes, ({ breaker }) => breaker.state)

export const all = (nodes: ReadonlyArray<Node>, state: CircuitBreaker.State) =>
  until(Effect.map(statesOf(nodes), (states) => states.every((s) => s === state)))

export const are = (nodes: ReadonlyArray<Node>, state: Cluster.Status["state"], count = 0) =>
  until(
    Effect.map(
      Effect.forEach(nodes, ({ cluster }) => cluster.status),
      (all) => all.every((each) => each.state === state && each.nodes >= count)
    )
  )

/** The fleet opens together and closes by a command. */
export const worksTogether = (nodes: ReadonlyArray<Node>) =>
  Effect.gen(function*() {
    yield* are(nodes, "joined", nodes.length)
    // After a closing, few calls pass.
    yield* until(
      Effect.andThen(
        Effect.forEach(nodes, (one) => fail(one, 10)),
        Effect.map(statesOf(nodes), (states) => states.every((state) => state === "Open"))
      )
    )
    yield* nodes[0]!.cluster.control("model")!.close
    yield* all(nodes, "Closed")
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
