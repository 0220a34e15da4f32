/** A named time-out does what `Deadline.attempt` does, and counts what a plain model counts. */
import { assert, describe, it } from "@effect/vitest"
import { CircuitBreaker, Deadline, Guard, Pipeline, Registry, Telemetry } from "@switchgear/core"
import { ConfigProvider, Duration, Effect, Exit, Fiber, Layer, Metric, Schema } from "effect"
import { PrometheusMetrics } from "effect/observability"
import { TestClock } from "effect/testing"
import { expectTypeOf } from "vitest"

/** Runs to the end of virtual time. */
const run = <A, E, R>(self: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const fiber = yield* Effect.forkChild(Effect.exit(self), { startImmediately: true })
    yield* TestClock.adjust("1 hour")
    return yield* Fiber.join(fiber)
  })

const make = Deadline.make({ name: "model", duration: "10 seconds" })
const slow = Effect.as(Effect.sleep("1 minute"), "answered")

const counted = ({ snapshot }: Deadline.Timeout) => Effect.map(snapshot, ({ calls, timeouts }) => [calls, timeouts])

describe("a named time-out", () => {
  it.effect("counts calls and time-outs, and tells its name and duration", () =>
    Effect.gen(function*() {
      const timeout = yield* make
      yield* run(timeout.protect(Effect.void))
      yield* run(timeout.protect(Effect.sleep("9 seconds")))
      yield* run(timeout.protect(Effect.fail("503")))
      const exit = yield* run(timeout.protect(slow))
      assert.deepStrictEqual(
        exit,
        Exit.fail(new Deadline.DeadlineExceeded({ limit: "attempt", after: Duration.seconds(10) }))
      )
      const { calls, duration, name, timeouts } = yield* timeout.snapshot
      assert.deepStrictEqual({ calls, duration, name, timeouts }, {
        calls: 4,
        duration: Duration.seconds(10),
        name: "model",
        timeouts: 1
      })
    }))

  it.effect("does not count as its own what a nearer deadline ends, nor a call that is not begun", () =>
    Effect.gen(function*() {
      const timeout = yield* make
      yield* run(timeout.protect(slow).pipe(Deadline.within("4 seconds")))
      assert.deepStrictEqual(yield* counted(timeout), [1, 0])
      yield* run(timeout.protect(slow).pipe(Deadline.within(0)))
      const late = Effect.andThen(Effect.uninterruptible(Effect.sleep("2 seconds")), timeout.protect(slow))
      yield* run(late.pipe(Effect.uninterruptible, Deadline.within("1 second")))
      assert.deepStrictEqual(yield* counted(timeout), [1, 0])
    }))

  it.effect("counts a call that still runs when its time is over, and of limits that come at one moment the innermost", () =>
    Effect.gen(function*() {
      const [inner, outer] = [yield* make, yield* make]
      const pipeline = yield* Pipeline.make({ deadline: "10 seconds", attemptTimeout: inner })
      const ways: ReadonlyArray<Effect.Effect<unknown, unknown>> = [
        slow.pipe(inner.protect, Deadline.within("10 seconds")),
        slow.pipe(inner.protect, Deadline.attempt("10 seconds")),
        slow.pipe(inner.protect, outer.protect),
        pipeline.protect(slow)
      ]
      for (const way of ways) {
        const exit = yield* run(Effect.flip(way))
        assert.isTrue(Exit.isSuccess(exit) && exit.value instanceof Deadline.DeadlineExceeded)
      }
      assert.deepStrictEqual([yield* counted(inner), yield* counted(outer)], [[4, 4], [1, 0]])
      yield* run(slow.pipe(inner.protect, Deadline.within(9_999)))
      assert.deepStrictEqual(yield* counted(inner), [5, 4])
    }))

  it.effect("counts a call that ends late because it cannot be interrupted, and none that is interrupted before", () =>
    Effect.gen(function*() {
      const timeout = yield* make
      yield* run(timeout.protect(Effect.uninterruptible(slow)))
      assert.deepStrictEqual(yield* counted(timeout), [1, 1])
      const fiber = yield* Effect.forkChild(timeout.protect(slow), { startImmediately: true })
      yield* TestClock.adjust("5 seconds")
      yield* Fiber.interrupt(fiber)
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual(yield* counted(timeout), [2, 1])
    }))

  it.effect("is a failure to the circuit around it, directly and in a pipeline", () =>
    Effect.gen(function*() {
      const timeout = yield* make
      const breaker = yield* CircuitBreaker.make({ name: "model" })
      yield* run(slow.pipe(timeout.protect, breaker.protect))
      const pipeline = yield* Pipeline.make({ breaker, guards: { innermost: timeout } })
      yield* run(pipeline.protect(slow))
      assert.strictEqual((yield* breaker.snapshot).failed, 2)
      assert.deepStrictEqual(yield* counted(timeout), [2, 2])
      const none = timeout.protect(slow).pipe(breaker.protect, Deadline.within(0))
      yield* run(none)
      assert.strictEqual((yield* breaker.snapshot).failed, 2)
    }))

  it.effect("is in registry and metrics, and says nothing about health", () =>
    Effect.gen(function*() {
      const timeout = yield* make
      yield* run(timeout.protect(slow))
      yield* run(timeout.protect(Effect.void))
      const lines = (yield* PrometheusMetrics.format()).split("\n").filter((line) =>
        line.startsWith("switchgear_timeout")
      )
      assert.deepStrictEqual(lines, [
        "switchgear_timeout_calls_total{name=\"model\"} 2",
        "switchgear_timeout_exceeded_total{name=\"model\"} 1"
      ])
      assert.strictEqual(yield* Registry.find(Deadline.kind, "model"), timeout)
      assert.deepStrictEqual(yield* Registry.health, { status: "up", reasons: [] })
    }).pipe(
      Effect.scoped,
      Effect.provide(
        Telemetry.layer().pipe(
          Layer.provideMerge(Layer.merge(Registry.layer(), Layer.sync(Metric.MetricRegistry, () => new Map())))
        )
      )
    ))

  it("is a guard that adds one error", () => {
    expectTypeOf<Deadline.Timeout>().toExtend<Guard.Guard<Deadline.DeadlineExceeded>>()
    const pipeline = () => Effect.flatMap(make, (timeout) => Pipeline.make({ guards: { innermost: timeout } }))
    expectTypeOf<Effect.Success<ReturnType<typeof pipeline>>>().toEqualTypeOf<
      Pipeline.Pipeline<Deadline.DeadlineExceeded>
    >()
  })
})

