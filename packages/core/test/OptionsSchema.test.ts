import {
  Bulkhead,
  CircuitBreaker,
  Pipeline,
  RateLimiter,
  Registry,
  Retry,
  RetryBudget,
  StaleCache,
  Telemetry
} from "@switchgear/core"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Config, ConfigProvider, Duration, Effect, Exit, Layer, Schema } from "effect"
import * as Yaml from "effect/encoding/Yaml"
import { TestClock } from "effect/testing"
import { expectTypeOf } from "vitest"

const read = <A, E>(schema: Schema.Codec<A, E>, yaml: string) => Schema.decodeUnknownEffect(schema)(Yaml.parse(yaml))

const reason = (schema: Schema.Codec<unknown, unknown>, yaml: string) =>
  Effect.map(Effect.flip(read(schema, yaml)), ({ message }) => message)

const breaker = (yaml: string) => Effect.flatMap(read(CircuitBreaker.OptionsSchema, yaml), CircuitBreaker.make)

const failures = (breaker: CircuitBreaker.CircuitBreaker, times: number) =>
  Effect.forEach(Array.from({ length: times }), () => Effect.exit(Effect.fail("503").pipe(breaker.protect)))

describe("what is written is what is meant in code:", () => {
  const cases: ReadonlyArray<readonly [string, Schema.Codec<unknown, unknown>, string, unknown]> = [
    [
      "CircuitBreaker",
      CircuitBreaker.OptionsSchema,
      `
      name: model
      window: { lasting: 60 seconds, buckets: 12 }
      minimumCalls: 20
      failureRate: off
      slowCallDuration: 1.5 seconds
      slowCallRate: 0.8
      consecutiveFailures: 5
      openFor: 45000
      halfOpen: { calls: 3, maxWait: Infinity }
      rampUp: { over: 1 minute, from: 0.2 }
      measureDurations: on
      critical: false
      `,
      {
        name: "model",
        window: CircuitBreaker.lasting("60 seconds", { buckets: 12 }),
        minimumCalls: 20,
        failureRate: "off",
        slowCallDuration: "1.5 seconds",
        slowCallRate: 0.8,
        consecutiveFailures: 5,
        openFor: 45_000,
        halfOpen: { calls: 3, maxWait: "Infinity" },
        rampUp: { over: "1 minute", from: 0.2 },
        measureDurations: "on",
        critical: false
      } satisfies CircuitBreaker.Options
    ],
    [
      "a window of calls",
      CircuitBreaker.OptionsSchema,
      "{ name: model, window: { lastCalls: 7 } }",
      { name: "model", window: CircuitBreaker.lastCalls(7) } satisfies CircuitBreaker.Options
    ],
    [
      "a window of time, in ten buckets",
      CircuitBreaker.OptionsSchema,
      "{ name: model, window: { lasting: 1 minute } }",
      { name: "model", window: CircuitBreaker.lasting("1 minute") } satisfies CircuitBreaker.Options
    ],
    [
      "CircuitBreaker.Family.make",
      CircuitBreaker.Family.OptionsSchema,
      "{ name: tenants, capacity: 50, idleTimeToLive: 5 minutes, window: { lastCalls: 7 }, halfOpen: { calls: 1 }, critical: true, measureDurations: [50, 1 second] }",
      {
        name: "tenants",
        capacity: 50,
        idleTimeToLive: "5 minutes",
        window: CircuitBreaker.lastCalls(7),
        halfOpen: { calls: 1 },
        critical: true,
        measureDurations: [50, "1 second"]
      } satisfies CircuitBreaker.Family.Options
    ],
    [
      "Bulkhead",
      Bulkhead.OptionsSchema,
      "{ name: model, concurrency: 8, queue: 20, maxWait: 2 seconds, share: 0.25 }",
      { name: "model", concurrency: 8, queue: 20, maxWait: "2 seconds", share: 0.25 } satisfies Bulkhead.Options
    ],
    [
      "RateLimiter",
      RateLimiter.OptionsSchema,
      `
      name: model
      maxWait: 500
      queue: 20
      maxRetryAfter: 1 minute
      limits:
        - { resource: requests, limit: 100, per: 1 second }
        - { resource: tokens, limit: 90000, per: 1 minute, kind: sliding-window }
        - { resource: cost, limit: 0.5, per: 1 hour, burst: 2 }
      `,
      {
        name: "model",
        maxWait: 500,
        queue: 20,
        maxRetryAfter: "1 minute",
        limits: [
          RateLimiter.requests(100, "1 second"),
          RateLimiter.tokens(90_000, "1 minute", { kind: "sliding-window" }),
          RateLimiter.cost(0.5, "1 hour", { burst: 2 })
        ]
      } satisfies RateLimiter.Options
    ],
    [
      "Retry",
      Retry.OptionsSchema,
      "{ maxAttempts: 4, baseDelay: 100, maxDelay: 5 seconds, jitter: equal, maxDuration: 20 seconds }",
      {
        maxAttempts: 4,
        baseDelay: 100,
        maxDelay: "5 seconds",
        jitter: "equal",
        maxDuration: "20 seconds"
      } satisfies Retry.Options
    ],
    [
      "RetryBudget",
      RetryBudget.OptionsSchema,
      "{ name: model, ratio: 0.1, floor: 3, window: 30 seconds }",
      { name: "model", ratio: 0.1, floor: 3, window: "30 seconds" } satisfies RetryBudget.Options
    ],
    [
      "StaleCache",
      StaleCache.OptionsSchema,
      "{ name: answers, capacity: 50, maxBytes: 1000, timeToLive: 1 minute, staleFor: 1 day, after: 1 second, storeTimeout: 20 }",
      {
        name: "answers",
        capacity: 50,
        maxBytes: 1000,
        timeToLive: "1 minute",
        staleFor: "1 day",
        after: "1 second",
        storeTimeout: 20
      } satisfies StaleCache.Options
    ],
    [
      "Pipeline",
      Pipeline.TimesSchema,
      "{ deadline: 30 seconds, attemptTimeout: 10000 }",
      { deadline: "30 seconds", attemptTimeout: 10_000 } satisfies Pipeline.Times
    ],
    ["Registry", Registry.OptionsSchema, "{ history: 7 }", { history: 7 } satisfies Registry.Options],
    ["Telemetry", Telemetry.OptionsSchema, "{ maxNames: 9 }", { maxNames: 9 } satisfies Telemetry.Options]
  ]
  for (const [name, schema, yaml, options] of cases) {
    it.effect(name, () => Effect.map(read(schema, yaml), (decoded) => assert.deepStrictEqual(decoded, options)))
  }

  it.effect("nothing but what must be given leaves every default to make", () =>
    Effect.gen(function*() {
      const named = { name: "model" }
      for (const { OptionsSchema } of [CircuitBreaker, RetryBudget, StaleCache]) {
        assert.deepStrictEqual(yield* Schema.decodeUnknownEffect(OptionsSchema as Schema.Codec<unknown>)(named), named)
      }
      for (
        const schema of [Retry.OptionsSchema, Registry.OptionsSchema, Telemetry.OptionsSchema, Pipeline.TimesSchema]
      ) {
        assert.deepStrictEqual(yield* Schema.decodeUnknownEffect(schema as Schema.Codec<unknown>)({}), {})
      }
      const bulkhead = yield* Effect.flatMap(read(Bulkhead.OptionsSchema, "{ name: m, concurrency: 2 }"), Bulkhead.make)
      assert.strictEqual((yield* bulkhead.snapshot).queue, 0)
    }))

  it("the decoded values are what make takes", () => {
    expectTypeOf(CircuitBreaker.OptionsSchema.Type).toEqualTypeOf<CircuitBreaker.Options>()
    expectTypeOf(CircuitBreaker.Family.OptionsSchema.Type).toEqualTypeOf<CircuitBreaker.Family.Options>()
    expectTypeOf(Bulkhead.OptionsSchema.Type).toEqualTypeOf<Bulkhead.Options>()
    expectTypeOf(RateLimiter.OptionsSchema.Type).toEqualTypeOf<RateLimiter.Options>()
    expectTypeOf(Retry.OptionsSchema.Type).toExtend<Retry.Options<{ readonly status: number }>>()
    expectTypeOf(RetryBudget.OptionsSchema.Type).toEqualTypeOf<RetryBudget.Options>()
    expectTypeOf(StaleCache.OptionsSchema.Type).toExtend<StaleCache.Options<string>>()
    expectTypeOf(Pipeline.TimesSchema.Type).toExtend<Pipeline.Parts>()
    expectTypeOf(Registry.OptionsSchema.Type).toEqualTypeOf<Registry.Options>()
    expectTypeOf(Telemetry.OptionsSchema.Type).toEqualTypeOf<Telemetry.Options>()
    expectTypeOf<(typeof Bulkhead.OptionsSchema.Encoded)["concurrency"]>().toEqualTypeOf<number | string | undefined>()
  })
})

