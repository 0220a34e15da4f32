/**
 * The metrics as Prometheus gets them: written by the platform's exporter, read and judged by `promtool check metrics`.
 * Without `promtool` its tests are skipped and say so; with SWITCHGEAR_REQUIRE_PROMTOOL=1 that is a failure.
 */
import {
  Bulkhead,
  Cascade,
  CircuitBreaker,
  Deadline,
  Pipeline,
  RateLimiter,
  Registry,
  Retry,
  RetryBudget,
  StaleCache,
  Telemetry
} from "@switchgear/core"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Metric } from "effect"
import { PrometheusMetrics } from "effect/observability"
import { spawnSync } from "node:child_process"
import { readFileSync } from "node:fs"

const promtool = (args: ReadonlyArray<string>, input = "") => {
  const { error, status, stderr, stdout } = spawnSync("promtool", args, { input, encoding: "utf8" })
  return { missing: error !== undefined, status, said: `${stdout}${stderr}`.trim() }
}

const isMissing = promtool(["--version"]).missing
const mayBeMissing = process.env["SWITCHGEAR_REQUIRE_PROMTOOL"] !== "1"

/** Everything that can be published, under names that have to be escaped, and some of it under `other`. */
const text = Effect.gen(function*() {
  for (const name of ["model", "a \"quoted\\name\"\nin two lines", "模型", "folded"]) {
    const breaker = yield* CircuitBreaker.make({
      name,
      minimumCalls: 1,
      slowCallDuration: "1 second",
      measureDurations: "on"
    })
    const family = yield* CircuitBreaker.Family.make({ name, measureDurations: ["1 millis", "1.5 seconds"] })
    const bulkhead = yield* Bulkhead.make({ name, concurrency: 1 })
    const limits = [
      RateLimiter.requests(10, "1 second"),
      RateLimiter.tokens(10, "1 second"),
      RateLimiter.cost(1, "1 day")
    ]
    const limiter = yield* RateLimiter.make({ name, limits })
    yield* Retry.make({ name })
    const budget = yield* RetryBudget.make({ name })
    yield* Pipeline.family({ name, pipeline: () => Pipeline.make({}) })
    const cache = yield* StaleCache.make<string>({ name })
    yield* Effect.exit(breaker.protect(family.protect("key")(bulkhead.protect(limiter.protect(Effect.fail("503"))))))
    yield* limiter.pause("1500 millis")
    yield* budget.take
    yield* Effect.succeed("42").pipe(cache.through("question"))
    yield* Deadline.make({ name, duration: "10 seconds" })
    const answers = yield* Cascade.make({ name })
    yield* answers.run(Cascade.first(name, Effect.fail("503")).pipe(Cascade.orConstant("canned", "sorry")))
  }
  return yield* PrometheusMetrics.format()
}).pipe(Effect.provide(
  Telemetry.layer({ maxNames: 3 }).pipe(
    Layer.provideMerge(Layer.merge(Registry.layer(), Layer.sync(Metric.MetricRegistry, () => new Map())))
  )
))

describe("the metrics in Prometheus' text format", () => {
  it.effect("are these, each with its type", () =>
    Effect.gen(function*() {
      const types = (yield* text).split("\n").filter((line) => line.startsWith("# TYPE "))
      assert.deepStrictEqual(types.map((line) => line.slice("# TYPE switchgear_".length)), [
        "circuitbreaker_state gauge",
        "circuitbreaker_window_calls gauge",
        "circuitbreaker_window_slow_calls gauge",
        "circuitbreaker_failure_rate gauge",
        "circuitbreaker_slow_call_rate gauge",
        "circuitbreaker_in_flight gauge",
        "circuitbreaker_calls_total counter",
        "circuitbreaker_slow_calls_total counter",
        "circuitbreaker_call_duration_seconds histogram",
        "circuitbreaker_not_permitted_total counter",
        "circuitbreaker_openings_total counter",
        "circuitbreaker_late_total counter",
        "circuitbreaker_family_circuits gauge",
        "circuitbreaker_family_in_flight gauge",
        "circuitbreaker_family_calls_total counter",
        "circuitbreaker_family_slow_calls_total counter",
        "circuitbreaker_family_call_duration_seconds histogram",
        "circuitbreaker_family_not_permitted_total counter",
        "circuitbreaker_family_openings_total counter",
        "circuitbreaker_family_late_total counter",
        "bulkhead_concurrency gauge",
        "bulkhead_in_flight gauge",
        "bulkhead_queue_capacity gauge",
        "bulkhead_queued gauge",
        "bulkhead_rejected_total counter",
        "ratelimiter_available gauge",
        "ratelimiter_capacity gauge",
        "ratelimiter_waiting gauge",
        "ratelimiter_paused_seconds gauge",
        "ratelimiter_admitted_total counter",
        "ratelimiter_rejected_total counter",
        "retry_calls_total counter",
        "retry_attempts_total counter",
        "retry_recovered_total counter",
        "retry_gave_up_total counter",
        "retry_not_retried_total counter",
        "retry_budget_available gauge",
        "retry_budget_window_successes gauge",
        "retry_budget_window_retries gauge",
        "retry_budget_refused_total counter",
        "pipeline_family_keys gauge",
        "pipeline_family_capacity gauge",
        "pipeline_family_in_flight gauge",
        "cache_size gauge",
        "cache_capacity gauge",
        "cache_bytes gauge",
        "cache_served_total counter",
        "cache_store_failures_total counter",
        "timeout_calls_total counter",
        "timeout_exceeded_total counter",
        "cascade_exhausted_total counter",
        "cascade_waiting gauge",
        "cascade_rounds_total counter",
        "cascade_served_total counter",
        "cascade_failed_total counter"
      ])
    }))

  it.effect("are each in the table of the documentation, and the table has no others", () =>
    Effect.gen(function*() {
      const published = [...(yield* text).matchAll(/^# TYPE switchgear_(\S+) (\S+)$/gm)].map(([, name]) => name!)
      const source = readFileSync(new URL("../src/Telemetry.ts", import.meta.url), "utf8")
      const rows = source.split("\n").filter((line) => line.startsWith(" * | `")).map((row) => row.split("|")[1]!)
      const documented = rows.flatMap((names) => [...names.matchAll(/`(\w+)`/g)].map(([, name]) => name!))
      assert.deepStrictEqual(documented, published)
    }))

  if (isMissing && mayBeMissing) {
    it.skip("WERE NOT CHECKED by promtool, which is not installed: it is in Debian's package prometheus", () => {})
  } else {
    it.effect("please promtool check metrics: names, units, types, help and syntax", () =>
      Effect.gen(function*() {
        const checked = promtool(["check", "metrics"], yield* text)
        assert.deepStrictEqual(checked, { missing: false, status: 0, said: "" })
      }))

    it.effect("would not please it with a counter that does not end in _total", () =>
      Effect.gen(function*() {
        const wrong = (yield* text).replaceAll("switchgear_cache_served_total", "switchgear_cache_served")
        const { missing, said, status } = promtool(["check", "metrics"], wrong)
        assert.isFalse(missing, "promtool is not installed, and SWITCHGEAR_REQUIRE_PROMTOOL=1 asks for it")
        assert.notStrictEqual(status, 0)
        assert.include(said, "switchgear_cache_served counter metrics should have \"_total\" suffix")
      }))
  }
})