describe("a time-out as a service", () => {
  class Model extends Deadline.Service<Model>()("model", { duration: "10 seconds" }) {}
  const after = (layer: Layer.Layer<Model, unknown>) =>
    Effect.map(
      run(slow.pipe(Model.protect, Effect.provide(layer), Effect.flip)),
      (exit) =>
        Exit.isSuccess(exit) && exit.value instanceof Deadline.DeadlineExceeded
          ? Duration.format(exit.value.after)
          : String(exit)
    )

  it.effect("takes its duration from the code, from `layerWith`, and from the configuration", () =>
    Effect.gen(function*() {
      const env = ConfigProvider.layer(ConfigProvider.fromEnv({ env: { MODEL_TIMEOUT_DURATION: "2 seconds" } }))
      assert.strictEqual(Model.key, "@switchgear/core/Timeout/model")
      assert.strictEqual(yield* after(Model.layer), "10s")
      assert.strictEqual(yield* after(Model.layerWith({ duration: "3 seconds" })), "3s")
      assert.strictEqual(yield* after(Layer.provide(Model.layerConfig(["model", "timeout"]), env)), "2s")
    }))

  it.effect("refuses nonsense as a defect, and written nonsense as a `ConfigError`", () =>
    Effect.gen(function*() {
      for (const duration of [0, -1, NaN, Infinity, "soon" as "1 second"]) {
        const exit = yield* Effect.exit(Deadline.make({ name: "model", duration }))
        assert.include(String(exit), "RangeError: Deadline.make: duration must be a finite duration above zero")
      }
      const unnamed = yield* Effect.exit(Deadline.make({ name: "", duration: 1 }))
      assert.include(String(unnamed), "Deadline.make: name must be a text that is not empty")
      const written = ConfigProvider.layer(ConfigProvider.fromUnknown({ timeout: { duration: "soon" } }))
      const error = yield* Effect.flip(Effect.provide(Deadline.fromConfig("timeout", { name: "model" }), written))
      assert.strictEqual(error._tag, "ConfigError")
      assert.include(error.message, "duration must be a finite duration above zero, got \"soon\"")
      assert.isTrue(
        Exit.isFailure(Schema.decodeUnknownExit(Deadline.OptionsSchema)({ name: "a", attempt: "1 second" }))
      )
    }))
})

