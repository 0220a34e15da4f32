/** Guards of a fleet have their state from the fleet, and not from a process before. */
import { assert, describe, it } from "@effect/vitest"
import { CircuitBreaker, RateLimiter, Registry, SavedState } from "@switchgear/core"
import * as Cluster from "@switchgear/core/Cluster"
import * as ClusterStore from "@switchgear/core/ClusterStore"
import { Effect, Layer } from "effect"

const guards = (shared: boolean) =>
  Effect.gen(function*() {
    const breaker = yield* CircuitBreaker.make({ name: "model", shared })
    const family = yield* CircuitBreaker.Family.make({ name: "tenants", shared })
    const limiter = yield* RateLimiter.make({ name: "limits", limits: [RateLimiter.requests(9, "1 minute")], shared })
    return { breaker, family, limiter }
  })

const inFleet = <A, E, R>(self: Effect.Effect<A, E, R>) =>
  Effect.scoped(
    Effect.provide(
      self,
      Layer.mergeAll(Registry.layer(), Layer.provide(Layer.fresh(Cluster.layer()), ClusterStore.layerMemory))
    )
  )

const ofOne = Effect.gen(function*() {
  const { breaker, family } = yield* guards(false)
  yield* breaker.control.forceOpen
  yield* Effect.flatMap(family.get("a"), ({ control }) => control.forceOpen)
  return yield* SavedState.save
})

describe("guards of a fleet", () => {
  it.effect("are neither saved nor restored", () =>
    Effect.gen(function*() {
      const alone = yield* Effect.scoped(Effect.provide(ofOne, Registry.layer()))
      assert.strictEqual(alone.guards.length, 3)
      yield* inFleet(Effect.gen(function*() {
        const { breaker } = yield* guards(true)
        const { ignored, restored } = yield* SavedState.restore(JSON.parse(JSON.stringify(alone)))
        assert.deepStrictEqual(restored, [])
        assert.deepStrictEqual(ignored.map(({ reason }) => reason), ["fleet", "fleet", "fleet"])
        assert.strictEqual(yield* breaker.state, "Closed")
        const { guards: saved, leftOut } = yield* SavedState.save
        assert.deepStrictEqual([saved.filter(({ kind }) => kind !== "Cluster"), leftOut], [[], []])
      }))
    }))
})
