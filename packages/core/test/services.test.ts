// @effect-diagnostics missingEffectError:off - of what must not compile, the compiler's own complaint is expected
/** The class forms that are not those of a single guard. */
import { Bulkhead, CircuitBreaker, Pipeline, Registry, Retry, StaleCache } from "@switchgear/core"
import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import { expectTypeOf } from "vitest"

class Answers extends StaleCache.Service<Answers, string>()("answers", { timeToLive: "1 minute" }) {}

describe("StaleCache.Service", () => {
  it.effect("is made once by its layer, under its identifier, and serves through itself", () =>
    Effect.gen(function*() {
      let calls = 0
      const call = Effect.sync(() => `answer ${++calls}`)
      const ask = Effect.map(call.pipe(Answers.through("question")), ({ freshness, value }) => [freshness, value])
      assert.deepStrictEqual(yield* ask, ["loaded", "answer 1"])
      assert.deepStrictEqual(yield* ask, ["fresh", "answer 1"])
      yield* TestClock.adjust("1 minute")
      const failing = Effect.fail("503" as const).pipe(Answers.orStale("question"))
      expectTypeOf(failing).toEqualTypeOf<Effect.Effect<StaleCache.Cached<string>, "503", Answers>>()
      assert.strictEqual((yield* failing).freshness, "stale")
      assert.strictEqual(yield* Registry.find(StaleCache.kind, "answers"), yield* Answers)
      assert.strictEqual(Answers.key, "@switchgear/core/StaleCache/answers")
    }).pipe(Effect.provide(Layer.provideMerge(Answers.layer, Registry.layer()))))

  it.effect("takes options for a test, and those of the configuration", () =>
    Effect.gen(function*() {
      const capacity = Effect.flatMap(Answers, ({ snapshot }) => Effect.map(snapshot, ({ capacity }) => capacity))
      const configured = Answers.layerConfig("cache").pipe(
        Layer.provide(
          Layer.succeed(ConfigProvider.ConfigProvider, ConfigProvider.fromUnknown({ cache: { capacity: 7 } }))
        )
      )
      assert.strictEqual(yield* Effect.provide(capacity, Answers.layerWith({ capacity: 3 })), 3)
      assert.strictEqual(yield* Effect.provide(capacity, configured), 7)
    }))
})

const make = Effect.gen(function*() {
  const bulkhead = yield* Bulkhead.make({ name: "model", concurrency: 1 })
  return yield* Pipeline.make({ bulkhead, retry: yield* Retry.make({ maxAttempts: 2, baseDelay: 0 }) })
})
class Model extends Pipeline.Service<Model>()("model", make) {}

const judging = Effect.gen(function*() {
  const retry = yield* Retry.make<CircuitBreaker.CircuitOpen | "503">({ maxAttempts: 2 })
  return yield* Pipeline.make({ retry, breaker: yield* CircuitBreaker.make({ name: "model" }) })
})
class Judging extends Pipeline.Service<Judging>()("judging", judging) {}

describe("Pipeline.Service", () => {
  it.effect("is made once by its layer and protects through itself", () =>
    Effect.gen(function*() {
      let attempts = 0
      const flaky = Effect.suspend(() => ++attempts < 2 ? Effect.fail("503" as const) : Effect.succeed("answered"))
      const call = flaky.pipe(Model.protect)
      expectTypeOf(call).toEqualTypeOf<Effect.Effect<string, "503" | Bulkhead.BulkheadFull, Model>>()
      assert.strictEqual(yield* call, "answered")
      yield* Effect.forkChild(Model.protect(Effect.never), { startImmediately: true })
      const full = yield* Effect.flip(Model.protect(Effect.fail("503" as const)))
      assert.instanceOf(full, Bulkhead.BulkheadFull)
    }).pipe(Effect.provide(Model.layer)))

  it("takes only effects whose errors its retry is for", () => {
    const right = () => Judging.protect(Effect.fail("503" as const))
    expectTypeOf(right).returns.toEqualTypeOf<Effect.Effect<never, "503" | CircuitBreaker.CircuitOpen, Judging>>()
    // @ts-expect-error: the retry cannot be asked about this error
    const wrong = () => Judging.protect(Effect.fail("400" as const))
    expectTypeOf(wrong).toBeFunction()
  })
})