describe("guards made of what is written", () => {
  it.effect("a circuit opens by the written rates and for the written time", () =>
    Effect.gen(function*() {
      const model = yield* breaker(
        "{ name: model, window: { lastCalls: 4 }, minimumCalls: 2, failureRate: 1, openFor: 7 seconds }"
      )
      yield* failures(model, 1)
      assert.strictEqual(yield* model.state, "Closed")
      yield* failures(model, 1)
      assert.deepStrictEqual((yield* model.snapshot).nextRetry, Duration.seconds(7))
    }))

  const openings = (openFor: string) =>
    Effect.gen(function*() {
      const model = yield* breaker(
        `{ name: model, consecutiveFailures: 1, halfOpen: { calls: 1 }, openFor: ${openFor} }`
      )
      const millis: Array<number> = []
      for (let opening = 1; opening <= 4; opening++) {
        yield* failures(model, 1)
        const { nextRetry } = yield* model.snapshot
        millis.push(Duration.toMillis(nextRetry!))
        yield* TestClock.adjust(nextRetry!)
      }
      return millis
    })

  it.effect("openings in a row grow by the factor up to the cap", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* openings("{ baseDelay: 1 second, factor: 3, maxDelay: 20 seconds }"), [
        1000,
        3000,
        9000,
        20_000
      ])
      assert.deepStrictEqual(yield* openings("{ baseDelay: 5 minutes }"), [300_000, 600_000, 600_000, 600_000])
      assert.deepStrictEqual(yield* openings("{ baseDelay: 1 hour, factor: 1 }"), [
        3_600_000,
        3_600_000,
        3_600_000,
        3_600_000
      ])
    }))

  it.effect("jitter scatters openings by its share, and never above the cap", () =>
    Effect.gen(function*() {
      const millis = yield* openings("{ baseDelay: 10 seconds, factor: 1, jitter: 0.2 }")
      for (const each of millis) assert.isTrue(each >= 8000 && each <= 12_000, `${each}`)
      assert.isAbove(new Set(millis).size, 1)
      const capped = yield* openings("{ baseDelay: 10 seconds, factor: 1, maxDelay: 10 seconds, jitter: 1 }")
      for (const each of capped) assert.isTrue(each >= 1 && each <= 10_000 && Number.isInteger(each), `${each}`)
    }))

  it.effect("a limiter holds what is written, and a bulkhead takes as many", () =>
    Effect.gen(function*() {
      const limiter = yield* Effect.flatMap(
        read(
          RateLimiter.OptionsSchema,
          "{ name: m, limits: [{ resource: tokens, limit: 10, per: 1 second, burst: 30 }] }"
        ),
        RateLimiter.make
      )
      assert.deepStrictEqual((yield* limiter.snapshot).limits, [{ resource: "tokens", available: 30, capacity: 30 }])
      const bulkhead = yield* Effect.flatMap(
        read(Bulkhead.OptionsSchema, "{ name: m, concurrency: 3, queue: 4 }"),
        Bulkhead.make
      )
      const { concurrency, queue } = yield* bulkhead.snapshot
      assert.deepStrictEqual({ concurrency, queue }, { concurrency: 3, queue: 4 })
    }))
})

