import { Bulkhead, CircuitBreaker, Pipeline, RateLimiter, Registry, Telemetry } from "@switchgear/core"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Layer, Metric, Schema } from "effect"
import { PrometheusMetrics } from "effect/observability"
import { TestClock } from "effect/testing"
import { expectTypeOf } from "vitest"
import { interruptAtEveryStep } from "./support/yieldAt.ts"

const fork = <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.forkChild(self, { startImmediately: true })

/** A family of bulkheads of one slot each, and the keys that a pipeline was made for. */
const tenantsOf = (options: { readonly capacity?: number; readonly idleTimeToLive?: number } = {}) =>
  Effect.gen(function*() {
    const made: Array<string> = []
    const family = yield* Pipeline.family({
      name: "tenants",
      pipeline: (key) =>
        Effect.gen(function*() {
          made.push(key)
          return yield* Pipeline.make({ bulkhead: yield* Bulkhead.make({ name: key, concurrency: 1 }) })
        }),
      ...options
    })
    return { family, made }
  })

describe("a family of pipelines", () => {
  it.effect("has the whole order for each key, made once, when the key is first used", () =>
    Effect.gen(function*() {
      const { family, made } = yield* tenantsOf()
      const protect = family.protect("acme")
      assert.deepStrictEqual(made, [])
      const running = yield* fork(protect(Effect.never))
      assert.strictEqual((yield* Effect.flip(family.protect("acme")(Effect.void)))._tag, "BulkheadFull")
      assert.strictEqual(yield* family.protect("globex")(Effect.succeed("in")), "in")
      assert.deepStrictEqual(made, ["acme", "globex"])
      assert.deepStrictEqual(yield* family.snapshot, { name: "tenants", keys: 2, capacity: 10_000, inFlight: 1 })
      yield* Fiber.interrupt(running)
      assert.strictEqual(yield* protect(Effect.succeed("in")), "in")
      assert.strictEqual((yield* family.snapshot).inFlight, 0)
    }))

  it.effect("judges and charges a kind of call by options of its own", () =>
    Effect.gen(function*() {
      const family = yield* Pipeline.family({
        name: "tenants",
        pipeline: (key) =>
          Effect.gen(function*() {
            const rateLimiter = yield* RateLimiter.make({ name: key, limits: [RateLimiter.tokens(10, "1 minute")] })
            return yield* Pipeline.make({ rateLimiter })
          })
      })
      const large = family.protectWith<void, never>("acme", { costs: { tokens: 8 } })
      yield* large(Effect.void)
      assert.strictEqual((yield* Effect.flip(large(Effect.void)))._tag, "RateLimited")
      yield* family.protectWith("globex", { costs: { tokens: 8 } })(Effect.void)
    }))

  it.effect("forgets the least recently used above its capacity, and never one that holds a call", () =>
    Effect.gen(function*() {
      const { family, made } = yield* tenantsOf({ capacity: 2 })
      const running = yield* fork(family.protect("held")(Effect.never))
      for (const key of ["a", "b", "a", "c"]) yield* family.protect(key)(Effect.void)
      assert.strictEqual((yield* family.snapshot).keys, 2)
      assert.strictEqual((yield* Effect.flip(family.protect("held")(Effect.void)))._tag, "BulkheadFull")
      assert.deepStrictEqual(made, ["held", "a", "b", "a", "c"])
      yield* Fiber.interrupt(running)
    }))

  it.effect("forgets what has been idle, also while it is below its capacity", () =>
    Effect.gen(function*() {
      const { family, made } = yield* tenantsOf({ idleTimeToLive: 1000 })
      yield* family.protect("a")(Effect.void)
      yield* TestClock.adjust(999)
      yield* family.protect("b")(Effect.void)
      assert.strictEqual((yield* family.snapshot).keys, 2)
      yield* TestClock.adjust(1)
      yield* family.protect("b")(Effect.void)
      assert.strictEqual((yield* family.snapshot).keys, 1)
      yield* family.protect("a")(Effect.void)
      assert.deepStrictEqual(made, ["a", "b", "a"])
    }))

  it.effect.prop(
    "never lets two calls of a key run side by side in bulkheads of one slot, whatever it forgets",
    {
      steps: Schema.Array(Schema.Union([
        Schema.TaggedStruct("Begin", { key: Schema.Literals(["a", "b", "c", "d"]) }),
        Schema.TaggedStruct("End", { index: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 9 })) }),
        Schema.TaggedStruct("Pass", { millis: Schema.Literals([1, 500, 1000]) })
      ]))
    },
    ({ steps }) =>
      Effect.gen(function*() {
        const { family } = yield* tenantsOf({ capacity: 2, idleTimeToLive: 1000 })
        const running: Array<{ readonly key: string; readonly fiber: Fiber.Fiber<void, unknown> }> = []
        for (const step of steps) {
          if (step._tag === "Begin") {
            const isBusy = running.some(({ key }) => key === step.key)
            const fiber = yield* fork(family.protect(step.key)(Effect.never))
            assert.strictEqual(fiber.pollUnsafe() !== undefined, isBusy)
            if (!isBusy) running.push({ key: step.key, fiber })
          } else if (step._tag === "End") {
            const [ended] = running.splice(step.index, 1)
            if (ended !== undefined) yield* Fiber.interrupt(ended.fiber)
          } else yield* TestClock.adjust(step.millis)
          const { inFlight, keys } = yield* family.snapshot
          assert.strictEqual(inFlight, running.length)
          // What had to be kept because it held a call is forgotten when the next call begins.
          if (step._tag === "Begin") assert.isAtMost(keys, Math.max(2, running.length))
        }
        yield* Effect.forEach(running, ({ fiber }) => Fiber.interrupt(fiber))
      })
  )

  it.effect("is one entry of the registry and one name in metrics, however many keys it has", () =>
    Effect.gen(function*() {
      const { family } = yield* tenantsOf()
      yield* Effect.forEach(Array.from({ length: 100 }), (_, i) => family.protect(`tenant-${i}`)(Effect.void))
      assert.deepStrictEqual((yield* Registry.entries).map(({ id, kind }) => `${kind.tag} ${id}`), [
        "PipelineFamily tenants"
      ])
      const lines = (yield* PrometheusMetrics.format()).split("\n").filter((line) =>
        line !== "" && !line.startsWith("#")
      )
      assert.deepStrictEqual(lines.sort(), [
        "switchgear_pipeline_family_capacity{name=\"tenants\"} 10000",
        "switchgear_pipeline_family_in_flight{name=\"tenants\"} 0",
        "switchgear_pipeline_family_keys{name=\"tenants\"} 100"
      ])
    }).pipe(
      Effect.scoped,
      Effect.provide(
        Telemetry.layer().pipe(
          Layer.provideMerge(Layer.merge(Registry.layer(), Layer.sync(Metric.MetricRegistry, () => new Map())))
        )
      )
    ))

  it.effect("dies where a pipeline cannot be made at once, holds nothing then, and tries again for the next call", () =>
    Effect.gen(function*() {
      let isBroken = true
      const family = yield* Pipeline.family({
        name: "tenants",
        pipeline: () => isBroken ? Effect.die("bug") : Pipeline.make({})
      })
      const exit = yield* Effect.exit(family.protect("a")(Effect.void))
      assert.strictEqual(Exit.isFailure(exit) && Cause.squash(exit.cause), "bug")
      isBroken = false
      assert.strictEqual(yield* family.protect("a")(Effect.succeed("in")), "in")
      assert.deepInclude(yield* family.snapshot, { keys: 1, inFlight: 0 })
      const waiting = yield* Pipeline.family({
        name: "waiting",
        pipeline: () => Effect.andThen(Effect.sleep(1), Pipeline.make({}))
      })
      assert.isTrue(Exit.isFailure(yield* Effect.exit(waiting.protect("a")(Effect.void))))
    }))

  it.effect("keeps one pipeline for a key, also where making it uses the key, and never what is none", () =>
    Effect.gen(function*() {
      let builds = 0
      let nested: Fiber.Fiber<unknown, unknown> | undefined
      const family: Pipeline.Family<Bulkhead.BulkheadFull> = yield* Pipeline.family({
        name: "tenants",
        pipeline: (key) =>
          Effect.gen(function*() {
            if (++builds === 1) nested = Effect.runFork(family.protect(key)(Effect.never))
            return yield* Pipeline.make({ bulkhead: yield* Bulkhead.make({ name: key, concurrency: 1 }) })
          })
      })
      assert.strictEqual((yield* Effect.flip(family.protect("a")(Effect.void)))._tag, "BulkheadFull")
      yield* Fiber.interrupt(nested!)
      assert.strictEqual(yield* family.protect("a")(Effect.succeed("in")), "in")
      let isNone = true
      const nothing = yield* Pipeline.family({
        name: "b",
        pipeline: () => isNone ? Effect.succeed(undefined as never) : Pipeline.make({})
      })
      const exit = yield* Effect.exit(nothing.protect("a")(Effect.void))
      assert.include(
        Exit.isFailure(exit) ? String(Cause.squash(exit.cause)) : "",
        "Pipeline.family \"b\": pipeline must make a pipeline"
      )
      isNone = false
      assert.strictEqual(yield* nothing.protect("a")(Effect.succeed("in")), "in")
    }))

  it.effect("a circuit around it does not count what the pipeline of a key refuses", () =>
    Effect.gen(function*() {
      const { family } = yield* tenantsOf()
      const breaker = yield* CircuitBreaker.make({ name: "around", minimumCalls: 1 })
      const running = yield* fork(family.protect("a")(Effect.never))
      const exit = yield* Effect.exit(Effect.void.pipe(family.protect("a"), breaker.protect))
      assert.isTrue(Exit.isFailure(exit))
      assert.deepInclude(yield* breaker.snapshot, { calls: 0, state: "Closed", inFlight: 0 })
      yield* Fiber.interrupt(running)
    }))

  it.effect("gives everything back at whatever step a call is interrupted", () =>
    Effect.gen(function*() {
      let { family } = yield* tenantsOf()
      const struck = yield* interruptAtEveryStep({
        program: () => {
          family = Effect.runSync(tenantsOf()).family
          const call = family.protect("a")(Effect.yieldNow)
          return Effect.all([call, Effect.exit(call)], { concurrency: "unbounded" })
        },
        check: (_, step) =>
          Effect.gen(function*() {
            assert.strictEqual((yield* family.snapshot).inFlight, 0, `at step ${step}`)
            assert.strictEqual(yield* Effect.orDie(family.protect("a")(Effect.succeed("in"))), "in", `at step ${step}`)
          })
      })
      assert.isAbove(struck, 10)
    }))

  it("has the errors of its pipelines in its type, and refuses nonsense by name", async () => {
    const typed = (circuits: CircuitBreaker.Family.Family) =>
      Pipeline.family({
        name: "tenants",
        pipeline: (key) =>
          Effect.flatMap(circuits.get(key), (breaker) => Pipeline.make({ breaker, deadline: "1 second" }))
      })
    expectTypeOf(typed).returns.toExtend<
      Effect.Effect<Pipeline.Family<CircuitBreaker.CircuitOpen | { readonly _tag: "DeadlineExceeded" }>>
    >()
    const told = (options: object) =>
      Effect.runPromiseExit(Pipeline.family({ name: "a", pipeline: () => Pipeline.make({}), ...options })).then((
        exit
      ) => Exit.isFailure(exit) ? String(Cause.squash(exit.cause)) : "made")
    assert.include(await told({ capacity: 0 }), "Pipeline.family: capacity must be a whole number of at least 1")
    assert.include(await told({ idleTimeToLive: -1 }), "Pipeline.family: idleTimeToLive must be")
    assert.include(await told({ pipeline: 1 }), "Pipeline.family: pipeline must be a function")
    assert.strictEqual(await told({}), "made")
  })
})
