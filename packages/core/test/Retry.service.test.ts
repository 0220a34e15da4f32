/** The class form of a retry does what `make` does with the same options, wherever its service comes from. */
import { assert, describe, it } from "@effect/vitest"
import { Bulkhead, CircuitBreaker, Pipeline, Retry } from "@switchgear/core"
import { Clock, ConfigProvider, Effect, Exit, Fiber, Layer, Random, Schema } from "effect"
import { TestClock } from "effect/testing"
import { expectTypeOf } from "vitest"

const exact = { baseDelay: "100 millis", jitter: "none" } as const

/** Runs to the end of virtual time. */
const run = <A, E, R>(self: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const fiber = yield* Effect.forkChild(Effect.exit(self), { startImmediately: true })
    yield* TestClock.adjust("1 hour")
    return yield* Fiber.join(fiber)
  })

class Model extends Retry.Service<Model>()("gpt-4.1", { ...exact, maxAttempts: 3 }) {}

const failing = () => {
  const target = { calls: 0 }
  return Object.assign(target, { call: Effect.suspend(() => Effect.fail(`503 number ${++target.calls}`)) })
}

describe("a retry as a service", () => {
  it.effect("is made once by its layer, is named by its id, and protects by asking for itself", () =>
    Effect.gen(function*() {
      const target = failing()
      const program = Effect.gen(function*() {
        yield* Effect.exit(target.call.pipe(Model.protect))
        yield* Effect.exit(target.call.pipe((yield* Model).protect))
        return yield* (yield* Model).snapshot
      })
      const exit = yield* run(Effect.provide(program, Model.layer))
      assert.isTrue(Exit.isSuccess(exit))
      const { calls, gaveUp, name, retries } = (exit as Exit.Success<Retry.Snapshot>).value
      assert.deepStrictEqual({ calls, gaveUp: gaveUp.attempts, name, retries }, {
        calls: 2,
        gaveUp: 2,
        name: "gpt-4.1",
        retries: 4
      })
      assert.strictEqual(target.calls, 6)
    }))

  it.effect("takes other options from `layerWith`, and from the configuration by `layerConfig`", () =>
    Effect.gen(function*() {
      const under = (layer: Layer.Layer<Model, unknown>) =>
        Effect.gen(function*() {
          const target = failing()
          yield* run(target.call.pipe(Model.protect, Effect.provide(layer)))
          return target.calls
        })
      const env = ConfigProvider.layer(ConfigProvider.fromEnv({
        env: { MODEL_RETRY_MAX_ATTEMPTS: "5", MODEL_RETRY_JITTER: "0.5", MODEL_RETRY_FACTOR: "1.5" }
      }))
      assert.strictEqual(yield* under(Model.layer), 3)
      assert.strictEqual(yield* under(Model.layerWith({ maxAttempts: 2 })), 2)
      assert.strictEqual(yield* under(Layer.provide(Model.layerConfig(["model", "retry"]), env)), 5)
    }))

  it.effect("refuses nonsense as a defect of its layer, and written nonsense as a `ConfigError`", () =>
    Effect.gen(function*() {
      const defect = yield* Effect.exit(Layer.build(Model.layerWith({ factor: 0.5 })))
      assert.include(String(defect), "Retry.make: factor must be a finite number of at least 1, got 0.5")
      const written = ConfigProvider.layer(ConfigProvider.fromUnknown({ retry: { jitter: "ful" } }))
      const error = yield* Effect.flip(Layer.build(Layer.provide(Model.layerConfig("retry"), written)))
      assert.strictEqual(error._tag, "ConfigError")
      assert.include(
        error.message,
        "jitter must be a number from 0 to 1 or one of none, full, equal, decorrelated, got \"ful\""
      )
    }).pipe(Effect.scoped))

  it.effect("is another service than a guard of another kind with the same id", () =>
    Effect.gen(function*() {
      class Circuit extends CircuitBreaker.Service<Circuit>()("gpt-4.1", {}) {}
      class Slots extends Bulkhead.Service<Slots>()("gpt-4.1", { concurrency: 1 }) {}
      assert.strictEqual(Model.key, "@switchgear/core/Retry/gpt-4.1")
      const call = Effect.succeed("answered").pipe(Slots.protect, Circuit.protect, Model.protect)
      const layer = Layer.mergeAll(Circuit.layer, Slots.layer, Model.layer)
      assert.strictEqual(yield* Effect.provide(call, layer), "answered")
    }))

  it("adds no error, asks for itself, and keeps to the errors it is made for", () => {
    interface HttpError {
      readonly status: number
    }
    class Http extends Retry.Service<Http, HttpError>()("http", { while: ({ status }) => status >= 500 }) {}
    const work = undefined as unknown as Effect.Effect<"answer", HttpError, "needed">
    expectTypeOf(() => work.pipe(Model.protect)).returns.toEqualTypeOf<
      Effect.Effect<"answer", HttpError, "needed" | Model>
    >()
    expectTypeOf(() => Http.protect(work)).returns.toEqualTypeOf<Effect.Effect<"answer", HttpError, "needed" | Http>>()
    expectTypeOf(Effect.fail("503")).not.toExtend<Parameters<typeof Http.protect>[0]>()
  })
})

