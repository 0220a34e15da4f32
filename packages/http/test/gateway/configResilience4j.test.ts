import { assert, describe, it } from "@effect/vitest"
import { CircuitBreaker, Deadline } from "@switchgear/core"
import { ChatClient, ChatError, ChatModel } from "@switchgear/http"
import { GatewayConfig } from "@switchgear/http/gateway"
import { SimulatedProvider } from "@switchgear/http/testing"
import { Duration, Effect, Layer, Schema } from "effect"
import { readFileSync } from "node:fs"
import { TestClock } from "effect/testing"
import { checked, modelOf, problemsOf } from "./support.ts"

type Keys = { readonly [key: string]: unknown }

const withInstance = (section: string, keys: Keys) =>
  checked({ resilience4j: { [section]: { instances: { i: keys } } } })

/** What a section with these keys makes of the options of a model. */
const optionsOf = (section: string, keys: Keys) => modelOf(withInstance(section, keys)).options

/** What became of one key, as it is reported. */
const becameOf = (section: string, keys: Keys, key: string): string => {
  const row = withInstance(section, keys).became.find(({ path }) => path.at(-1) === key)
  return row === undefined ? "nothing" : `${row.effect}: ${row.became}`
}

const lastCalls = (calls: number) => ({ _tag: "LastCalls", calls }) as const

/** Options as numbers of milliseconds, without `openFor`, which may be a schedule. */
const breakerOf = (keys: Keys) => optionsOf("circuitbreaker", keys).breaker!

describe("an instance has the defaults of resilience4j where it says nothing", () => {
  it("circuitbreaker", () => {
    assert.deepStrictEqual(breakerOf({}), {
      window: lastCalls(100),
      minimumCalls: 100,
      failureRate: 0.5,
      slowCallRate: 1,
      slowCallDuration: 60_000,
      openFor: 60_000,
      halfOpen: { calls: 10, maxWait: "Infinity" }
    })
  })

  it("retry", () =>
    assert.deepStrictEqual(optionsOf("retry", {}).retry, {
      maxAttempts: 3,
      baseDelay: 500,
      factor: 1,
      jitter: "none",
      maxDelay: 10_000
    }))

  it("ratelimiter", () =>
    assert.deepStrictEqual(optionsOf("ratelimiter", {}).rateLimiter, {
      limits: [{ resource: "requests", limit: 50, per: 0.0005, kind: "token-bucket", burst: undefined }],
      maxWait: 5000
    }))

  it("bulkhead", () =>
    assert.deepStrictEqual(optionsOf("bulkhead", {}).bulkhead, { concurrency: 25, queue: 0, maxWait: 0 }))

  it("thread-pool-bulkhead", () => {
    const { concurrency, ...rest } = optionsOf("thread-pool-bulkhead", {}).bulkhead!
    assert.isAtLeast(concurrency, 1)
    assert.deepStrictEqual(rest, { queue: 100, maxWait: "Infinity" })
  })

  it("timelimiter", () => assert.strictEqual(optionsOf("timelimiter", {}).attemptTimeout, 1000))

  it("and the report has them, marked as defaults", () => {
    const [row] = withInstance("timelimiter", {}).became
    assert.deepStrictEqual(row, {
      path: ["resilience4j", "timelimiter", "instances", "i", "timeoutDuration"],
      value: "1s",
      source: "default",
      effect: "kept",
      became: "attemptTimeout: 1s"
    })
  })
})