const duration = "A duration is written as \"30 seconds\" or as a number of milliseconds"

const refused: ReadonlyArray<readonly [Schema.Codec<unknown, unknown>, string, string, string]> = [
  [CircuitBreaker.OptionsSchema, "{ name: '' }", "name must be a text that is not empty, got \"\"", "[\"name\"]"],
  [CircuitBreaker.OptionsSchema, "{}", "name must be a text that is not empty, but it is missing", "[\"name\"]"],
  [
    CircuitBreaker.OptionsSchema,
    "{ name: m, failureRate: 1.5 }",
    "failureRate must be above 0 and at most 1, got 1.5",
    "[\"failureRate\"]"
  ],
  [
    CircuitBreaker.OptionsSchema,
    "{ name: m, failureRate: .nan }",
    "failureRate must be above 0 and at most 1, got NaN",
    "[\"failureRate\"]"
  ],
  [
    CircuitBreaker.OptionsSchema,
    "{ name: m, failureRate: 0 }",
    "failureRate must be above 0 and at most 1, got 0",
    "[\"failureRate\"]"
  ],
  [
    CircuitBreaker.OptionsSchema,
    "{ name: m, failureRate: often }",
    "failureRate must be above 0 and at most 1, got \"often\"",
    "[\"failureRate\"]"
  ],
  [
    CircuitBreaker.OptionsSchema,
    "{ name: m, failureRate: '0.5' }",
    "failureRate must be above 0 and at most 1, got \"0.5\"",
    "[\"failureRate\"]"
  ],
  [
    CircuitBreaker.OptionsSchema,
    "{ name: m, slowCallRate: -1 }",
    "slowCallRate must be above 0 and at most 1, got -1",
    "[\"slowCallRate\"]"
  ],
  [
    CircuitBreaker.OptionsSchema,
    "{ name: m, window: { lastCalls: 0 } }",
    "window.lastCalls must be a whole number of at least 1, got 0",
    "[\"window\"][\"lastCalls\"]"
  ],
  [
    CircuitBreaker.OptionsSchema,
    "{ name: m, window: { lastCalls: 1.5 } }",
    "window.lastCalls must be a whole number of at least 1, got 1.5",
    "[\"window\"][\"lastCalls\"]"
  ],
  [
    CircuitBreaker.OptionsSchema,
    "{ name: m, window: { lasting: 0 seconds } }",
    "window.lasting must be a finite duration above zero, got \"0 seconds\"",
    "[\"window\"][\"lasting\"]"
  ],
  [
    CircuitBreaker.OptionsSchema,
    "{ name: m, window: { lasting: 1 second, buckets: 0 } }",
    "window.buckets must be a whole number of at least 1, got 0",
    "[\"window\"][\"buckets\"]"
  ],
  [
    CircuitBreaker.OptionsSchema,
    "{ name: m, window: { lastCalls: 1, lasting: 5 } }",
    "window must be { lastCalls } or { lasting, buckets }, got {\"lastCalls\":1,\"lasting\":5}",
    "[\"window\"]"
  ],
  [
    CircuitBreaker.OptionsSchema,
    "{ name: m, window: { lastCalls: 1, buckets: 5 } }",
    "window must be { lastCalls } or { lasting, buckets }, got {\"lastCalls\":1,\"buckets\":5}",
    "[\"window\"]"
  ],
  [
    CircuitBreaker.OptionsSchema,
    "{ name: m, window: {} }",
    "window must be { lastCalls } or { lasting, buckets }, got {}",
    "[\"window\"]"
  ],
  [
    CircuitBreaker.OptionsSchema,
    "{ name: m, window: 100 }",
    "Expected { lastCalls, lasting, buckets }",
    "[\"window\"]"
  ],
  [
    CircuitBreaker.OptionsSchema,
    "{ name: m, window: { lastCalls: 5 }, minimumCalls: 6 }",
    "minimumCalls must be a whole number from 1 to 5, got 6",
    "[\"minimumCalls\"]"
  ],
  [
    CircuitBreaker.OptionsSchema,
    "{ name: m, minimumCalls: 0 }",
    "minimumCalls must be a whole number from 1 to 100, got 0",
    "[\"minimumCalls\"]"
  ],
  [
    CircuitBreaker.OptionsSchema,
    "{ name: m, consecutiveFailures: 0 }",
    "consecutiveFailures must be a whole number of at least 1, got 0",
    "[\"consecutiveFailures\"]"
  ],
  [
    CircuitBreaker.OptionsSchema,
    "{ name: m, openFor: -1 seconds }",
    "openFor must be a finite duration above zero, got \"-1 seconds\"",
    "[\"openFor\"]"
  ],
  [
    CircuitBreaker.OptionsSchema,
    "{ name: m, openFor: .nan }",
    "openFor must be a finite duration above zero, got NaN",
    "[\"openFor\"]"
  ],
  [
    CircuitBreaker.OptionsSchema,
    "{ name: m, openFor: 30s }",
    `openFor must be a finite duration above zero, got "30s". ${duration}`,
    "[\"openFor\"]"
  ],
  [
    CircuitBreaker.OptionsSchema,
    "{ name: m, openFor: [1] }",
    "Expected a duration or { baseDelay, factor, maxDelay, jitter }, got [1]",
    "[\"openFor\"]"
  ],
  [
    CircuitBreaker.OptionsSchema,
    "{ name: m, openFor: { factor: 2 } }",
    "openFor.baseDelay must be a finite duration above zero, but it is missing",
    "[\"openFor\"][\"baseDelay\"]"
  ],
  [
    CircuitBreaker.OptionsSchema,
    "{ name: m, openFor: { baseDelay: 1 second, factor: 0.5 } }",
    "openFor.factor must be a number of at least 1, got 0.5",
    "[\"openFor\"][\"factor\"]"
  ],
  [
    CircuitBreaker.OptionsSchema,
    "{ name: m, openFor: { baseDelay: 1 second, maxDelay: 0 } }",
    "openFor.maxDelay must be a finite duration above zero, got 0",
    "[\"openFor\"][\"maxDelay\"]"
  ],
  [
    CircuitBreaker.OptionsSchema,
    "{ name: m, openFor: { baseDelay: 1 second, jitter: 1.1 } }",
    "openFor.jitter must be a number from 0 to 1, got 1.1",
    "[\"openFor\"][\"jitter\"]"
  ],
  [
    CircuitBreaker.OptionsSchema,
    "{ name: m, openFor: { baseDelay: 1 second, jitter: full } }",
    "openFor.jitter must be a number from 0 to 1, got \"full\"",
    "[\"openFor\"][\"jitter\"]"
  ],
  [
    CircuitBreaker.OptionsSchema,
    "{ name: m, slowCallDuration: -5 }",
    "slowCallDuration must be a finite duration above zero, got -5",
    "[\"slowCallDuration\"]"
  ],
  [
    CircuitBreaker.OptionsSchema,
    "{ name: m, rampUp: { over: 0 } }",
    "rampUp.over must be a finite duration above zero, got 0",
    "[\"rampUp\"][\"over\"]"
  ],
  [
    CircuitBreaker.OptionsSchema,
    "{ name: m, rampUp: { from: 0.5 } }",
    "rampUp.over must be a finite duration above zero, but it is missing",
    "[\"rampUp\"][\"over\"]"
  ],
  [
    CircuitBreaker.OptionsSchema,
    "{ name: m, rampUp: { over: 1 second, from: 0 } }",
    "rampUp.from must be above 0 and at most 1, got 0",
    "[\"rampUp\"][\"from\"]"
  ],
  [
    CircuitBreaker.OptionsSchema,
    "{ name: m, halfOpen: { calls: 0 } }",
    "halfOpen.calls must be a whole number of at least 1, got 0",
    "[\"halfOpen\"][\"calls\"]"
  ],
  [
    CircuitBreaker.OptionsSchema,
    "{ name: m, halfOpen: { maxWait: 0 } }",
    "halfOpen.maxWait must be a duration above zero, got 0",
    "[\"halfOpen\"][\"maxWait\"]"
  ],
  [
    CircuitBreaker.Family.OptionsSchema,
    "{ name: m, capacity: 0 }",
    "capacity must be a whole number of at least 1, got 0",
    "[\"capacity\"]"
  ],
  [
    CircuitBreaker.Family.OptionsSchema,
    "{ name: m, idleTimeToLive: -1 }",
    "idleTimeToLive must be a duration above zero, got -1",
    "[\"idleTimeToLive\"]"
  ],
  [
    CircuitBreaker.Family.OptionsSchema,
    "{ name: m, failureRate: 7 }",
    "failureRate must be above 0 and at most 1, got 7",
    "[\"failureRate\"]"
  ],
  [
    Bulkhead.OptionsSchema,
    "{ name: m }",
    "concurrency must be a whole number of at least 1, but it is missing",
    "[\"concurrency\"]"
  ],
  [
    Bulkhead.OptionsSchema,
    "{ name: m, concurrency: 0 }",
    "concurrency must be a whole number of at least 1, got 0",
    "[\"concurrency\"]"
  ],
  [
    Bulkhead.OptionsSchema,
    "{ name: m, concurrency: .nan }",
    "concurrency must be a whole number of at least 1, got NaN",
    "[\"concurrency\"]"
  ],
  [
    Bulkhead.OptionsSchema,
    "{ name: m, concurrency: 1, queue: -1 }",
    "queue must be a whole number of at least 0, got -1",
    "[\"queue\"]"
  ],
  [
    Bulkhead.OptionsSchema,
    "{ name: m, concurrency: 1, maxWait: -1 millis }",
    "maxWait must be a duration of zero or more, got \"-1 millis\"",
    "[\"maxWait\"]"
  ],
  [
    Bulkhead.OptionsSchema,
    "{ name: m, concurrency: 1, maxWait: .nan }",
    "maxWait must be a duration of zero or more, got NaN",
    "[\"maxWait\"]"
  ],
  [
    Bulkhead.OptionsSchema,
    "{ name: m, concurrency: 1, share: 0 }",
    "share must be above 0 and at most 1, got 0",
    "[\"share\"]"
  ],
  [
    Bulkhead.OptionsSchema,
    "{ name: m, concurrency: 1, share: 1.01 }",
    "share must be above 0 and at most 1, got 1.01",
    "[\"share\"]"
  ],
  [
    Bulkhead.OptionsSchema,
    "{ name: m, concurrency: 1, share: .nan }",
    "share must be above 0 and at most 1, got NaN",
    "[\"share\"]"
  ],
  [RateLimiter.OptionsSchema, "{ name: m }", "limits must be at least one, got \"none\"", "[\"limits\"]"],
  [RateLimiter.OptionsSchema, "{ name: m, limits: [] }", "limits must be at least one, got \"none\"", "[\"limits\"]"],
  [
    RateLimiter.OptionsSchema,
    "{ name: m, limits: [{ resource: requests, limit: 0, per: 1 }] }",
    "limits[0].limit must be a number above zero, got 0",
    "[\"limits\"][0][\"limit\"]"
  ],
  [
    RateLimiter.OptionsSchema,
    "{ name: m, limits: [{ resource: cost, limit: 1, per: 1 }, { resource: requests, limit: .nan, per: 1 }] }",
    "limits[1].limit must be a number above zero, got NaN",
    "[\"limits\"][1][\"limit\"]"
  ],
  [
    RateLimiter.OptionsSchema,
    "{ name: m, limits: [{ resource: tokens, limit: 1, per: 0 }] }",
    "limits[0].per must be a finite duration above zero, got 0",
    "[\"limits\"][0][\"per\"]"
  ],
  [
    RateLimiter.OptionsSchema,
    "{ name: m, limits: [{ resource: tokens, limit: 1 }] }",
    "limits[0].per must be a finite duration above zero, but it is missing",
    "[\"limits\"][0][\"per\"]"
  ],
  [
    RateLimiter.OptionsSchema,
    "{ name: m, limits: [{ resource: tokens, limit: 1, per: 1, burst: -1 }] }",
    "limits[0].burst must be a number above zero, got -1",
    "[\"limits\"][0][\"burst\"]"
  ],
  [
    RateLimiter.OptionsSchema,
    "{ name: m, limits: [{ resource: tokens, limit: 1, per: 1, kind: leaky }] }",
    "limits[0].kind must be one of token-bucket, sliding-window, got \"leaky\"",
    "[\"limits\"][0][\"kind\"]"
  ],
  [
    RateLimiter.OptionsSchema,
    "{ name: m, limits: [{ resource: token, limit: 1, per: 1 }] }",
    "limits[0].resource must be one of requests, tokens, cost, got \"token\"",
    "[\"limits\"][0][\"resource\"]"
  ],
  [
    RateLimiter.OptionsSchema,
    "{ name: m, limits: [{ resource: tokens, limit: 1, per: 1 }, { resource: tokens, limit: 2, per: 1 }] }",
    "limits must be at most one for each resource, got \"two for tokens\"",
    "[\"limits\"]"
  ],
  [
    RateLimiter.OptionsSchema,
    "{ name: m, limits: [{ resource: cost, limit: 1, per: 1 }], maxWait: -1 }",
    "maxWait must be a duration of zero or more, got -1",
    "[\"maxWait\"]"
  ],
  [
    Retry.OptionsSchema,
    "{ maxAttempts: 0 }",
    "maxAttempts must be a whole number of at least 1, got 0",
    "[\"maxAttempts\"]"
  ],
  [
    Retry.OptionsSchema,
    "{ baseDelay: -1 }",
    "baseDelay must be a finite duration above zero, got -1",
    "[\"baseDelay\"]"
  ],
  [
    Retry.OptionsSchema,
    "{ maxDelay: .nan }",
    "maxDelay must be a finite duration above zero, got NaN",
    "[\"maxDelay\"]"
  ],
  [
    Retry.OptionsSchema,
    "{ maxDuration: 0 millis }",
    "maxDuration must be a finite duration above zero, got \"0 millis\"",
    "[\"maxDuration\"]"
  ],
  [
    Retry.OptionsSchema,
    "{ jitter: some }",
    "jitter must be one of none, full, equal, decorrelated, got \"some\"",
    "[\"jitter\"]"
  ],
  [RetryBudget.OptionsSchema, "{ name: '' }", "name must be a text that is not empty, got \"\"", "[\"name\"]"],
  [
    RetryBudget.OptionsSchema,
    "{ name: m, ratio: -0.1 }",
    "ratio must be a number of zero or more, got -0.1",
    "[\"ratio\"]"
  ],
  [
    RetryBudget.OptionsSchema,
    "{ name: m, ratio: .nan }",
    "ratio must be a number of zero or more, got NaN",
    "[\"ratio\"]"
  ],
  [
    RetryBudget.OptionsSchema,
    "{ name: m, ratio: .inf }",
    "ratio must be a number of zero or more, got Infinity",
    "[\"ratio\"]"
  ],
  [
    RetryBudget.OptionsSchema,
    "{ name: m, ratio: ' ' }",
    "ratio must be a number of zero or more, got \" \"",
    "[\"ratio\"]"
  ],
  [
    RetryBudget.OptionsSchema,
    "{ name: m, floor: -1 }",
    "floor must be a whole number of at least 0, got -1",
    "[\"floor\"]"
  ],
  [
    RetryBudget.OptionsSchema,
    "{ name: m, floor: 1.5 }",
    "floor must be a whole number of at least 0, got 1.5",
    "[\"floor\"]"
  ],
  [
    RetryBudget.OptionsSchema,
    "{ name: m, window: 0 }",
    "window must be a finite duration above zero, got 0",
    "[\"window\"]"
  ],
  [
    RetryBudget.OptionsSchema,
    "{ name: m, window: Infinity }",
    "window must be a finite duration above zero, got \"Infinity\"",
    "[\"window\"]"
  ],
  [StaleCache.OptionsSchema, "{ name: '' }", "name must be a text that is not empty, got \"\"", "[\"name\"]"],
  [
    StaleCache.OptionsSchema,
    "{ name: m, capacity: 0 }",
    "capacity must be a whole number from 1 to 16777216, got 0",
    "[\"capacity\"]"
  ],
  [
    StaleCache.OptionsSchema,
    "{ name: m, maxBytes: 0 }",
    "maxBytes must be a whole number of at least 1, got 0",
    "[\"maxBytes\"]"
  ],
  [
    StaleCache.OptionsSchema,
    "{ name: m, after: -1 }",
    "after must be a duration of zero or more, got -1",
    "[\"after\"]"
  ],
  [
    StaleCache.OptionsSchema,
    "{ name: m, timeToLive: -1 }",
    "timeToLive must be a duration of zero or more, got -1",
    "[\"timeToLive\"]"
  ],
  [
    StaleCache.OptionsSchema,
    "{ name: m, staleFor: .nan }",
    "staleFor must be a duration of zero or more, got NaN",
    "[\"staleFor\"]"
  ],
  [
    StaleCache.OptionsSchema,
    "{ name: m, storeTimeout: 0 }",
    "storeTimeout must be a finite duration above zero, got 0",
    "[\"storeTimeout\"]"
  ],
  [Pipeline.TimesSchema, "{ deadline: 0 }", "deadline must be a finite duration above zero, got 0", "[\"deadline\"]"],
  [
    Pipeline.TimesSchema,
    "{ attemptTimeout: .nan }",
    "attemptTimeout must be a finite duration above zero, got NaN",
    "[\"attemptTimeout\"]"
  ],
  [Registry.OptionsSchema, "{ history: 1e12 }", "history must be at most 1000000, got 1000000000000", "[\"history\"]"],
  [Registry.OptionsSchema, "{ history: -1 }", "history must be a whole number of at least 0, got -1", "[\"history\"]"],
  [
    Telemetry.OptionsSchema,
    "{ maxNames: -1 }",
    "maxNames must be a whole number of at least 0, got -1",
    "[\"maxNames\"]"
  ],
  [
    CircuitBreaker.OptionsSchema,
    "{ name: m, failureRate: true }",
    "Expected a number or a text, got true",
    "[\"failureRate\"]"
  ],
  [CircuitBreaker.OptionsSchema, "{ name: 7 }", "Expected string, got 7", "[\"name\"]"]
]

