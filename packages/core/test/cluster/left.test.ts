/** What a node says is left of a limit that it shares. */
import { assert, describe, it } from "@effect/vitest"
import { RateLimiter, Registry, Telemetry } from "@switchgear/core"
import * as Cluster from "@switchgear/core/Cluster"
import * as ClusterStore from "@switchgear/core/ClusterStore"
import { Context, Effect, Layer, Metric } from "effect"
import { TestClock } from "effect/testing"

const node = Effect.gen(function*() {
  const context = yield* Layer.build(Layer.fresh(Cluster.layer()))
  const limits = [RateLimiter.requests(10, "10 seconds"), RateLimiter.tokens(1000, "10 seconds")]
  const limiter = yield* Effect.provide(RateLimiter.make({ name: "model", limits, shared: true }), context)
  const left = Effect.map(limiter.snapshot, ({ limits }) => limits.map(({ available }) => Math.round(available)))
  return { left, take: limiter.reserve({ tokens: 100 }), limiter }
})

describe("what is left of a shared limit", () => {
  it.effect("is all of it where nothing was taken, and what others have left where they took of it", () =>
    Effect.gen(function*() {
      const [one, another] = [yield* node, yield* node]
      assert.deepStrictEqual(yield* one.left, [10, 1000])
      yield* Effect.replicateEffect(one.take, 4)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* one.left, [7, 700])
      assert.closeTo(RateLimiter.availableOf(one.limiter, "tokens")!, 700, 0.01)
      // It has heard nothing yet.
      assert.deepStrictEqual(yield* another.left, [10, 1000])
      yield* another.take
      assert.deepStrictEqual(yield* another.left, [6, 600])
      yield* TestClock.adjust("20 seconds")
      assert.deepStrictEqual(yield* one.left, [10, 1000])
    }).pipe(Effect.scoped, Effect.provide(ClusterStore.layerMemory)))

  it.effect("is nothing once the fleet has nothing", () =>
    Effect.gen(function*() {
      const [one, another] = [yield* node, yield* node]
      yield* Effect.replicateEffect(one.take, 10)
      assert.deepStrictEqual(yield* one.left, [0, 0])
      yield* Effect.flip(another.take)
      assert.deepStrictEqual(yield* another.left, [0, 0])
    }).pipe(Effect.scoped, Effect.provide(ClusterStore.layerMemory)))
})

it.effect("what is booked of limits is counted in metrics, though limits join after the fleet is there", () =>
  Effect.gen(function*() {
    const registry = yield* Registry.make()
    const own = Effect.provideService(Registry.CurrentRegistry, registry)
    const context = yield* Layer.build(
      Telemetry.layer().pipe(
        Layer.provide(Layer.succeed(Registry.CurrentRegistry, registry)),
        Layer.provide(Layer.sync(Metric.MetricRegistry, () => new Map()))
      )
    )
    const one = yield* own(node)
    yield* Effect.replicateEffect(one.take, 4)
    const { within } = Context.get(context, Telemetry.View)
    const series = (yield* within(Metric.snapshot)).filter(({ id }) => id === "switchgear_cluster_booked_total")
    assert.deepStrictEqual(
      series.map(({ attributes, state }) => [attributes?.["resource"], Math.round((state as { count: number }).count)]),
      [["requests", 4], ["tokens", 400], ["cost", 0]]
    )
  }).pipe(Effect.scoped, Effect.provide(ClusterStore.layerMemory)))
