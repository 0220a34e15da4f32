/** How soon the nodes of a fleet are back once their store is, in virtual time. */
import { assert, describe, it } from "@effect/vitest"
import { CircuitBreaker, RateLimiter } from "@switchgear/core"
import * as Cluster from "@switchgear/core/Cluster"
import * as ClusterStore from "@switchgear/core/ClusterStore"
import { Clock, Context, Deferred, Effect, Layer, Random, Schema, Stream } from "effect"
import { TestClock } from "effect/testing"

/** Milliseconds. */
const timeout = 50

/** The longest pause of a node between two tries. */
const longestPause = 4000

/** The longest pause of a client between two attempts to connect. */
const longestReconnect = 1000

/** A message without an answer is waited for that long, and the store is away for a bit before that. */
const longestFlight = 10_000 + timeout + 3 * 250

/** What becomes of a message while the store is away. */
const ways = {
  /** The client has no connection, and says so at once. */
  refused: () => Effect.fail(new ClusterStore.StoreFailed({ operation: "circuits", reason: "failed" })),
  /** It waits in the store, which answers all when it goes on. */
  kept: (isBack) => Deferred.await(isBack),
  /** Nobody has it any more, and nobody says so. */
  lost: () => Effect.never
} satisfies Record<
  string,
  (isBack: Deferred.Deferred<void>) => Effect.Effect<void, ClusterStore.StoreFailed>
>

const millisBetween = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))

describe("a node whose store is back", () => {
  it.effect.prop(
    "has an answer within five seconds and a time-out, however the store was away and for how long",
    {
      seed: Schema.Int,
      how: Schema.Literals(["refused", "refused", "kept", "lost"]),
      awayFor: millisBetween(1, 60_000),
      reconnect: millisBetween(0, longestReconnect)
    },
    ({ awayFor, how, reconnect, seed }) =>
      Effect.gen(function*() {
        const memory = yield* Effect.map(Layer.build(ClusterStore.layerMemory), Context.get(ClusterStore.ClusterStore))
        const isBack = yield* Deferred.make<void>()
        let isAway = false
        const reaches = Effect.suspend(() => isAway ? ways[how](isBack) : Effect.void)
        const context = yield* Layer.build(Layer.fresh(Cluster.layer({ timeout }))).pipe(
          Effect.provideService(ClusterStore.ClusterStore, {
            ...memory,
            circuits: (call) => Effect.andThen(reaches, memory.circuits(call)),
            limits: (call) => Effect.andThen(reaches, memory.limits(call))
          })
        )
        yield* Effect.provide(CircuitBreaker.make({ name: "model", shared: true }), context)
        const limits = [RateLimiter.requests(100, "1 second")]
        const limiter = yield* Effect.provide(RateLimiter.make({ name: "model", shared: true, limits }), context)
        const { status } = Context.get(context, Cluster.Cluster)
        // It books all the time.
        yield* Effect.forkScoped(
          Effect.forever(Effect.andThen(Effect.exit(limiter.protect(Effect.void)), Effect.sleep("20 millis")))
        )
        yield* TestClock.adjust("1 second")
        isAway = true
        yield* TestClock.adjust(awayFor)
        // The store is back, and its client is later.
        const wait = how === "refused" ? reconnect : 0
        yield* TestClock.adjust(wait)
        isAway = false
        yield* Deferred.succeed(isBack, undefined)
        const { state: before, syncs } = yield* status
        const at = yield* Clock.currentTimeMillis
        yield* TestClock.adjust(longestPause + timeout + (how === "lost" ? longestFlight : 0))
        const { limits: [requests], state, syncs: later } = yield* status
        assert.strictEqual(state, "joined")
        if (before === "away") assert.isAbove(later, syncs)
        assert.isFalse(requests!.isAway)
        if (how !== "lost") assert.isAtMost(wait + (yield* Clock.currentTimeMillis) - at, 5000 + timeout)
      }).pipe(Effect.scoped, Random.withSeed(seed)),
    { arbitrary: { runs: 100 } }
  )
})

