/** How long calls took, where `measureDurations` is on. */
import { CircuitBreaker, Outcome, Registry, Telemetry } from "@switchgear/core"
import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, Exit, Fiber, Layer, Metric, Schema } from "effect"
import * as Yaml from "effect/encoding/Yaml"
import { PrometheusMetrics } from "effect/observability"
import { TestClock } from "effect/testing"

const observed = Telemetry.layer().pipe(
  Layer.provideMerge(Layer.merge(Registry.layer(), Layer.sync(Metric.MetricRegistry, () => new Map())))
)

const taking = <E>(millis: number, exit: Exit.Exit<string, E>) => Effect.andThen(Effect.sleep(millis), exit)

const call = <A, E, R>(guarded: Effect.Effect<A, E, R>) =>
  Effect.forkChild(Effect.exit(guarded), { startImmediately: true })

describe("measured durations", () => {
  it.effect("are not there by default", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ name: "model" })
      const family = yield* CircuitBreaker.Family.make({ name: "tenants", measureDurations: "off" })
      yield* breaker.protect(family.protect("acme")(Effect.void))
      assert.isUndefined((yield* breaker.snapshot).durations)
      assert.isUndefined((yield* family.snapshot).durations)
      assert.notInclude(yield* PrometheusMetrics.format(), "duration_seconds")
    }).pipe(Effect.scoped, Effect.provide(observed)))

  it.effect("have buckets from 10 ms to 82 s, and none for a call that is ignored", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ name: "model", measureDurations: "on" })
      yield* call(breaker.protect(taking(10, Exit.succeed("ok"))))
      yield* call(breaker.protect(taking(82_000, Exit.succeed("ok"))))
      const ignored = yield* call(breaker.protect(Effect.never))
      yield* TestClock.adjust("82 seconds")
      yield* Fiber.interrupt(ignored)
      const { durations } = yield* breaker.snapshot
      const { buckets, ...rest } = durations!.success
      assert.deepStrictEqual(rest, { count: 2, sum: 82.01, min: 0.01, max: 82 })
      assert.deepStrictEqual([buckets.length, buckets[0], buckets[13]], [14, [0.01, 1], [81.92, 1]])
      assert.deepStrictEqual(durations!.failure.count, 0)
      yield* breaker.control.reset
      assert.strictEqual((yield* breaker.snapshot).durations!.success.count, 0)
    }))

  it.effect("are read by Prometheus as cumulative buckets in seconds, with sum and count", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({
        name: "model",
        measureDurations: ["100 millis", "1 second", "2.5 seconds"]
      })
      for (const millis of [100, 101, 2000, 9000]) yield* call(breaker.protect(taking(millis, Exit.succeed("ok"))))
      yield* call(breaker.protect(taking(500, Exit.fail("503"))))
      yield* TestClock.adjust("9 seconds")
      const lines = (yield* PrometheusMetrics.format()).split("\n").filter((line) => line.includes("duration_seconds"))
      assert.deepStrictEqual(lines.map((line) => line.replace("switchgear_circuitbreaker_call_duration_seconds", "")), [
        "# HELP  Time from the admission of a call to its end, by outcome.",
        "# TYPE  histogram",
        "_bucket{name=\"model\",outcome=\"success\",le=\"0.1\"} 1",
        "_bucket{name=\"model\",outcome=\"success\",le=\"1\"} 2",
        "_bucket{name=\"model\",outcome=\"success\",le=\"2.5\"} 3",
        "_bucket{name=\"model\",outcome=\"success\",le=\"+Inf\"} 4",
        "_sum{name=\"model\",outcome=\"success\"} 11.201",
        "_count{name=\"model\",outcome=\"success\"} 4",
        "_bucket{name=\"model\",outcome=\"failure\",le=\"0.1\"} 0",
        "_bucket{name=\"model\",outcome=\"failure\",le=\"1\"} 1",
        "_bucket{name=\"model\",outcome=\"failure\",le=\"2.5\"} 1",
        "_bucket{name=\"model\",outcome=\"failure\",le=\"+Inf\"} 1",
        "_sum{name=\"model\",outcome=\"failure\"} 0.5",
        "_count{name=\"model\",outcome=\"failure\"} 1"
      ])
    }).pipe(Effect.scoped, Effect.provide(observed)))

  it.effect("are of the same moment as the totals, also in a scrape right after the circuit was made", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ name: "model", measureDurations: "on" })
      yield* breaker.protect(Effect.void)
      const text = yield* PrometheusMetrics.format()
      const labels = "{name=\"model\",outcome=\"success\"} 1\n"
      assert.include(text, `switchgear_circuitbreaker_calls_total${labels}`)
      assert.include(text, `switchgear_circuitbreaker_call_duration_seconds_count${labels}`)
    }).pipe(Effect.scoped, Effect.provide(observed)))

  it.effect("are switched on in a file or an environment, by a word or a list", () =>
    Effect.gen(function*() {
      const boundsOf = (env: Record<string, string>, yaml = "{}") =>
        CircuitBreaker.fromConfig("model", { name: "model" }).pipe(
          Effect.flatMap(({ snapshot }) => snapshot),
          Effect.map(({ durations }) => durations?.success.buckets.map(([bound]) => bound)),
          Effect.provideService(
            ConfigProvider.ConfigProvider,
            ConfigProvider.orElse(ConfigProvider.fromEnv({ env }), ConfigProvider.fromUnknown(Yaml.parse(yaml)))
          )
        )
      assert.isUndefined(yield* boundsOf({}))
      assert.strictEqual((yield* boundsOf({ MODEL_MEASURE_DURATIONS: "on" }))?.length, 14)
      assert.isUndefined(yield* boundsOf({ MODEL_MEASURE_DURATIONS: "off" }, "model: { measureDurations: on }"))
      assert.deepStrictEqual(yield* boundsOf({}, "model: { measureDurations: [50, 2 seconds] }"), [0.05, 2])
      const listed = { MODEL_MEASURE_DURATIONS_0: "50", MODEL_MEASURE_DURATIONS_1: "2 seconds" }
      assert.deepStrictEqual(yield* boundsOf(listed), [0.05, 2])
      const refused = String(yield* Effect.flip(boundsOf({}, "model: { measureDurations: [2, 1] }")))
      assert.include(refused, "measureDurations must be \"off\", \"on\", or from 1 to 50 rising durations, got [2,1]")
      const wrong = String(yield* Effect.flip(boundsOf({}, "model: { measureDurations: true }")))
      assert.include(wrong, "got \"true\"")
    }))
})

