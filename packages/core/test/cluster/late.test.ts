/** A store that answers late, in virtual time. */
import { assert, it } from "@effect/vitest"
import { CircuitBreaker, RateLimiter } from "@switchgear/core"
import * as Cluster from "@switchgear/core/Cluster"
import * as ClusterStore from "@switchgear/core/ClusterStore"
import { Context, Effect, Exit, Layer, Schema } from "effect"
import { TestClock } from "effect/testing"

const perSecond = 50

it.effect.prop(
  "as many calls pass as the limit has, however long each answer takes",
  {
    // Those a little above the time-out of 50 ms are the worst: each is late, and the next message follows at once.
    delay: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 120 })),
    jitter: Schema.NonEmptyArray(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 30 }))),
    calls: Schema.Int.check(Schema.isBetween({ minimum: 15, maximum: perSecond - 10 }))
  },
  ({ calls, delay, jitter }) =>
    Effect.gen(function*() {
      const memory = yield* ClusterStore.ClusterStore
      let asked = 0
      const store = Layer.succeed(ClusterStore.ClusterStore, {
        ...memory,
        limits: (call) =>
          Effect.suspend(() => Effect.delay(memory.limits(call), delay + jitter[asked++ % jitter.length]!))
      })
      const context = yield* Layer.build(Layer.provide(Layer.fresh(Cluster.layer()), store))
      const limits = [RateLimiter.requests(perSecond, "1 second", { burst: 10 })]
      const limiter = yield* Effect.provide(RateLimiter.make({ name: "model", limits, shared: true }), context)
      let refused = 0
      const call = Effect.map(Effect.exit(limiter.protect(Effect.void)), (exit) => {
        if (Exit.isFailure(exit)) refused++
      })
      for (let i = 0; i < 10 * calls; i++) {
        yield* Effect.forkChild(call)
        yield* TestClock.adjust(1000 / calls)
      }
      yield* TestClock.adjust("1 second")
      assert.strictEqual(refused, 0)
    }).pipe(Effect.scoped, Effect.provide(ClusterStore.layerMemory)),
  { arbitrary: { runs: 40 } }
)

it.effect.prop(
  "a circuit is closed again, however long each answer takes",
  {
    delay: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 1500 })),
    every: Schema.Int.check(Schema.isBetween({ minimum: 10, maximum: 400 }))
  },
  ({ delay, every }) =>
    Effect.gen(function*() {
      const memory = yield* ClusterStore.ClusterStore
      const store = Layer.succeed(ClusterStore.ClusterStore, {
        ...memory,
        circuits: (call) => Effect.delay(memory.circuits(call), delay)
      })
      const context = yield* Layer.build(Layer.provide(Layer.fresh(Cluster.layer()), store))
      const breaker = yield* Effect.provide(
        CircuitBreaker.make({ name: "model", shared: true, openFor: "2 seconds" }),
        context
      )
      yield* TestClock.adjust("3 seconds")
      yield* Effect.repeat(Effect.exit(breaker.protect(Effect.fail("503"))), { times: 19 })
      assert.strictEqual(yield* breaker.state, "Open")
      for (let passed = 0; passed < 20_000; passed += every) {
        yield* Effect.forkChild(Effect.exit(breaker.protect(Effect.void)))
        yield* TestClock.adjust(every)
      }
      assert.strictEqual(yield* breaker.state, "Closed")
    }).pipe(Effect.scoped, Effect.provide(ClusterStore.layerMemory)),
  { arbitrary: { runs: 25 } }
)

it.effect("a store whose clock leaps with each answer is away, and is not asked without a pause", () =>
  Effect.gen(function*() {
    const memory = yield* ClusterStore.ClusterStore
    const clock = { leap: 3000, ahead: 0 }
    let asked = 0
    const store = Layer.succeed(ClusterStore.ClusterStore, {
      ...memory,
      circuits: (call) =>
        Effect.suspend(() => {
          asked++
          clock.ahead += clock.leap
          const said = call.said === 0 ? 0 : call.said - clock.ahead
          return Effect.delay(memory.circuits({ ...call, said }), 1).pipe(
            Effect.map((reply) => ({ ...reply, now: reply.now + clock.ahead }))
          )
        })
    })
    const context = yield* Layer.build(Layer.provide(Layer.fresh(Cluster.layer()), store))
    const { status } = Context.get(context, Cluster.Cluster)
    const breaker = yield* Effect.provide(CircuitBreaker.make({ name: "model", shared: true }), context)
    yield* Effect.repeat(TestClock.adjust(10), { times: 1000 })
    assert.isAtMost(asked, 60)
    assert.strictEqual((yield* status).state, "away")
    clock.leap = 0
    yield* Effect.repeat(TestClock.adjust(10), { times: 1000 })
    assert.strictEqual((yield* status).state, "joined")
    yield* Effect.repeat(Effect.exit(breaker.protect(Effect.fail("503"))), { times: 19 })
    yield* TestClock.adjust("300 millis")
    assert.strictEqual(yield* breaker.state, "Open")
  }).pipe(Effect.scoped, Effect.provide(ClusterStore.layerMemory)))