describe("nonsense is refused with field, value and range:", () => {
  for (const [schema, yaml, message, place] of refused) {
    it.effect(
      message,
      () => Effect.map(reason(schema, yaml), (told) => assert.strictEqual(told, `${message}\n  at ${place}`))
    )
  }

  it.effect("what is no object is refused as such", () =>
    Effect.gen(function*() {
      assert.strictEqual(
        yield* reason(Retry.OptionsSchema, "3"),
        "Expected { maxAttempts, baseDelay, maxDelay, jitter, maxDuration }"
      )
    }))
})

describe("unknown fields are refused with those that there are:", () => {
  const unknown: ReadonlyArray<readonly [Schema.Codec<unknown, unknown>, string, string, string]> = [
    [Retry.OptionsSchema, "{ atempts: 3 }", "[\"atempts\"]", "maxAttempts, baseDelay, maxDelay, jitter, maxDuration"],
    [
      Bulkhead.OptionsSchema,
      "{ name: m, concurrency: 3, QUEUE: 1 }",
      "[\"QUEUE\"]",
      "name, concurrency, queue, maxWait, share"
    ],
    [CircuitBreaker.OptionsSchema, "{ name: m, halfOpen: { call: 3 } }", "[\"halfOpen\"][\"call\"]", "calls, maxWait"],
    [
      CircuitBreaker.OptionsSchema,
      "{ name: m, window: { lastcalls: 3 } }",
      "[\"window\"][\"lastcalls\"]",
      "lastCalls, lasting, buckets"
    ],
    [
      CircuitBreaker.OptionsSchema,
      "{ name: m, openFor: { bse: 3 } }",
      "[\"openFor\"][\"bse\"]",
      "baseDelay, factor, maxDelay, jitter"
    ],
    [
      RateLimiter.OptionsSchema,
      "{ name: m, limits: [{ resource: cost, limit: 1, per: 1, brust: 2 }] }",
      "[\"limits\"][0][\"brust\"]",
      "resource, limit, per, kind, burst"
    ]
  ]
  for (const [schema, yaml, place, known] of unknown) {
    it.effect(
      place,
      () =>
        Effect.map(
          reason(schema, yaml),
          (told) => assert.strictEqual(told, `There is no such option. There are: ${known}\n  at ${place}`)
        )
    )
  }

  it.effect("all of them at once", () =>
    Effect.map(
      reason(Retry.OptionsSchema, "{ atempts: 3, bas: 1 }"),
      (told) => assert.deepStrictEqual(told.match(/at \["\w+"\]/g), ["at [\"atempts\"]", "at [\"bas\"]"])
    ))
})