const Ending = Schema.Literals(["success", "failure", "ignored", "defect"])
const Millis = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 5000 }))
const Operation = Schema.Union([
  Schema.TaggedStruct("Call", { millis: Millis, ending: Ending, key: Schema.Literals(["a", "b", "c"]) }),
  Schema.TaggedStruct("Advance", { millis: Millis }),
  Schema.TaggedStruct("Control", {
    command: Schema.Literals(["trip", "forceOpen", "disable", "metricsOnly", "close", "alone"])
  })
])
const bounds = [1, 10, 100, 1000, 2500]

/** The durations of a list, in the plainest way. */
const naive = (millis: ReadonlyArray<number>) => ({
  count: millis.length,
  sum: millis.reduce((sum, one) => sum + one, 0) / 1000,
  min: millis.length === 0 ? 0 : Math.min(...millis) / 1000,
  max: Math.max(0, ...millis) / 1000,
  buckets: bounds.map((bound) => [bound / 1000, millis.filter((one) => one <= bound).length])
})

it.effect.prop(
  "sum, count, extremes and cumulative buckets are those of the list of all calls that were answered",
  { operations: Schema.Array(Operation), slow: Schema.Boolean },
  ({ operations, slow }) =>
    Effect.gen(function*() {
      const options = {
        measureDurations: bounds,
        minimumCalls: 3,
        openFor: 2000,
        slowCallDuration: slow ? 1000 : undefined,
        classify: (exit: Exit.Exit<unknown, unknown>) =>
          exit._tag === "Failure" && String(exit.cause).includes("ignored") ? Outcome.ignored : Outcome.fromExit(exit)
      }
      const breaker = yield* CircuitBreaker.make({ name: "model", ...options })
      // Forgets keys all the time.
      const family = yield* CircuitBreaker.Family.make({ name: "tenants", ...options, capacity: 1 })
      const control = (command: string) =>
        command === "trip"
          ? breaker.control.trip()
          : command === "alone"
          ? Effect.void
          : breaker.control[command as "close"]
      const ofBreaker = { success: Array<number>(), failure: Array<number>() }
      const ofFamily = { success: Array<number>(), failure: Array<number>() }
      for (const operation of operations) {
        if (operation._tag === "Advance") yield* TestClock.adjust(operation.millis)
        else if (operation._tag === "Control") yield* control(operation.command)
        else {
          const { ending, key, millis } = operation
          const exit = ending === "success"
            ? Exit.succeed("ok")
            : ending === "defect"
            ? Exit.die("bug")
            : Exit.fail(ending)
          const answered = (list: typeof ofBreaker, counts: boolean) =>
            Effect.onExit(taking(millis, exit), () =>
              Effect.sync(() => {
                if (ending !== "ignored" && counts) list[ending === "success" ? "success" : "failure"].push(millis)
              }))
          const isDisabled = (yield* breaker.state) === "Disabled"
          yield* call(breaker.protect(answered(ofBreaker, !isDisabled)))
          yield* call(family.protect(key)(answered(ofFamily, true)))
        }
        const { durations, totals } = yield* breaker.snapshot
        assert.deepStrictEqual(
          durations,
          { success: naive(ofBreaker.success), failure: naive(ofBreaker.failure) } as never
        )
        assert.deepStrictEqual([durations!.success.count, durations!.failure.count], [
          totals.successes,
          totals.failures
        ])
        const { durations: ofAll } = yield* family.snapshot
        assert.deepStrictEqual(ofAll, { success: naive(ofFamily.success), failure: naive(ofFamily.failure) } as never)
      }
      yield* TestClock.adjust(10_000)
    }),
  { arbitrary: { runs: Number(process.env.SWITCHGEAR_RUNS ?? 200), size: 40, maxShrinks: 1000 } }
)
