/** A fleet over a real Redis that is stopped, killed and started again without anything. */
import { assert, it } from "@effect/vitest"
import { RateLimiter } from "@switchgear/core"
import * as Cluster from "@switchgear/core/Cluster"
import * as ClusterStore from "@switchgear/core/ClusterStore"
import { Context, Effect, Exit, Layer } from "effect"
import * as Redis from "effect/persistence/Redis"
import { layerRedisOf, server } from "../clusterStore/redisServer.ts"
import { withServers } from "../support/withServers.ts"
import { all, fail, joined, nodes, until } from "./fleet.ts"

withServers("a fleet is run on a real server", (program) => {
  const store = Layer.provideMerge(ClusterStore.layerRedis({ fleet: "test" }), layerRedisOf(program))

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

  const limiters = (limits: ReadonlyArray<RateLimiter.Limit>) =>
    Effect.forEach(Array.from({ length: 5 }), () =>
      Effect.gen(function*() {
        const context = yield* Layer.build(
          Layer.fresh(Cluster.layer({ timeout: "2 seconds", interval: "2 seconds" }))
        )
        const limiter = yield* Effect.provide(
          RateLimiter.make({ name: "model", limits, shared: true, maxWait: "2 seconds" }),
          context
        )
        return { limiter, cluster: Context.get(context, Cluster.Cluster) }
      }))

  it.live(
    "gives out the turns of a limit to all nodes together, and takes back what no call used",
    () =>
      Effect.gen(function*() {
        const limits = [
          RateLimiter.requests(1, "1 hour", { burst: 10 }),
          RateLimiter.tokens(1, "1 hour", { burst: 900 })
        ]
        const fleet = yield* limiters(limits)
        const calls = fleet.flatMap(({ limiter }) =>
          Array.from({ length: 4 }, () => Effect.exit(limiter.reserve({ tokens: 100 })))
        )
        const taken = (yield* Effect.all(calls, { concurrency: "unbounded" })).filter(Exit.isSuccess)
        // Nine by their tokens: what a call of 100 does not get is held for a moment by who asked for it.
        assert.isAtMost(taken.length, 9)
        assert.isAtLeast(taken.length, 5)
        yield* Effect.forEach(taken, ({ value }) => value.settle({ tokens: 0 }))
        yield* Effect.sleep("1 second")
        const last = yield* fleet[0]!.limiter.reserve({ tokens: 899 })
        yield* last.refund
      }).pipe(Effect.scoped, Effect.provide(store)),
    60_000
  )

  it.live(
    "refuses calls at once while the server sleeps, where it is to, and is that of the fleet again afterwards",
    () =>
      Effect.gen(function*() {
        const redis = yield* Redis.Redis
        const fleet = yield* Effect.forEach(Array.from({ length: 2 }), () =>
          Effect.gen(function*() {
            const context = yield* Layer.build(Layer.fresh(Cluster.layer({ away: "closed" })))
            const limits = [RateLimiter.requests(1000, "1 second")]
            return {
              limiter: yield* Effect.provide(RateLimiter.make({ name: "slept", limits, shared: true }), context),
              cluster: Context.get(context, Cluster.Cluster)
            }
          }))
        const isAway = Effect.map(fleet[0]!.cluster.status, ({ limits }) => limits[0]!.isAway)
        const passes = Effect.map(Effect.exit(fleet[0]!.limiter.protect(Effect.void)), Exit.isSuccess)
        yield* until(passes)
        yield* Effect.forkChild(redis.send("DEBUG", "SLEEP", "3"))
        yield* until(Effect.andThen(passes, isAway))
        const began = performance.now()
        for (let i = 0; i < 1000; i++) yield* passes
        assert.isBelow(performance.now() - began, 2000)
        yield* until(passes)
        assert.isFalse(yield* isAway)
      }).pipe(Effect.scoped, Effect.provide(store)),
    60_000
  )
})