describe("each key becomes the option here", () => {
  const rows: ReadonlyArray<readonly [section: string, keys: Keys, key: string, options: object, became: string]> = [
    [
      "circuitbreaker",
      { slidingWindowSize: 20 },
      "slidingWindowSize",
      { breaker: { window: lastCalls(20) } },
      "kept: breaker.window: { lastCalls: 20 }"
    ],
    ["circuitbreaker", { slidingWindowType: "TIME_BASED", slidingWindowSize: 30 }, "slidingWindowSize", {
      breaker: { window: { _tag: "Lasting", duration: 30_000, buckets: 30 }, minimumCalls: 100 }
    }, "kept: breaker.window: { lasting: 30 seconds, buckets: 30 }"],
    [
      "circuitbreaker",
      { slidingWindowSize: 20 },
      "minimumNumberOfCalls",
      { breaker: { minimumCalls: 20 } },
      "changed: breaker.minimumCalls: 20 (the size of the window, as in resilience4j)"
    ],
    [
      "circuitbreaker",
      { minimumNumberOfCalls: 7 },
      "minimumNumberOfCalls",
      { breaker: { minimumCalls: 7 } },
      "kept: breaker.minimumCalls: 7"
    ],
    [
      "circuitbreaker",
      { failureRateThreshold: 33.3 },
      "failureRateThreshold",
      { breaker: { failureRate: 0.333 } },
      "kept: breaker.failureRate: 0.333"
    ],
    [
      "circuitbreaker",
      { slowCallRateThreshold: 80 },
      "slowCallRateThreshold",
      { breaker: { slowCallRate: 0.8 } },
      "kept: breaker.slowCallRate: 0.8"
    ],
    ["circuitbreaker", { slowCallDurationThreshold: "2s" }, "slowCallDurationThreshold", {
      breaker: { slowCallDuration: 2000 }
    }, "changed: breaker.slowCallDuration: 2s (calls of just this duration and calls in flight are slow too)"],
    ["circuitbreaker", { permittedNumberOfCallsInHalfOpenState: 3 }, "permittedNumberOfCallsInHalfOpenState", {
      breaker: { halfOpen: { calls: 3, maxWait: "Infinity" } }
    }, "kept: breaker.halfOpen.calls: 3"],
    ["circuitbreaker", { maxWaitDurationInHalfOpenState: "20s" }, "maxWaitDurationInHalfOpenState", {
      breaker: { halfOpen: { calls: 10, maxWait: 20_000 } }
    }, "changed: breaker.halfOpen.maxWait: 20s (it limits each probe, in resilience4j the whole state)"],
    [
      "circuitbreaker",
      { waitDurationInOpenState: "30s" },
      "waitDurationInOpenState",
      { breaker: { openFor: 30_000 } },
      "kept: breaker.openFor: 30s"
    ],
    [
      "circuitbreaker",
      { randomizedWaitFactor: 0.3 },
      "randomizedWaitFactor",
      { breaker: { openFor: 60_000 } },
      "none: enableRandomizedWait is off"
    ],
    ["circuitbreaker", { exponentialBackoffMultiplier: 3 }, "exponentialBackoffMultiplier", {
      breaker: { openFor: 60_000 }
    }, "none: enableExponentialBackoff is off"],
    [
      "circuitbreaker",
      { automaticTransitionFromOpenToHalfOpenEnabled: true },
      "automaticTransitionFromOpenToHalfOpenEnabled",
      {},
      "none: an open circuit becomes half-open when its time is over"
    ],
    [
      "circuitbreaker",
      { transitionToStateAfterWaitDuration: "OPEN" },
      "transitionToStateAfterWaitDuration",
      {},
      "none: a probe that outlasts halfOpen.maxWait opens the circuit"
    ],
    [
      "circuitbreaker",
      { registerHealthIndicator: true },
      "registerHealthIndicator",
      {},
      "none: the health of the gateway has every guard"
    ],
    [
      "circuitbreaker",
      { allowHealthIndicatorToFail: true },
      "allowHealthIndicatorToFail",
      {},
      "none: registerHealthIndicator is off"
    ],
    [
      "circuitbreaker",
      { allowHealthIndicatorToFail: false, registerHealthIndicator: true },
      "allowHealthIndicatorToFail",
      {},
      "none: it is off by default"
    ],
    [
      "circuitbreaker",
      { allowHealthIndicatorToFail: true, registerHealthIndicator: true },
      "allowHealthIndicatorToFail",
      {},
      "kept: /actuator/health is DOWN while the circuit is open"
    ],
    [
      "ratelimiter",
      { allowHealthIndicatorToFail: true, registerHealthIndicator: true },
      "allowHealthIndicatorToFail",
      {},
      "kept: /actuator/health is DOWN while the limiter is paused and calls wait"
    ],
    [
      "circuitbreaker",
      { eventConsumerBufferSize: 10 },
      "eventConsumerBufferSize",
      {},
      "none: the gateway keeps a history of its own"
    ],
    [
      "circuitbreaker",
      { writableStackTraceEnabled: false },
      "writableStackTraceEnabled",
      {},
      "none: rejections have no stack trace"
    ],
    [
      "circuitbreaker",
      { ignoreClassBindingExceptions: true },
      "ignoreClassBindingExceptions",
      {},
      "none: no class is loaded"
    ],
    [
      "retry",
      { maxAttempts: 4 },
      "maxAttempts",
      { retry: { maxAttempts: 4, factor: 1 } },
      "kept: retry.maxAttempts: 4"
    ],
    [
      "retry",
      { waitDuration: 0 },
      "waitDuration",
      { retry: { baseDelay: 0, factor: 1, jitter: "none" } },
      "kept: retry.baseDelay: 0, factor: 1"
    ],
    ["retry", { waitDuration: "1s", enableExponentialBackoff: true }, "exponentialBackoffMultiplier", {
      retry: { baseDelay: 1000, factor: 1.5, maxDelay: 10_000 }
    }, "kept: retry.factor: 1.5"],
    ["retry", { enableExponentialBackoff: true, exponentialBackoffMultiplier: 3, maxAttempts: 6 }, "maxAttempts", {
      retry: { factor: 3, maxDelay: 500 * 81 }
    }, "kept: retry.maxAttempts: 6"],
    ["retry", { enableExponentialBackoff: true, exponentialMaxWaitDuration: "2s" }, "exponentialMaxWaitDuration", {
      retry: { maxDelay: 2000 }
    }, "kept: retry.maxDelay: 2s"],
    [
      "retry",
      { waitDuration: 0, enableExponentialBackoff: true, exponentialBackoffMultiplier: 1e300, maxAttempts: 1000 },
      "exponentialBackoffMultiplier",
      { retry: { baseDelay: 0, maxDelay: 10_000 } },
      "kept: retry.factor: 1e+300"
    ],
    [
      "retry",
      { exponentialMaxWaitDuration: "2s" },
      "exponentialMaxWaitDuration",
      { retry: { maxDelay: 10_000 } },
      "none: enableExponentialBackoff is off"
    ],
    [
      "retry",
      { enableRandomizedWait: true },
      "randomizedWaitFactor",
      { retry: { jitter: 0.5, factor: 1 } },
      "kept: retry.jitter: 0.5"
    ],
    ["retry", { enableRandomizedWait: true, randomizedWaitFactor: 0.2, waitDuration: "20s" }, "randomizedWaitFactor", {
      retry: { jitter: 0.2, maxDelay: 24_000 }
    }, "kept: retry.jitter: 0.2"],
    ["retry", { failAfterMaxAttempts: false }, "failAfterMaxAttempts", {}, "none: it is off by default"],
    [
      "retry",
      { eventConsumerBufferSize: 1 },
      "eventConsumerBufferSize",
      {},
      "none: the gateway keeps a history of its own"
    ],
    ["ratelimiter", { limitForPeriod: 10, limitRefreshPeriod: "1s", timeoutDuration: 0 }, "limitForPeriod", {
      rateLimiter: {
        limits: [{ resource: "requests", limit: 10, per: 1000, kind: "token-bucket", burst: undefined }],
        maxWait: 0
      }
    }, "kept: rateLimiter.limits: { resource: requests, limit: 10 }"],
    ["ratelimiter", { limitRefreshPeriod: "1s" }, "limitRefreshPeriod", {}, "kept: rateLimiter.limits: { per: 1s }"],
    ["ratelimiter", { timeoutDuration: "2s" }, "timeoutDuration", {}, "kept: rateLimiter.maxWait: 2s"],
    [
      "ratelimiter",
      { subscribeForEvents: true },
      "subscribeForEvents",
      {},
      "none: events are in the history of the gateway"
    ],
    ["bulkhead", { maxConcurrentCalls: 10 }, "maxConcurrentCalls", {
      bulkhead: { concurrency: 10, queue: 0, maxWait: 0 }
    }, "kept: bulkhead.concurrency: 10"],
    [
      "bulkhead",
      { maxConcurrentCalls: 10, maxWaitDuration: "2s" },
      "maxWaitDuration",
      { bulkhead: { concurrency: 10, queue: 20, maxWait: 2000 } },
      "changed: bulkhead: { maxWait: 2s, queue: 20 } (the queue of resilience4j has no limit; here it has as many places as calls of one second get a slot in time)"
    ],
    ["bulkhead", { maxConcurrentCalls: 10, maxWaitDuration: "10ms" }, "maxConcurrentCalls", {
      bulkhead: { concurrency: 10, queue: 10, maxWait: 10 }
    }, "kept: bulkhead.concurrency: 10"],
    ["thread-pool-bulkhead", { maxThreadPoolSize: 8, coreThreadPoolSize: 4, queueCapacity: 20 }, "maxThreadPoolSize", {
      bulkhead: { concurrency: 8, queue: 20, maxWait: "Infinity" }
    }, "kept: bulkhead.concurrency: 8"],
    [
      "thread-pool-bulkhead",
      { maxThreadPoolSize: 8, coreThreadPoolSize: 4 },
      "coreThreadPoolSize",
      {},
      "none: a call here takes no thread; bulkhead.concurrency is maxThreadPoolSize"
    ],
    [
      "thread-pool-bulkhead",
      { keepAliveDuration: "20ms" },
      "keepAliveDuration",
      {},
      "none: a call here takes no thread"
    ],
    [
      "thread-pool-bulkhead",
      { contextPropagators: ["com.example.P"] },
      "contextPropagators",
      {},
      "none: a call here takes no thread"
    ],
    ["timelimiter", { timeoutDuration: "3s" }, "timeoutDuration", { attemptTimeout: 3000 }, "kept: attemptTimeout: 3s"],
    [
      "timelimiter",
      { cancelRunningFuture: true },
      "cancelRunningFuture",
      {},
      "none: a call whose time is over is ended"
    ]
  ]
  for (const [section, keys, key, options, became] of rows) {
    it(`${section} ${JSON.stringify(keys)}: ${key}`, () => {
      const made = optionsOf(section, keys) as unknown as Keys
      for (const [option, value] of Object.entries(options)) {
        const own = made[option] as Keys
        assert.deepStrictEqual(
          typeof value === "object" ? Object.fromEntries(Object.keys(value).map((name) => [name, own[name]])) : own,
          value
        )
      }
      assert.strictEqual(becameOf(section, keys, key), became)
    })
  }

  /** How long a circuit opens each time, when each probe fails. */
  const waitsOf = (keys: Keys, openings: number) =>
    Effect.gen(function*() {
      const options = { minimumNumberOfCalls: 1, permittedNumberOfCallsInHalfOpenState: 1, ...keys }
      const breaker = yield* CircuitBreaker.make({ name: "b", ...breakerOf(options) })
      const waits: Array<number> = []
      for (let i = 0; i < openings; i++) {
        yield* Effect.exit(breaker.protect(Effect.fail("no")))
        const { nextRetry } = yield* breaker.snapshot
        waits.push(Duration.toMillis(nextRetry!))
        yield* TestClock.adjust(nextRetry!)
      }
      return waits
    })

  it.effect("a circuit with exponential back-off opens for longer each time, up to its limit", () =>
    Effect.gen(function*() {
      const grows = { waitDurationInOpenState: "10s", enableExponentialBackoff: true }
      assert.deepStrictEqual(yield* waitsOf(grows, 4), [10_000, 15_000, 22_500, 33_750])
      assert.deepStrictEqual(
        yield* waitsOf({ ...grows, exponentialBackoffMultiplier: 2, exponentialMaxWaitDurationInOpenState: "30s" }, 4),
        [10_000, 20_000, 30_000, 30_000]
      )
      // An hour is longer than the limit by default of this library.
      assert.deepStrictEqual(yield* waitsOf({ ...grows, exponentialBackoffMultiplier: 360 }, 2), [10_000, 3_600_000])
      assert.strictEqual(
        becameOf("circuitbreaker", grows, "exponentialMaxWaitDurationInOpenState"),
        "changed: breaker.openFor.maxDelay: 1d (resilience4j has no limit)"
      )
    }))

  it.effect("a circuit with a randomized wait opens for up to that share more or less", () =>
    Effect.gen(function*() {
      const waits = yield* waitsOf({ waitDurationInOpenState: "20m", enableRandomizedWait: true }, 20)
      assert.isTrue(waits.every((wait) => wait >= 600_000 && wait <= 1_800_000))
      assert.isTrue(waits.some((wait) => wait < 1_200_000))
      assert.isTrue(waits.some((wait) => wait > 1_200_000))
    }))

  it("an initial state is one of the model", () => {
    const stateOf = (initialState: string) => modelOf(withInstance("circuitbreaker", { initialState })).initialState
    assert.deepStrictEqual(["CLOSED", "OPEN", "forced-open", "disabled", "MetricsOnly"].map(stateOf), [
      undefined,
      "Open",
      "ForcedOpen",
      "Disabled",
      "MetricsOnly"
    ])
  })

  it("the order of aspects, tags and metrics are accepted without effect", () => {
    const { became, problems } = checked({
      resilience4j: {
        circuitbreaker: {
          circuitBreakerAspectOrder: 1,
          tags: { a: "b" },
          "metrics.legacy.enabled": true,
          instances: { i: {} }
        },
        retry: { "retry-aspect-order": -2147483649, metrics: { enabled: false } },
        micrometer: { timer: { enabled: true } },
        scheduled: { executor: { corePoolSize: 1 } },
        "thread.pool": 1
      }
    })
    assert.deepStrictEqual(problems, [])
    const none = became.filter(({ effect, source }) => effect === "none" && source === "file")
    assert.strictEqual(none.length, 8)
  })
})