/** The circuits of the family below: more than one message holds. */
const keys = Array.from({ length: 1000 }, (_, i) => `key ${i}`)

/** A node with a thousand circuits whose store can be away, and another one whose store is there. */
const familyOfThousand = Effect.gen(function*() {
  const memory = yield* Effect.map(Layer.build(ClusterStore.layerMemory), Context.get(ClusterStore.ClusterStore))
  const way = { isAway: false, messages: 0 }
  const member = Effect.gen(function*() {
    const context = yield* Layer.build(Layer.fresh(Cluster.layer()))
    const family = yield* Effect.provide(
      CircuitBreaker.Family.make({ name: "tenants", shared: true, openFor: "10 seconds", capacity: keys.length }),
      context
    )
    for (const key of keys) yield* family.get(key)
    return { family, cluster: Context.get(context, Cluster.Cluster) }
  })
  const one = yield* Effect.provideService(member, ClusterStore.ClusterStore, {
    ...memory,
    subscribe: Effect.map(memory.subscribe, Stream.filter(() => !way.isAway)),
    circuits: (call) =>
      Effect.suspend(() => {
        if (way.isAway) return Effect.fail(new ClusterStore.StoreFailed({ operation: "circuits", reason: "failed" }))
        way.messages++
        return memory.circuits(call)
      })
  })
  const other = yield* Effect.provideService(member, ClusterStore.ClusterStore, memory)
  yield* pass(5000)
  return { one, other, way }
})

const pass = (millis: number) => Effect.repeat(TestClock.adjust("10 millis"), { times: millis / 10 - 1 })

describe("a node with a thousand circuits whose store is back", () => {
  it.effect("reads them in messages apart, those first that the fleet has opened, and new ones before them", () =>
    Effect.gen(function*() {
      const { one, other, way } = yield* familyOfThousand
      yield* other.cluster.control("tenants/key 999")!.trip("1 hour")
      yield* pass(100)
      way.isAway = true
      yield* pass(20_000)
      yield* other.cluster.control("tenants/key 999")!.close
      yield* other.family.get("new")
      yield* other.cluster.control("tenants/new")!.trip("1 hour")
      way.isAway = false
      way.messages = 0
      yield* Effect.repeat(TestClock.adjust("10 millis"), { until: () => way.messages > 0, times: 1000 })
      yield* pass(100)
      const state = (key: string) => Effect.flatMap(one.family.get(key), ({ state }) => state)
      assert.strictEqual(yield* state("key 999"), "Closed")
      yield* one.family.get("new")
      yield* pass(20)
      assert.strictEqual(yield* state("new"), "Open")
      assert.isAtMost(way.messages, 5)
      yield* pass(2000)
      assert.isAtLeast(way.messages, Math.ceil(keys.length / 64))
    }).pipe(Effect.scoped))

  it.effect("half-opens none that has closed on all nodes meanwhile", () =>
    Effect.gen(function*() {
      const { one, other, way } = yield* familyOfThousand
      const opened = keys.filter((_, i) => i % 10 === 0)
      for (const key of opened) yield* other.cluster.control(`tenants/${key}`)!.trip("10 seconds")
      yield* pass(1000)
      way.isAway = true
      yield* pass(20_000)
      for (let i = 0; i < 20; i++) {
        for (const { family } of [one, other]) {
          yield* Effect.forEach(opened, (key) => Effect.exit(family.protect(key)(Effect.void)), { discard: true })
        }
        yield* pass(100)
      }
      assert.strictEqual((yield* one.family.snapshot).circuits.Closed, keys.length)
      const changes: Array<string> = []
      const { transitions } = one.family
      yield* Effect.forkScoped(Stream.runForEach(transitions, ({ to }) => Effect.sync(() => changes.push(to))))
      way.isAway = false
      yield* pass(10_000)
      assert.strictEqual((yield* one.cluster.status).state, "joined")
      assert.deepStrictEqual(changes, [])
    }).pipe(Effect.scoped))
})