describe("inside a larger schema", () => {
  const Model = Schema.Struct({ provider: Schema.String, circuit: CircuitBreaker.OptionsSchema })

  it.effect("an error tells the whole path", () =>
    Effect.map(
      reason(Model, "{ provider: acme, circuit: { name: m, failureRate: 3 } }"),
      (told) =>
        assert.strictEqual(
          told,
          "failureRate must be above 0 and at most 1, got 3\n  at [\"circuit\"][\"failureRate\"]"
        )
    ))

  it.effect("Config.schema reads them", () =>
    Effect.gen(function*() {
      const provider = ConfigProvider.fromUnknown({ provider: "acme", circuit: { name: "m", halfOpen: { calls: 3 } } })
      const { circuit } = yield* Config.schema(Model).parse(provider)
      assert.deepStrictEqual(circuit, { name: "m", halfOpen: { calls: 3 } })
    }))

  it("a JSON Schema for an editor can be made", () => {
    const { schema } = Schema.toJsonSchemaDocument(Bulkhead.OptionsSchema)
    assert.hasAllKeys(schema["properties"], ["name", "concurrency", "queue", "maxWait", "share"])
  })

  it.effect("options cannot be written back", () =>
    Effect.map(
      Effect.flip(Schema.encodeUnknownEffect(Retry.OptionsSchema)({ maxAttempts: 3 })),
      ({ message }) => assert.strictEqual(message, "Options are read from what is written, not written")
    ))
})