describe("exceptions are errors of a model", () => {
  const about = { provider: "p", model: "m" }
  const errors: { readonly [name: string]: ChatModel.ModelError } = {
    connect: new ChatError.ConnectFailed({ ...about, host: "p.test", advice: "" }),
    truncated: new ChatError.Truncated(about),
    timedOut: new ChatError.TimedOut({ ...about, phase: "total", limit: Duration.seconds(1) }),
    attempt: new Deadline.DeadlineExceeded({ limit: "attempt", after: Duration.seconds(1) }),
    fault500: new ChatError.ProviderFault({ ...about, status: 500 }),
    fault502: new ChatError.ProviderFault({ ...about, status: 502 }),
    overloaded: new ChatError.Overloaded({ ...about, status: 503 }),
    limited: new ChatError.ProviderRateLimited({ ...about, status: 429 }),
    invalid: new ChatError.InvalidRequest({ ...about, status: 400 })
  }
  const counted = (keys: Keys) => {
    const { countsAs } = optionsOf("circuitbreaker", keys)
    return Object.fromEntries(Object.entries(errors).map(([name, error]) => [name, countsAs?.(error) ?? "table"]))
  }
  const as = (outcome: string, ...names: ReadonlyArray<string>) =>
    Object.fromEntries(names.map((name) => [name, outcome]))

  it("what is recorded is a failure, all else a success", () =>
    assert.deepStrictEqual(
      counted({
        recordExceptions: [
          "java.io.IOException",
          "java.util.concurrent.TimeoutException",
          "feign.FeignException$ServiceUnavailable"
        ]
      }),
      {
        ...as("success", ...Object.keys(errors)),
        ...as("failure", "connect", "truncated", "timedOut", "attempt", "overloaded")
      }
    ))

  it("what is ignored is neither, also where it is recorded; without a list the table holds", () => {
    assert.deepStrictEqual(counted({ ignoreExceptions: ["org.springframework.web.client.HttpClientErrorException"] }), {
      ...as("table", ...Object.keys(errors)),
      ...as("ignored", "limited", "invalid")
    })
    assert.deepStrictEqual(
      counted({
        recordExceptions: "java.lang.Throwable",
        ignoreExceptions: "java.net.SocketTimeoutException, java.net.ConnectException"
      }),
      {
        ...as("failure", ...Object.keys(errors)),
        ...as("ignored", "timedOut", "attempt", "connect", "truncated")
      }
    )
    assert.deepStrictEqual(counted({}), as("table", ...Object.keys(errors)))
  })

  it("a status is that status alone", () =>
    assert.deepStrictEqual(counted({ recordExceptions: ["x.HttpServerErrorException$BadGateway"] }), {
      ...as("success", ...Object.keys(errors)),
      fault502: "failure"
    }))

  it("a retry tries again what is listed, and not what is ignored", () => {
    const retried = (keys: Keys) => {
      const { retry } = optionsOf("retry", keys)
      return Object.entries(errors).filter(([, error]) => retry!.while!(error, 1)).map(([name]) => name)
    }
    assert.deepStrictEqual(
      retried({ retryExceptions: ["org.springframework.web.client.HttpServerErrorException"] }),
      ["fault500", "fault502", "overloaded"]
    )
    assert.deepStrictEqual(
      retried({
        retryExceptions: ["java.lang.Exception"],
        ignoreExceptions: ["feign.FeignException", "io.github.resilience4j.circuitbreaker.CallNotPermittedException"]
      }),
      ["connect", "truncated", "timedOut", "attempt"]
    )
    assert.isUndefined(optionsOf("retry", {}).retry!.while)
  })
})

