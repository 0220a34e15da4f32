/** A fleet over a real Redis that is stopped, killed and started again without anything. */
import { assert, describe, it } from "@effect/vitest"
import { CircuitBreaker } from "@switchgear/core"
import * as Cluster from "@switchgear/core/Cluster"
import * as ClusterStore from "@switchgear/core/ClusterStore"
import { Context, Effect, Layer, Schedule } from "effect"
import * as Redis from "effect/persistence/Redis"
import { isMissing, layerRedis, mayBeMissing, server } from "../clusterStore/redisServer.ts"

const nodes = (count: number) =>
  Effect.forEach(Array.from({ length: count }), () =>
    Effect.gen(function*() {
      const context = yield* Layer.build(Layer.fresh(Cluster.layer({ timeout: "500 millis", interval: "500 millis" })))
      const breaker = yield* Effect.provide(
        CircuitBreaker.make({ name: "model", shared: true, openFor: "1 minute" }),
        context
      )
      return { breaker, cluster: Context.get(context, Cluster.Cluster) }
    }))

type Nodes = Effect.Success<ReturnType<typeof nodes>>

const fail = ({ breaker }: Nodes[number], count: number) =>
  Effect.forEach(Array.from({ length: count }), () => Effect.exit(breaker.protect(Effect.fail("503"))), {
    discard: true
  })

/** Waits until it is so: what a real server takes is not known. */
const until = (is: Effect.Effect<boolean>) =>
  Effect.repeat(is, { until: (is) => is, schedule: Schedule.spaced("20 millis") }).pipe(Effect.timeout("20 seconds"))

const all = (nodes: Nodes, state: CircuitBreaker.State) =>
  until(Effect.map(Effect.forEach(nodes, ({ breaker }) => breaker.state), (states) => states.every((s) => s === state)))

const joined = (nodes: Nodes) =>
  until(
    Effect.map(
      Effect.forEach(nodes, ({ cluster }) => cluster.status),
      (all) => all.every(({ nodes: count, state }) => state === "joined" && count >= nodes.length)
    )
  )

if (isMissing) {
  it("a fleet is run on a real server", ({ skip }) => {
    assert.isTrue(mayBeMissing, "redis-server is not installed, and SWITCHGEAR_REQUIRE_REDIS=1 asks for it")
    skip("redis-server is not installed")
  })
} else {
  describe("a fleet on a real server", () => {
    const store = Layer.provideMerge(ClusterStore.layerRedis({ fleet: "test" }), layerRedis)

    it.live("opens together, is told so by the server, and closes by a command", () =>
      Effect.gen(function*() {
        const fleet = yield* nodes(5)
        for (const node of fleet) yield* fail(node, 9)
        for (const node of fleet.slice(0, 3)) yield* fail(node, 6)
        yield* all(fleet, "Open")
        yield* fleet[0]!.cluster.control("model")!.close
        yield* all(fleet, "Closed")
      }).pipe(Effect.scoped, Effect.provide(store)), 60_000)

    it.live("goes on by itself while the server sleeps, and no call waits for that", () =>
      Effect.gen(function*() {
        const redis = yield* Redis.Redis
        const fleet = yield* nodes(3)
        yield* joined(fleet)
        yield* Effect.forkChild(redis.send("DEBUG", "SLEEP", "4"))
        const began = performance.now()
        for (let i = 0; i < 100; i++) {
          for (const { breaker } of fleet) yield* breaker.protect(Effect.void)
        }
        yield* fail(fleet[0]!, 200)
        assert.strictEqual(yield* fleet[0]!.breaker.state, "Open")
        assert.isBelow(performance.now() - began, 3000)
        yield* joined(fleet)
      }).pipe(Effect.scoped, Effect.provide(store)), 60_000)

    it.live("has the state of its nodes in a server that comes back empty", () =>
      Effect.gen(function*() {
        const fleet = yield* nodes(3)
        yield* joined(fleet)
        for (const node of fleet) yield* fail(node, 20)
        yield* all(fleet, "Open")
        const { restart } = yield* server
        yield* restart
        const [newcomer] = yield* nodes(1)
        yield* until(Effect.map(newcomer!.breaker.state, (state) => state === "Open"))
        assert.isTrue((yield* Effect.forEach(fleet, ({ breaker }) => breaker.state)).every((state) => state === "Open"))
      }).pipe(Effect.scoped, Effect.provide(store)), 60_000)
  })
}