const Scalar = Schema.Union([
  Schema.Number,
  Schema.String,
  Schema.Null,
  Schema.Boolean,
  Schema.Literals([
    "off",
    "1 second",
    "0 seconds",
    "Infinity",
    "-Infinity",
    "NaN",
    "full",
    "tokens",
    "sliding-window",
    "",
    " "
  ]),
  Schema.Literals([0, -0, 1, 0.5, 1e-9, 5e-324, 1e300, 2 ** 53, -1])
])
const anyOf = (fields: ReadonlyArray<string>) =>
  Schema.Struct(Object.fromEntries(fields.map((field) => [field, Schema.optionalKey(Scalar)])))

/** Anything that could stand in the fields of everything that is configured. */
const Anything = Schema.Struct({
  name: Schema.Literal("m"),
  window: Schema.optionalKey(Schema.Union([anyOf(["lastCalls"]), anyOf(["lasting", "buckets"]), Scalar])),
  openFor: Schema.optionalKey(Schema.Union([anyOf(["baseDelay", "factor", "maxDelay", "jitter"]), Scalar])),
  halfOpen: Schema.optionalKey(anyOf(["calls", "maxWait"])),
  rampUp: Schema.optionalKey(anyOf(["over", "from"])),
  ...anyOf(["minimumCalls", "failureRate", "slowCallDuration", "slowCallRate", "consecutiveFailures"]).fields,
  ...anyOf([
    "concurrency",
    "queue",
    "maxWait",
    "share",
    "ratio",
    "floor",
    "maxAttempts",
    "baseDelay",
    "maxDelay",
    "jitter"
  ]).fields,
  ...anyOf(["maxDuration", "capacity", "timeToLive", "staleFor", "storeTimeout", "idleTimeToLive"]).fields,
  limits: Schema.optionalKey(Schema.Array(anyOf(["resource", "limit", "per", "kind", "burst"])))
})