describe("what cannot be kept is refused with its place", () => {
  const refusals: ReadonlyArray<readonly [section: string, keys: Keys, place: string, says: string]> = [
    [
      "circuitbreaker",
      { slidingWindowSize: 0 },
      "slidingWindowSize",
      "Expected a whole number from 1 to 10000000, got 0"
    ],
    [
      "circuitbreaker",
      { slidingWindowSize: 1.5 },
      "slidingWindowSize",
      "Expected a whole number from 1 to 10000000, got 1.5"
    ],
    [
      "circuitbreaker",
      { slidingWindowSize: null },
      "slidingWindowSize",
      "Expected a whole number from 1 to 10000000, got null"
    ],
    [
      "circuitbreaker",
      { slidingWindowSize: { a: 1 } },
      "slidingWindowSize",
      "Expected a whole number from 1 to 10000000, got options"
    ],
    [
      "circuitbreaker",
      { slidingWindowSize: "${SIZE:50}" },
      "slidingWindowSize",
      "Expected a variable as ${NAME} or ${NAME:-default}"
    ],
    [
      "circuitbreaker",
      { slidingWindowType: "TIME_BASED", slidingWindowSize: 40_000_000 },
      "slidingWindowSize",
      "Expected a whole number from 1 to 10000000"
    ],
    [
      "circuitbreaker",
      { slidingWindowType: "COUNT" },
      "slidingWindowType",
      "Expected one of COUNT_BASED, TIME_BASED, got \"COUNT\""
    ],
    ["circuitbreaker", { minimumNumberOfCalls: 0 }, "minimumNumberOfCalls", "Expected a whole number from 1"],
    [
      "circuitbreaker",
      { failureRateThreshold: 0 },
      "failureRateThreshold",
      "Expected a percentage above 0 and at most 100, got 0"
    ],
    [
      "circuitbreaker",
      { slowCallRateThreshold: 101 },
      "slowCallRateThreshold",
      "Expected a percentage above 0 and at most 100, got 101"
    ],
    ["circuitbreaker", { waitDurationInOpenState: 0 }, "waitDurationInOpenState", "Expected a duration above zero"],
    [
      "circuitbreaker",
      { waitDurationInOpenState: "1.5s" },
      "waitDurationInOpenState",
      "such as 500ms, 30s or PT10S, got \"1.5s\""
    ],
    [
      "circuitbreaker",
      { maxWaitDurationInHalfOpenState: "-1s" },
      "maxWaitDurationInHalfOpenState",
      "Expected a duration of zero or more"
    ],
    [
      "circuitbreaker",
      { enableExponentialBackoff: true, exponentialBackoffMultiplier: 0.5 },
      "exponentialBackoffMultiplier",
      "Expected a number of at least 1, got 0.5"
    ],
    [
      "circuitbreaker",
      { randomizedWaitFactor: 1 },
      "randomizedWaitFactor",
      "Expected a number from 0 to below 1, got 1"
    ],
    [
      "circuitbreaker",
      { enableExponentialBackoff: true, enableRandomizedWait: true },
      "enableRandomizedWait",
      "Expected false where enableExponentialBackoff is true"
    ],
    [
      "circuitbreaker",
      { enableRandomizedWait: "perhaps" },
      "enableRandomizedWait",
      "Expected true or false, got \"perhaps\""
    ],
    [
      "circuitbreaker",
      { transitionToStateAfterWaitDuration: "CLOSED" },
      "transitionToStateAfterWaitDuration",
      "Expected OPEN, got CLOSED"
    ],
    [
      "circuitbreaker",
      { initialState: "HALF_OPEN" },
      "initialState",
      "Expected one of CLOSED, OPEN, FORCED_OPEN, DISABLED, METRICS_ONLY, got \"HALF_OPEN\""
    ],
    [
      "circuitbreaker",
      { recordFailurePredicate: "a.B" },
      "recordFailurePredicate",
      "Expected it to be left out: it names code in Java"
    ],
    ["circuitbreaker", { recordResultPredicate: "a.B" }, "recordResultPredicate", "it names code in Java"],
    ["circuitbreaker", { ignoreExceptionPredicate: "a.B" }, "ignoreExceptionPredicate", "it names code in Java"],
    [
      "circuitbreaker",
      { recordExceptions: ["java.io.IOException", "com.example.Mine"] },
      "recordExceptions[1]",
      "got \"com.example.Mine\": nothing is known that Mine stands for"
    ],
    [
      "circuitbreaker",
      { recordExceptions: ["a.CallNotPermittedException"] },
      "recordExceptions[0]",
      "is the rejection of a guard"
    ],
    ["circuitbreaker", { recordExceptions: 3 }, "recordExceptions", "Expected a list of names of classes, got 3"],
    [
      "circuitbreaker",
      { slidingWindow: 3 },
      "slidingWindow",
      "There is no such option. There are: baseConfig, slidingWindowType"
    ],
    [
      "circuitbreaker",
      { eventConsumerBufferSize: 0 },
      "eventConsumerBufferSize",
      "Expected a whole number of at least 1, got 0"
    ],
    ["circuitbreaker", { baseConfig: "none" }, "baseConfig", "Expected a config, but there is none, got \"none\""],
    ["retry", { maxAttempts: 0 }, "maxAttempts", "Expected a whole number of at least 1, got 0"],
    ["retry", { waitDuration: "5 s" }, "waitDuration", "Expected a duration of zero or more"],
    ["retry", { resultPredicate: "a.B" }, "resultPredicate", "it names code in Java"],
    ["retry", { retryExceptionPredicate: "a.B" }, "retryExceptionPredicate", "it names code in Java"],
    ["retry", { intervalBiFunction: "a.B" }, "intervalBiFunction", "it names code in Java"],
    ["retry", { consumeResultBeforeRetryAttempt: "a.B" }, "consumeResultBeforeRetryAttempt", "it names code in Java"],
    ["retry", { failAfterMaxAttempts: true }, "failAfterMaxAttempts", "Expected false, got true"],
    ["ratelimiter", { limitForPeriod: 0 }, "limitForPeriod", "Expected a whole number of at least 1, got 0"],
    ["bulkhead", { maxConcurrentCalls: 0 }, "maxConcurrentCalls", "Expected a whole number of at least 1, got 0"],
    [
      "thread-pool-bulkhead",
      { coreThreadPoolSize: 9, maxThreadPoolSize: 8 },
      "coreThreadPoolSize",
      "Expected at most the 8 of maxThreadPoolSize, got 9"
    ],
    ["timelimiter", { timeoutDuration: 0 }, "timeoutDuration", "Expected a duration above zero"],
    ["timelimiter", { cancelRunningFuture: false }, "cancelRunningFuture", "Expected true, got false"]
  ]
  for (const [section, keys, place, says] of refusals) {
    it(`${section} ${JSON.stringify(keys)}`, () => {
      const lines = problemsOf(withInstance(section, keys))
      assert.strictEqual(lines.length, 1, lines.join("\n"))
      assert.isTrue(lines[0]!.startsWith(`resilience4j.${section}.instances.i.${place}: `), lines[0])
      assert.include(lines[0], says)
    })
  }

  it("all of it at once, in configs that nobody uses too", () => {
    const lines = problemsOf(checked({
      resilience4j: {
        circuitbreaker: {
          configs: { lonely: { slidingWindowSize: 0 } },
          instances: { i: { failureRateThreshold: 0 } },
          circuitBreakerAspectOrder: "x"
        },
        retry: { instances: { i: { maxAttempts: 0 } }, instance: {} },
        breaker: { instances: {} }
      }
    }))
    assert.deepStrictEqual(lines.map((line) => line.split(": ")[0]), [
      "resilience4j.breaker.instances",
      "resilience4j.circuitbreaker.circuitBreakerAspectOrder",
      "resilience4j.circuitbreaker.configs.lonely.slidingWindowSize",
      "resilience4j.circuitbreaker.instances.i.failureRateThreshold",
      "resilience4j.retry.instance",
      "resilience4j.retry.instances.i.maxAttempts"
    ])
  })

  it("an instance with bulkheads of both kinds, where a model names it", () => {
    const both = { bulkhead: { instances: { i: {} } }, "thread-pool-bulkhead": { instances: { i: {} } } }
    assert.deepStrictEqual(problemsOf(checked({ resilience4j: both })), [
      "models.m.resilience4j: Expected an instance with one bulkhead: i is in bulkhead and in thread-pool-bulkhead."
    ])
    assert.deepStrictEqual(problemsOf(checked({ models: { m: { provider: "p" } }, resilience4j: both })), [])
  })

  it("an instance that a model names and that is not there", () =>
    assert.deepStrictEqual(problemsOf(checked({ resilience4j: { retry: { instances: { other: {} } } } })), [
      "models.m.resilience4j: Expected one of other, got \"i\"."
    ]))
})

