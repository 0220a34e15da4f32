/** The last good answers of a fleet, in a real Redis that sleeps and is killed. */
import { assert, describe, it } from "@effect/vitest"
import { StaleCache, StaleCacheStore } from "@switchgear/core"
import { Effect, Layer, Schedule, Schema } from "effect"
import { Persistence } from "effect/persistence"
import * as Redis from "effect/persistence/Redis"
import { layerRedis, server } from "../clusterStore/redisServer.ts"
import { withServer } from "../support/withServers.ts"

const nodes = (count: number, storeTimeout = 5000) =>
  Effect.forEach(Array.from({ length: count }), () =>
    Effect.gen(function*() {
      const store = yield* StaleCacheStore.fromPersistence({ storeId: "answers", schema: Schema.String })
      return yield* StaleCache.make({
        name: "answers",
        timeToLive: "1 minute",
        staleFor: "1 hour",
        store,
        storeTimeout
      })
    }))

/** Waits until the server has it: no caller waits for a write. */
const stored = (key: string) =>
  Effect.gen(function*() {
    const [reader] = yield* nodes(1)
    yield* Effect.repeat(reader!.lastGood(key), {
      until: (found) => found !== undefined,
      schedule: Schedule.spaced("20 millis")
    }).pipe(Effect.timeout("20 seconds"))
  })

withServer("redis-server", "a cache is run over a real server", () => {
  describe("a cache of a fleet on a real server", () => {
    const persistence = Layer.provideMerge(Persistence.layerRedis, layerRedis)

    it.live("makes one call a node for a key, and serves on one what another has got", () =>
      Effect.gen(function*() {
        const fleet = yield* nodes(3)
        let calls = 0
        const call = Effect.andThen(Effect.sync(() => calls++), Effect.as(Effect.sleep("50 millis"), "42"))
        const asked = fleet.flatMap((cache) => Array.from({ length: 20 }, () => call.pipe(cache.through("question"))))
        const answers = yield* Effect.all(asked, { concurrency: "unbounded" })
        assert.deepStrictEqual(new Set(answers.map(({ value }) => value)), new Set(["42"]))
        assert.isAtMost(calls, 3)
        yield* stored("question")
        const [newcomer] = yield* nodes(1)
        const served = yield* Effect.fail("503").pipe(newcomer!.through("question"))
        assert.deepStrictEqual([served.value, served.freshness], ["42", "fresh"])
      }).pipe(Effect.scoped, Effect.provide(persistence)), 60_000)

    it.live(
      "waits for a server that sleeps no longer than storeTimeout, and uses it again when it is awake",
      () =>
        Effect.gen(function*() {
          const redis = yield* Redis.Redis
          const [cache] = yield* nodes(1, 50)
          yield* Effect.forkChild(redis.send("DEBUG", "SLEEP", "5"))
          yield* Effect.sleep("100 millis")
          const began = performance.now()
          for (let i = 0; i < 40; i++) {
            assert.strictEqual((yield* Effect.succeed("a").pipe(cache!.through(`key ${i}`))).value, "a")
          }
          // The first sixteen wait, and after them the store is not asked.
          assert.isBelow(performance.now() - began, 4000)
          assert.isAbove((yield* cache!.snapshot).storeFailures, 16)
          yield* Effect.repeat(
            Effect.andThen(cache!.set("awake", "b"), Effect.flatMap(nodes(1), ([reader]) => reader!.lastGood("awake"))),
            { until: (found) => found !== undefined, schedule: Schedule.spaced("50 millis") }
          ).pipe(Effect.timeout("30 seconds"))
        }).pipe(Effect.scoped, Effect.provide(persistence)),
      60_000
    )

    it.live("answers while the server is killed, and has lost only what was there", () =>
      Effect.gen(function*() {
        const [one, another] = yield* nodes(2)
        yield* one!.set("question", "42")
        yield* stored("question")
        const { restart } = yield* server
        yield* restart
        assert.strictEqual((yield* one!.lastGood("question"))?.value, "42")
        assert.strictEqual((yield* Effect.succeed("43").pipe(another!.through("question"))).value, "43")
        yield* Effect.repeat(
          Effect.andThen(one!.set("again", "44"), Effect.flatMap(nodes(1), ([reader]) => reader!.lastGood("again"))),
          { until: (found) => found?.value === "44", schedule: Schedule.spaced("50 millis") }
        ).pipe(Effect.timeout("30 seconds"))
      }).pipe(Effect.scoped, Effect.provide(persistence)), 60_000)
  })
})