const pick = (schema: Schema.Codec<unknown, unknown>, anything: Record<string, unknown>, window?: unknown) => {
  const { properties } = Schema.toJsonSchemaDocument(schema).schema as { properties: Record<string, unknown> }
  const picked = Object.entries(anything).filter(([field]) => field in properties)
  return Object.fromEntries([...picked, ...window === undefined ? [] : [["window", window]]])
}

it.effect.prop(
  "whatever is written is refused as a failure, or is what make takes: there is one set of rules",
  [Anything],
  ([anything]) =>
    Effect.gen(function*() {
      const agree = <A>(
        schema: Schema.Codec<A, unknown>,
        make: (options: A) => Effect.Effect<unknown>,
        written: object
      ) =>
        Effect.gen(function*() {
          const decoded = yield* Effect.exit(Schema.decodeUnknownEffect(schema)(written))
          if (Exit.isFailure(decoded)) return assert.isTrue(decoded.cause.reasons.every(Cause.isFailReason))
          const made = yield* Effect.exit(make(decoded.value))
          assert.isTrue(Exit.isSuccess(made), Exit.isFailure(made) ? Cause.pretty(made.cause) : "")
        })
      const time = { window: typeof anything.window === "object" ? 1000 : anything.window }
      yield* agree(CircuitBreaker.OptionsSchema, CircuitBreaker.make, pick(CircuitBreaker.OptionsSchema, anything))
      yield* agree(
        CircuitBreaker.Family.OptionsSchema,
        CircuitBreaker.Family.make,
        pick(CircuitBreaker.Family.OptionsSchema, anything)
      )
      yield* agree(Bulkhead.OptionsSchema, Bulkhead.make, pick(Bulkhead.OptionsSchema, anything))
      yield* agree(RateLimiter.OptionsSchema, RateLimiter.make, pick(RateLimiter.OptionsSchema, anything))
      yield* agree(Retry.OptionsSchema, Retry.make, pick(Retry.OptionsSchema, anything))
      yield* agree(RetryBudget.OptionsSchema, RetryBudget.make, pick(RetryBudget.OptionsSchema, anything, time.window))
      yield* agree(StaleCache.OptionsSchema, StaleCache.make, pick(StaleCache.OptionsSchema, anything))
    })
)