describe("what an instance is based on", () => {
  const sizeOf = (circuitbreaker: Keys) =>
    modelOf(checked({ resilience4j: { circuitbreaker } })).options.breaker!.window
  const attemptsOf = (retry: Keys) => modelOf(checked({ resilience4j: { retry } })).options.retry!.maxAttempts

  it("configs.default where it names nothing", () => {
    assert.deepStrictEqual(
      sizeOf({ configs: { default: { slidingWindowSize: 7 } }, instances: { i: null } }),
      lastCalls(7)
    )
    assert.strictEqual(attemptsOf({ configs: { default: { maxAttempts: 7 } }, instances: { i: {} } }), 7)
  })

  it("the config of its own name before that, of a circuit only", () => {
    const configs = { default: { slidingWindowSize: 7, maxAttempts: 7 }, i: { slidingWindowSize: 8, maxAttempts: 8 } }
    const only = (key: string) =>
      Object.fromEntries(Object.entries(configs).map(([name, keys]) => [name, { [key]: (keys as Keys)[key] }]))
    assert.deepStrictEqual(sizeOf({ configs: only("slidingWindowSize"), instances: { i: {} } }), lastCalls(8))
    assert.strictEqual(attemptsOf({ configs: only("maxAttempts"), instances: { i: {} } }), 7)
  })

  it("the config that it names, and what that one names", () => {
    const configs = { a: { baseConfig: "b" }, b: { slidingWindowSize: 9 }, default: { slidingWindowSize: 7 } }
    assert.deepStrictEqual(sizeOf({ configs, instances: { i: { baseConfig: "a" } } }), lastCalls(9))
    assert.deepStrictEqual(
      sizeOf({ configs, instances: { i: { baseConfig: "a", slidingWindowSize: 2 } } }),
      lastCalls(2)
    )
  })

  it("configs.default below the config that it names, but not of a circuit", () => {
    const key = (name: string, value: number) => ({
      configs: { default: { [name]: value }, a: {} },
      instances: { i: { baseConfig: "a" } }
    })
    assert.strictEqual(attemptsOf(key("maxAttempts", 7)), 7)
    assert.deepStrictEqual(sizeOf(key("slidingWindowSize", 7)), lastCalls(100))
  })

  it("never itself", () => {
    const lines = problemsOf(checked({
      resilience4j: {
        retry: { configs: { a: { baseConfig: "b" }, b: { baseConfig: "a" } }, instances: { i: { baseConfig: "a" } } }
      }
    }))
    assert.deepStrictEqual(lines, [
      "resilience4j.retry.configs.a.baseConfig: Expected a config that is not based on itself, got \"b\".",
      "resilience4j.retry.configs.b.baseConfig: Expected a config that is not based on itself, got \"a\"."
    ])
  })

  it("the report has what became of the key where it is written, once", () => {
    const { became } = checked({
      models: { m: { provider: "p", resilience4j: "i" }, n: { provider: "p", resilience4j: "j" } },
      resilience4j: {
        timelimiter: {
          configs: { default: { timeoutDuration: "4s" }, other: { timeoutDuration: "5s" } },
          instances: { i: {}, j: {} }
        }
      }
    })
    assert.deepStrictEqual(became.map(({ became, path }) => [path.join("."), became]), [
      ["resilience4j.timelimiter.configs.default.timeoutDuration", "attemptTimeout: 4s"],
      ["resilience4j.timelimiter.configs.other.timeoutDuration", "no instance is based on this config"]
    ])
  })
})

