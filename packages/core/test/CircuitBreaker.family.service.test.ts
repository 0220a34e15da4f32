import { CircuitBreaker, RateLimiter, Registry } from "@switchgear/core"
import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, Layer } from "effect"
import * as Yaml from "effect/encoding/Yaml"
import { expectTypeOf } from "vitest"

class Tenants extends CircuitBreaker.Family.Service<Tenants>()("gpt-4.1", { minimumCalls: 1, capacity: 7 }) {}
class Model extends CircuitBreaker.Service<Model>()("gpt-4.1", { minimumCalls: 1 }) {}

const bad = Effect.fail("503" as const)

const capacityOf = Effect.flatMap(Tenants, (family) => Effect.map(family.snapshot, ({ capacity }) => capacity))

describe("a service class of a family", () => {
  it.effect("makes the family once for everything its layer is provided to, and keeps the keys apart", () =>
    Effect.gen(function*() {
      yield* Effect.exit(bad.pipe(Tenants.protect("acme")))
      const error = yield* Effect.flip(bad.pipe(Tenants.protect("acme")))
      assert.instanceOf(error, CircuitBreaker.CircuitOpen)
      assert.strictEqual(yield* Effect.flip(bad.pipe(Tenants.protect("globex"))), "503")
      const family = yield* Tenants
      assert.strictEqual(family.name, "gpt-4.1")
      assert.deepStrictEqual(yield* family.keys, ["acme", "globex"])
    }).pipe(Effect.provide(Tenants.layer)))

  it.effect("is another service than a circuit of the same id", () =>
    Effect.gen(function*() {
      assert.strictEqual(Tenants.key, "@switchgear/core/CircuitBreaker.Family/gpt-4.1")
      yield* Effect.exit(bad.pipe(Tenants.protect("acme")))
      assert.strictEqual(yield* Effect.flip(bad.pipe(Model.protect)), "503")
    }).pipe(Effect.provide(Layer.merge(Tenants.layer, Model.layer))))

  it.effect("takes other options in code, and from the configuration what is found there", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* Effect.provide(capacityOf, Tenants.layer), 7)
      assert.strictEqual(yield* Effect.provide(capacityOf, Tenants.layerWith({ capacity: 9 })), 9)
      const under = (yaml: string) =>
        Effect.provide(
          capacityOf,
          Tenants.layerConfig("tenants").pipe(
            Layer.provide(ConfigProvider.layer(ConfigProvider.fromUnknown(Yaml.parse(yaml))))
          )
        )
      assert.strictEqual(yield* under("tenants: { capacity: 3 }"), 3)
      assert.strictEqual(yield* under("{}"), 7)
      const refused = yield* Effect.flip(under("tenants: { capacity: 0 }"))
      assert.include(String(refused), "capacity must be a whole number of at least 1, got 0")
    }))

  it.effect("is in the registry while its layer lives", () =>
    Effect.gen(function*() {
      const inside = Effect.map(Registry.entries, (all) => all.map(({ id, kind }) => `${kind.tag} ${id}`))
      assert.deepStrictEqual(yield* Effect.provide(inside, Tenants.layer), ["CircuitFamily gpt-4.1"])
      assert.deepStrictEqual(yield* inside, [])
    }).pipe(Effect.provide(Registry.layer())))

  it.effect("tells the guard around it that a refused call was not made", () =>
    Effect.gen(function*() {
      yield* (yield* (yield* Tenants).get("acme")).control.forceOpen
      const limiter = yield* RateLimiter.make({ name: "model", limits: [RateLimiter.requests(1, "1 hour")] })
      const call = bad.pipe(Tenants.protect("acme"), limiter.protect)
      expectTypeOf(call).toEqualTypeOf<
        Effect.Effect<never, "503" | CircuitBreaker.CircuitOpen | RateLimiter.RateLimited, Tenants>
      >()
      assert.instanceOf(yield* Effect.flip(call), CircuitBreaker.CircuitOpen)
      const [requests] = (yield* limiter.snapshot).limits
      assert.strictEqual(requests!.available, 1)
    }).pipe(Effect.provide(Tenants.layer)))
})