describe("and where make refuses, so does the schema:", () => {
  const nonsense = [NaN, Infinity, -Infinity, -1, -0.5, 0, 0.5, 1, 1.5, 2 ** 53]
  const same = <A>(
    name: string,
    schema: Schema.Codec<A, unknown>,
    make: (options: A) => Effect.Effect<unknown>,
    valid: object,
    fields: ReadonlyArray<string>
  ) =>
    it.effect(name, () =>
      Effect.gen(function*() {
        for (const field of fields) {
          for (const value of nonsense) {
            const options = { ...valid, [field]: value }
            const made = yield* Effect.exit(make(options as A))
            const decoded = yield* Effect.exit(Schema.decodeUnknownEffect(schema)(options))
            assert.strictEqual(Exit.isSuccess(decoded), Exit.isSuccess(made), `${field}: ${value}`)
            if (Exit.isSuccess(made) || Exit.isSuccess(decoded)) continue
            const defect = (Cause.squash(made.cause) as Error).message
            const failure = (Cause.squash(decoded.cause) as Error).message
            assert.strictEqual(failure, `${defect.slice(defect.indexOf(": ") + 2)}\n  at ["${field}"]`)
          }
        }
      }))
  same("CircuitBreaker", CircuitBreaker.Family.OptionsSchema, CircuitBreaker.Family.make, { name: "m" }, [
    "minimumCalls",
    "failureRate",
    "slowCallDuration",
    "slowCallRate",
    "consecutiveFailures",
    "openFor",
    "capacity",
    "idleTimeToLive"
  ])
  same("Bulkhead", Bulkhead.OptionsSchema, Bulkhead.make, { name: "m", concurrency: 1 }, [
    "concurrency",
    "queue",
    "maxWait",
    "share"
  ])
  same("Retry", Retry.OptionsSchema, Retry.make, {}, ["maxAttempts", "baseDelay", "maxDelay", "maxDuration"])
  same("RetryBudget", RetryBudget.OptionsSchema, RetryBudget.make, { name: "m" }, ["ratio", "floor", "window"])
  same("StaleCache", StaleCache.OptionsSchema, StaleCache.make, { name: "m" }, [
    "capacity",
    "timeToLive",
    "staleFor",
    "storeTimeout"
  ])
  same("Pipeline", Pipeline.TimesSchema, Pipeline.make, {}, ["deadline", "attemptTimeout"])
  same("Registry", Registry.OptionsSchema, Registry.make, {}, ["history"])
  same("Telemetry", Telemetry.OptionsSchema, (options) => Effect.scoped(Layer.build(Telemetry.layer(options))), {}, [
    "maxNames"
  ])
})
