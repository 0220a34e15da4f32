/** Changes that somebody else tells, in virtual time. */
import { assert, it } from "@effect/vitest"
import { CircuitBreaker } from "@switchgear/core"
import * as Cluster from "@switchgear/core/Cluster"
import * as ClusterStore from "@switchgear/core/ClusterStore"
import { Context, Effect, Layer, PubSub, Schema, Stream } from "effect"
import { TestClock } from "effect/testing"

const interval = 250

const one = Effect.gen(function*() {
  const context = yield* Layer.build(Layer.fresh(Cluster.layer({ interval })))
  const breaker = yield* Effect.provide(CircuitBreaker.make({ name: "model", shared: true }), context)
  return { breaker, control: Context.get(context, Cluster.Cluster).control("model")! }
})

it.effect.prop(
  "thousands of them in a second have a node ask the store once in an interval, and it hears of those it misses meanwhile",
  { sequences: Schema.NonEmptyArray(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 1e6 }))) },
  ({ sequences }) =>
    Effect.gen(function*() {
      const store = yield* Effect.map(Layer.build(ClusterStore.layerMemory), Context.get(ClusterStore.ClusterStore))
      const forged = yield* PubSub.unbounded<ClusterStore.CircuitEvent>()
      let asked = 0
      const node = yield* Effect.provideService(one, ClusterStore.ClusterStore, {
        ...store,
        circuits: (call) =>
          Effect.suspend(() => {
            asked++
            return Effect.delay(store.circuits(call), "1 millis")
          }),
        // It hears nothing of what the store changes.
        subscribe: Effect.map(PubSub.subscribe(forged), Stream.fromSubscription)
      })
      const other = yield* Effect.provideService(one, ClusterStore.ClusterStore, store)
      yield* TestClock.adjust("1 second")
      const before = asked
      const flood = Effect.gen(function*() {
        for (const sequence of sequences) {
          const event: ClusterStore.CircuitEvent = {
            circuit: "model",
            epoch: 0,
            state: "Open",
            remaining: 1000,
            openings: 1,
            reason: "command",
            sequence
          }
          yield* PubSub.publish(forged, event)
        }
        yield* TestClock.adjust("10 millis")
      })
      yield* Effect.repeat(flood, { times: 199 })
      assert.isAtMost(asked - before, 2 + 2000 / interval)
      yield* other.control.trip("1 minute")
      yield* Effect.repeat(flood, { times: 59 })
      assert.strictEqual(yield* node.breaker.state, "Open")
    }).pipe(Effect.scoped),
  { arbitrary: { runs: 20 } }
)