describe("keys are bound as Spring Boot binds them", () => {
  const words = ["sliding", "window", "size"]
  const capital = (word: string) => word.charAt(0).toUpperCase() + word.slice(1)
  const spellings: ReadonlyArray<(words: ReadonlyArray<string>) => string> = [
    (words) => words.join("-"),
    (words) => words.map((word, i) => i === 0 ? word : capital(word)).join(""),
    (words) => words.map(capital).join(""),
    (words) => words.join("_"),
    (words) => words.join("_").toUpperCase(),
    (words) => words.join("").toUpperCase(),
    (words) => words.join("")
  ]
  const wordsOf = (key: string) => key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`).split("-")
  const spelling = Schema.Literals(spellings.map((_, i) => i))

  it.effect.prop(
    "each spelling of each name, and every way to put dots between them, says the same",
    {
      section: spelling,
      key: spelling,
      holder: Schema.Literals(["instances", "backends", "INSTANCES"]),
      size: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 1000 })),
      /** After which of the five names a key ends. */
      ends: Schema.Tuple([Schema.Boolean, Schema.Boolean, Schema.Boolean, Schema.Boolean]),
      name: Schema.Literals(["i", "gpt-4.1", "a.b.c"]),
      bracketed: Schema.Boolean
    },
    ({ bracketed, ends, holder, key, name, section, size }) =>
      Effect.sync(() => {
        const names = [
          "resilience4j",
          spellings[section]!(["circuit", "breaker"]).replace(/[-_]/g, section % 2 === 0 ? "-" : ""),
          holder,
          bracketed ? `[${name}]` : name,
          spellings[key]!(words)
        ]
        const tree = names.reduceRight<{ readonly text: string; readonly value: unknown }>(
          (below, part, i) =>
            i === names.length - 1
              ? { text: part, value: size }
              : ends[i]
              ? { text: part, value: { [below.text]: below.value } }
              : { text: `${part}.${below.text}`, value: below.value },
          { text: "", value: undefined }
        )
        const models = { m: { provider: "p", resilience4j: name } }
        const result = checked({ models, [tree.text]: tree.value })
        assert.deepStrictEqual(modelOf(result).options.breaker!.window, lastCalls(size))
      })
  )

  it("every key in every spelling is known", () => {
    for (const [section, keys] of Object.entries(allKeys)) {
      for (const key of keys) {
        for (const spell of spellings) {
          const lines = problemsOf(withInstance(section, { [spell(wordsOf(key))]: { not: "a value" } }))
          assert.isFalse(
            lines.some((line) => line.includes("There is no such option")),
            `${section} ${spell(wordsOf(key))}`
          )
        }
      }
    }
  })

  const allKeys: { readonly [section: string]: ReadonlyArray<string> } = {
    circuitbreaker: [
      "baseConfig",
      "slidingWindowType",
      "minimumNumberOfCalls",
      "recordExceptions",
      "ignoreClassBindingExceptions"
    ],
    retry: ["exponentialMaxWaitDuration", "consumeResultBeforeRetryAttempt"],
    ratelimiter: ["limitRefreshPeriod"],
    bulkhead: ["maxWaitDuration"],
    "thread-pool-bulkhead": ["keepAliveDuration"],
    timelimiter: ["cancelRunningFuture"]
  }

  it("two spellings of one key are refused", () =>
    assert.deepStrictEqual(problemsOf(withInstance("retry", { maxAttempts: 2, "max-attempts": 3 })), [
      "resilience4j.retry.instances.i.max-attempts: Expected it once, but it is also written as resilience4j.retry.instances.i.maxAttempts."
    ]))

  it("an instance may be written in several places", () => {
    const { options } = modelOf(checked({
      "resilience4j.circuitbreaker.instances.i": { slidingWindowSize: 4 },
      resilience4j: {
        circuitbreaker: { backends: { i: { minimumNumberOfCalls: 3 } } },
        "retry.instances.i.maxAttempts": 9
      }
    }))
    assert.deepStrictEqual(options.breaker!.window, lastCalls(4))
    assert.strictEqual(options.breaker!.minimumCalls, 3)
    assert.strictEqual(options.retry!.maxAttempts, 9)
  })

  it("a limiter stands under limiters too", () =>
    assert.strictEqual(
      modelOf(checked({ resilience4j: { ratelimiter: { limiters: { i: { limitForPeriod: 4 } } } } })).options
        .rateLimiter!.limits[0]!.limit,
      4
    ))

  it("lists may be written element by element, or with commas", () => {
    const told = (keys: Keys) => becameOf("circuitbreaker", keys, Object.keys(keys)[0]!)
    const list = told({ recordExceptions: ["a.IOException", "b.TimeoutException"] })
    assert.strictEqual(
      list,
      "kept: failures are ConnectFailed, Truncated, TimedOut; every other error is a success, as in resilience4j"
    )
    assert.strictEqual(told({ recordExceptions: "a.IOException, b.TimeoutException" }), list)
    assert.strictEqual(
      told({ "record-exceptions[0]": "a.IOException", "record-exceptions[1]": "b.TimeoutException" }),
      list
    )
  })

  it("numbers and flags may be texts", () => {
    assert.strictEqual(optionsOf("retry", { maxAttempts: "4" }).retry!.maxAttempts, 4)
    for (
      const [value, jitter] of [["on", 0.5], ["YES", 0.5], [1, 0.5], ["off", "none"], ["No", "none"], [false, "none"]]
    ) {
      assert.strictEqual(optionsOf("retry", { enableRandomizedWait: value }).retry!.jitter, jitter)
    }
  })
})

describe("any values of its keys", () => {
  const count = Schema.Literals([1, 2, 3, 10, 1000, 1_000_000, 2 ** 31 - 1])
  const time = Schema.Literals([0, 1, "1ns", "500us", "30s", "PT1H", "366d", "-1s"])
  const ratio = Schema.Literals([0, 0.5, 1, 1.5, 50, 100, 1e300])
  const flag = Schema.Boolean
  const keys = {
    circuitbreaker: {
      slidingWindowType: Schema.Literals(["COUNT_BASED", "TIME_BASED"]),
      slidingWindowSize: count,
      minimumNumberOfCalls: count,
      failureRateThreshold: ratio,
      slowCallRateThreshold: ratio,
      slowCallDurationThreshold: time,
      permittedNumberOfCallsInHalfOpenState: count,
      waitDurationInOpenState: time,
      enableExponentialBackoff: flag,
      exponentialBackoffMultiplier: ratio,
      exponentialMaxWaitDurationInOpenState: time,
      enableRandomizedWait: flag,
      randomizedWaitFactor: ratio,
      maxWaitDurationInHalfOpenState: time
    },
    retry: {
      maxAttempts: count,
      waitDuration: time,
      enableExponentialBackoff: flag,
      exponentialBackoffMultiplier: ratio,
      exponentialMaxWaitDuration: time,
      enableRandomizedWait: flag,
      randomizedWaitFactor: ratio
    },
    ratelimiter: { limitForPeriod: count, limitRefreshPeriod: time, timeoutDuration: time },
    bulkhead: { maxConcurrentCalls: count, maxWaitDuration: time },
    "thread-pool-bulkhead": { maxThreadPoolSize: count, coreThreadPoolSize: count, queueCapacity: count },
    timelimiter: { timeoutDuration: time }
  }
  for (const [section, fields] of Object.entries<Record<string, Schema.Codec<unknown>>>(keys)) {
    const optional = Object.fromEntries(Object.entries(fields).map(([key, kind]) => [key, Schema.optionalKey(kind)]))
    it.effect.prop(
      `${section}: make a model, or are refused in the section where they are written`,
      { instance: Schema.Struct(optional) },
      ({ instance }) =>
        Effect.gen(function*() {
          const checked = withInstance(section, instance as Keys)
          for (const { path } of checked.problems) assert.strictEqual(path[1], section, JSON.stringify(path))
          if (checked.config === undefined) return
          yield* ChatModel.make({ ...checked.config.models.m!.options, client })
        }),
      { arbitrary: { runs: 1000 } }
    )
  }

  const client = ChatClient.layer({ provider: "p", baseUrl: "http://p.test" }).pipe(
    Layer.provide(SimulatedProvider.layerHttpClient),
    Layer.provide(SimulatedProvider.layer({ models: {} }))
  )
})

describe("durations are those of Spring Boot", () => {
  const waitOf = (waitDuration: unknown) => optionsOf("retry", { waitDuration }).retry!.baseDelay

  it.effect.prop(
    "all spellings of a duration are the same time",
    { seconds: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 100_000 })), upper: Schema.Boolean },
    ({ seconds, upper }) =>
      Effect.sync(() => {
        const spellings = [
          seconds * 1000,
          `${seconds * 1000}`,
          `+${seconds * 1000}`,
          `${seconds * 1000}ms`,
          `${seconds}s`,
          `${seconds * 1_000_000}us`,
          `${seconds * 1_000_000_000}ns`,
          `PT${seconds}S`,
          `PT${seconds}.0S`,
          `PT${Math.floor(seconds / 3600)}H${Math.floor(seconds / 60) % 60}M${seconds % 60}S`,
          `P${Math.floor(seconds / 86_400)}DT${seconds % 86_400}S`
        ]
        for (const written of spellings) {
          assert.strictEqual(
            waitOf(upper && typeof written === "string" ? written.toUpperCase() : written),
            seconds * 1000
          )
        }
      })
  )

  it("each unit", () =>
    assert.deepStrictEqual(
      [
        "500ns",
        "3us",
        "7ms",
        "7",
        7,
        "2s",
        "2m",
        "2h",
        "2d",
        "PT0.5S",
        "P1D",
        "PT1H30M",
        "pt10s",
        "-PT-3S",
        "PT1M-30S",
        "P0DT1S"
      ].map(waitOf),
      [
        0.0005,
        0.003,
        7,
        7,
        7,
        2000,
        120_000,
        7_200_000,
        172_800_000,
        500,
        86_400_000,
        5_400_000,
        10_000,
        3000,
        30_000,
        1000
      ]
    ))

  for (
    const written of [
      "1.5s",
      "5 s",
      "s",
      "",
      "P",
      "PT",
      "P1DT",
      "1w",
      "ten",
      "PT1X",
      "-1",
      -1,
      1.5,
      true,
      "1e3",
      "PT10",
      "400d"
    ]
  ) {
    it(`${JSON.stringify(written)} is none`, () =>
      assert.strictEqual(problemsOf(withInstance("retry", { waitDuration: written })).length, 1))
  }
})

describe("what a model says itself stands before its instance", () => {
  it("and its instance before the defaults, option by option", () => {
    const result = checked({
      defaults: { breaker: { openFor: "9 seconds", consecutiveFailures: 3 }, attemptTimeout: "9 seconds" },
      models: { m: { provider: "p", resilience4j: "i", breaker: { minimumCalls: 2 } } },
      resilience4j: { circuitbreaker: { instances: { i: { waitDurationInOpenState: "30s" } } } }
    })
    const { attemptTimeout, breaker } = modelOf(result).options
    assert.strictEqual(attemptTimeout, "9 seconds")
    assert.strictEqual(breaker!.openFor, 30_000)
    assert.strictEqual(breaker!.consecutiveFailures, 3)
    assert.strictEqual(breaker!.minimumCalls, 2)
    assert.deepInclude(result.became.at(-1), {
      path: ["models", "m", "breaker"],
      became: "stands before the breaker of i"
    })
  })

  it("the report has instances that no model names, or several", () => {
    const { became } = checked({
      models: { m: { provider: "p", resilience4j: "i" }, n: { provider: "p", resilience4j: "i" } },
      resilience4j: { timelimiter: { instances: { i: {}, j: {} } } }
    })
    assert.deepStrictEqual(became.slice(2).map(({ became, path }) => [path.at(-1), became]), [
      ["i", "each of m, n has guards of its own (in resilience4j they share those of an instance)"],
      ["j", "no model names this instance"]
    ])
  })
})

it("what an instance says of errors and of the first state is said of its models, and its spelling is not", () => {
  const saidBy = (section: string, keys: Keys) => modelOf(withInstance(section, keys)).said
  const plain = saidBy("circuitbreaker", {})
  assert.strictEqual(saidBy("circuitbreaker", { "sliding-window-size": "100", registerHealthIndicator: true }), plain)
  assert.notStrictEqual(saidBy("circuitbreaker", { slidingWindowSize: 99 }), plain)
  assert.notStrictEqual(saidBy("circuitbreaker", { recordExceptions: ["java.io.IOException"] }), plain)
  assert.notStrictEqual(saidBy("circuitbreaker", { ignoreExceptions: ["java.io.IOException"] }), plain)
  assert.notStrictEqual(saidBy("circuitbreaker", { initialState: "OPEN" }), plain)
  assert.notStrictEqual(saidBy("retry", { retryExceptions: ["java.io.IOException"] }), saidBy("retry", {}))
})

it("the report is a table for each place", () => {
  const { became } = checked({
    resilience4j: { timelimiter: { instances: { i: { cancelRunningFuture: true } } } }
  })
  assert.strictEqual(
    GatewayConfig.report({ config: undefined, problems: [{ path: ["models", 0], message: "Expected more" }], became }),
    [
      "models[0]: Expected more.",
      "",
      "resilience4j.timelimiter.instances.i",
      "  cancelRunningFuture  true          no effect: a call whose time is over is ended",
      "  timeoutDuration      1s (default)  attemptTimeout: 1s"
    ].join("\n")
  )
})

it("docs/gateway-config.md has every key and every exception", () => {
  const page = readFileSync(new URL("../../../../docs/gateway-config.md", import.meta.url), "utf8")
  const documented = page.slice(page.indexOf("\n## resilience4j"))
  const keys = Object.keys(GatewayConfig.jsonSchema.$defs as object).flatMap((name) =>
    /^(circuitbreaker|retry|ratelimiter|bulkhead|thread-pool-bulkhead|timelimiter)\.(?!instance|section)(\w+)$/.exec(
      name
    )?.[2] ?? []
  )
  const [refusal] = problemsOf(withInstance("retry", { retryExceptions: ["a.Unknown"] }))
  const exceptions = refusal!.split("Known are *TimeoutException, ")[1]!.replace(/\.$/, "").split(", ")
  assert.isAbove(keys.length, 50)
  for (const name of [...keys, ...exceptions]) assert.include(documented, `\`${name}\``)
})