// Calls end at multiples of ten; limits and interruptions come between them, each at a time of its own.
const Call = Schema.Struct({
  takes: Schema.Literals([0, 10, 20, 30, 40]),
  end: Schema.Literals(["success", "failure", "defect", "uninterruptible"]),
  deadline: Schema.UndefinedOr(Schema.Literals([0, 7, 17, 25, 37])),
  interruptAt: Schema.UndefinedOr(Schema.Literals([3, 13, 27, 33]))
})
type Call = typeof Call.Type
const limit = 25

/** The specification: what is counted of calls that are made one after the other. */
const countsOf = (calls: ReadonlyArray<Call>): ReadonlyArray<number> => {
  const begun = calls.filter(({ deadline }) => deadline !== 0)
  // Work that cannot be interrupted goes on although its caller has left.
  const late = begun.filter(({ deadline = Infinity, end, interruptAt = Infinity, takes }) =>
    takes > limit && deadline >= limit && (end === "uninterruptible" || interruptAt > limit)
  )
  return [begun.length, late.length]
}

it.effect.prop(
  "a named time-out counts what the model counts, and its calls end as those of `Deadline.attempt`",
  { calls: Schema.Array(Call).check(Schema.isMinLength(1), Schema.isMaxLength(12)) },
  ({ calls }) =>
    Effect.gen(function*() {
      const timeout = yield* Deadline.make({ name: "model", duration: limit })
      const exitsOf = (protect: Deadline.Timeout["protect"]) =>
        Effect.forEach(calls, ({ deadline, end, interruptAt, takes }) =>
          Effect.gen(function*() {
            const outcome = end === "failure" ? Effect.fail("503") : end === "defect" ? Effect.die("bug") : Effect.void
            const work = takes === 0 ? outcome : Effect.andThen(Effect.sleep(takes), outcome)
            const call = protect(end === "uninterruptible" ? Effect.uninterruptible(work) : work)
            const fiber = yield* Effect.forkChild(
              deadline === undefined ? call : Deadline.within(deadline)(call),
              { startImmediately: true }
            )
            yield* TestClock.adjust(interruptAt ?? 100)
            const interrupting = yield* Effect.forkChild(Fiber.interrupt(fiber), { startImmediately: true })
            yield* TestClock.adjust(100)
            yield* Fiber.join(interrupting)
            return String(yield* Fiber.await(fiber)).replaceAll(/#\d+/g, "")
          }))
      const exits = yield* exitsOf(timeout.protect)
      assert.deepStrictEqual(yield* counted(timeout), countsOf(calls))
      const byHand = yield* exitsOf(Deadline.attempt(limit))
      const withoutIds = (told: ReadonlyArray<string>) => told.map((exit) => exit.replaceAll(/\d+/g, "n"))
      assert.deepStrictEqual(withoutIds(exits), withoutIds(byHand))
    }),
  { arbitrary: { runs: Number(process.env.SWITCHGEAR_RUNS ?? 300) } }
)