const Setup = Schema.Struct({
  maxAttempts: Schema.Literals([1, 2, 4]),
  baseDelay: Schema.Literals([0, 50, 100]),
  jitter: Schema.Literals(["none", "full", "equal", "decorrelated", 0.25]),
  maxDuration: Schema.UndefinedOr(Schema.Literals([120, 400]))
})
const Calls = Schema.Array(
  Schema.Array(Schema.Literals(["success", "blip", "blip", "fatal"])).check(
    Schema.isMaxLength(5)
  )
).check(Schema.isMinLength(1), Schema.isMaxLength(6))

const outcomes = {
  success: Effect.succeed("answered"),
  blip: Effect.fail("blip"),
  fatal: Effect.fail({ isRetryable: false })
}

/** All draw the same. */
const seeded = Random.withSeed("draws")

it.effect.prop(
  "a class, alone and inside a pipeline, plays every program as the retry that `make` makes",
  { setup: Setup, calls: Calls },
  ({ calls, setup }) =>
    Effect.gen(function*() {
      class Drawn extends Retry.Service<Drawn>()("drawn", { ...setup }) {}
      const observe = <R>(
        protect: (self: Effect.Effect<string, unknown>) => Effect.Effect<string, unknown, R>,
        snapshot: Effect.Effect<Retry.Snapshot, never, R>
      ) =>
        Effect.gen(function*() {
          const start = yield* Clock.currentTimeMillis
          const begun: Array<number> = []
          const exits: Array<string> = []
          for (const call of calls) {
            let made = 0
            const work = Effect.flatMap(Clock.currentTimeMillis, (now): Effect.Effect<string, unknown> => {
              begun.push(now - start)
              return outcomes[call[made++] ?? "success"]
            })
            exits.push(String(yield* Effect.exit(protect(work))))
          }
          return { begun, exits, snapshot: yield* snapshot }
        })
      const play = <A, E>(self: Effect.Effect<A, E>) =>
        Effect.gen(function*() {
          yield* TestClock.setTime(0)
          return yield* run(self)
        })
      const snapshot = Effect.flatMap(Drawn, ({ snapshot }) => snapshot)
      const retry = yield* Retry.make({ ...setup, name: "drawn" })
      const made = yield* play(seeded(observe(retry.protect, retry.snapshot)))
      const alone = yield* play(seeded(observe(Drawn.protect, snapshot).pipe(Effect.provide(Drawn.layer))))
      const inside = Effect.gen(function*() {
        const pipeline = yield* Pipeline.make({ retry: yield* Drawn, attemptTimeout: "1 hour" })
        return yield* observe(pipeline.protect, snapshot)
      })
      assert.isTrue(Exit.isSuccess(made))
      assert.deepStrictEqual(alone, made)
      assert.deepStrictEqual(yield* play(seeded(Effect.provide(inside, Drawn.layer))), made)
    }),
  { arbitrary: { runs: 100 } }
)
