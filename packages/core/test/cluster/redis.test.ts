/** A fleet over a real Redis that is stopped, killed and started again without anything. */
import { assert, describe, it } from "@effect/vitest"
import * as ClusterStore from "@switchgear/core/ClusterStore"
import { Effect, Layer } from "effect"
import * as Redis from "effect/persistence/Redis"
import { isMissing, layerRedis, mayBeMissing, server } from "../clusterStore/redisServer.ts"
import { all, fail, joined, nodes, until } from "./fleet.ts"

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
