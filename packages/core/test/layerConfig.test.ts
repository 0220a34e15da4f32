import {
  Bulkhead,
  CircuitBreaker,
  ConcurrencyLimit,
  type Deadline,
  Pipeline,
  RateLimiter,
  Registry,
  Retry,
  RetryBudget,
  StaleCache,
  Telemetry
} from "@switchgear/core"
import { assert, describe, it } from "@effect/vitest"
import { Config, ConfigProvider, Duration, Effect, Fiber, Layer, Metric } from "effect"
import * as Yaml from "effect/encoding/Yaml"
import { TestClock } from "effect/testing"
import { expectTypeOf } from "vitest"

const file = (yaml: string) => ConfigProvider.fromUnknown(Yaml.parse(yaml))
const environment = (env: Record<string, string>) => ConfigProvider.fromEnv({ env })

const under = (provider: ConfigProvider.ConfigProvider) => <A, E, R>(self: Effect.Effect<A, E, R>) =>
  Effect.provideService(self, ConfigProvider.ConfigProvider, provider)

const told = <A, R>(self: Effect.Effect<A, Config.ConfigError, R>, provider: ConfigProvider.ConfigProvider) =>
  Effect.map(Effect.flip(under(provider)(self)), ({ _tag, message }) => `${_tag}: ${message}`)

/** The path and the code of every circuit below. */
const circuit = CircuitBreaker.fromConfig(["model", "circuit"], { name: "model", consecutiveFailures: 1 })

/** How long it opens, which is what most tests configure. */
const openFor = (provider: ConfigProvider.ConfigProvider) =>
  Effect.gen(function*() {
    const breaker = yield* circuit
    yield* Effect.exit(Effect.fail("503").pipe(breaker.protect))
    return Duration.toMillis((yield* breaker.snapshot).nextRetry!)
  }).pipe(under(provider))

describe("names", () => {
  it.effect("of a file are those of the options", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* openFor(file("model: { circuit: { openFor: 5 seconds } }")), 5000)
      assert.strictEqual(yield* openFor(file("model: { circuit: { openFor: 700 } }")), 700)
    }))

  it.effect("of an environment are their words in capitals, however deep", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* openFor(environment({ MODEL_CIRCUIT_OPEN_FOR: "5 seconds" })), 5000)
      assert.strictEqual(yield* openFor(environment({ MODEL_CIRCUIT_OPEN_FOR: "700" })), 700)
      assert.strictEqual(yield* openFor(environment({ MODEL_CIRCUIT_OPEN_FOR_BASE_DELAY: "9 seconds" })), 9000)
      const nested = { MODEL_CIRCUIT_HALF_OPEN_MAX_WAIT: "0", MODEL_CIRCUIT_HALF_OPEN_CALLS: "2" }
      assert.include(yield* told(circuit, environment(nested)), "halfOpen.maxWait must be a duration above zero, got 0")
    }))

  it.effect("of an environment may also be as in code, or put in capitals by the application", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* openFor(environment({ model_circuit_openFor: "5 seconds" })), 5000)
      const capitals = { MODEL_CIRCUIT_OPEN_FOR: "5 seconds", MODEL_CIRCUIT_HALF_OPEN_CALLS: "2", MODEL_CIRCUIT_X: "y" }
      assert.strictEqual(yield* openFor(ConfigProvider.constantCase(environment(capitals))), 5000)
      const app = environment({ APP_MODEL_CIRCUIT_OPEN_FOR: "5 seconds" })
      assert.strictEqual(yield* openFor(ConfigProvider.nested(app, "app")), 5000)
    }))

  it.effect("a path of one name needs no list", () =>
    Effect.gen(function*() {
      const { concurrency } = yield* Bulkhead.fromConfig("gpt-4.1", { name: "model" }).pipe(
        Effect.flatMap(({ snapshot }) => snapshot),
        under(environment({ GPT_4_1_CONCURRENCY: "7" }))
      )
      assert.strictEqual(concurrency, 7)
    }))

  it.effect("what is in a file is found there, name by name, where the environment does not say otherwise", () =>
    Effect.gen(function*() {
      const both = ConfigProvider.orElse(
        environment({ MODEL_CIRCUIT_OPEN_FOR: "9 seconds", MODEL_CIRCUIT_HALF_OPEN_CALLS: "2" }),
        file("model: { circuit: { name: filed, openFor: { baseDelay: 5 seconds }, halfOpen: { maxWait: 0 } } }")
      )
      assert.include(yield* told(circuit, both), "halfOpen.maxWait must be a duration above zero, got 0")
      const good = ConfigProvider.orElse(
        environment({ MODEL_CIRCUIT_OPEN_FOR: "9 seconds", MODEL_CIRCUIT_HALF_OPEN_CALLS: "2" }),
        file("model: { circuit: { name: filed, openFor: { baseDelay: 5 seconds }, minimumCalls: 3 } }")
      )
      assert.strictEqual(yield* openFor(good), 9000)
      assert.strictEqual((yield* under(good)(circuit)).name, "filed")
    }))

  it.effect("a variable does not hide what is misspelt in the file", () =>
    Effect.gen(function*() {
      const both = ConfigProvider.orElse(
        environment({ MODEL_CIRCUIT_OPEN_FOR: "9 seconds" }),
        file("model: { circuit: { failurRate: 0.3 } }")
      )
      assert.include(yield* told(circuit, both), "at [\"model\"][\"circuit\"][\"failurRate\"]")
    }))

  it.effect("a variable that says nothing of an option does not hide the file", () =>
    Effect.gen(function*() {
      const crowded = ConfigProvider.orElse(
        environment({ MODEL_CIRCUIT_OPEN_FOR_EVER: "x", MODEL_CIRCUIT_WINDOW_PANE: "x", MODEL_CIRCUIT_PORT: "tcp://" }),
        file("model: { circuit: { openFor: 5 seconds, window: { lastCalls: 3 } } }")
      )
      assert.strictEqual(yield* openFor(crowded), 5000)
    }))
})

describe("what is not configured is as in the code:", () => {
  const options: CircuitBreaker.Options = {
    name: "model",
    consecutiveFailures: 1,
    openFor: "1 minute",
    halfOpen: { calls: 1, maxWait: "7 seconds" },
    rampUp: { over: "1 hour", from: 0.5 },
    classify: () => ({ _tag: "Ignored" })
  }

  it.effect("nothing at all", () =>
    Effect.gen(function*() {
      for (const nothing of ["{}", "model:", "model: {}", "model: { circuit: }", "model: { circuit: {} }"]) {
        assert.strictEqual(yield* openFor(file(nothing)), 30_000)
      }
      assert.strictEqual(yield* openFor(environment({ MODEL_CIRCUIT_PORT: "tcp://10.0.0.1" })), 30_000)
    }))

  it.effect("one field of a group", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.fromConfig("circuit", { ...options, classify: undefined }).pipe(
        under(file("circuit: { halfOpen: { calls: 2 }, rampUp: { over: 10 seconds } }"))
      )
      yield* Effect.exit(Effect.fail("503").pipe(breaker.protect))
      yield* TestClock.adjust("1 minute")
      yield* Effect.forkChild(Effect.never.pipe(breaker.protect), { startImmediately: true })
      yield* Effect.forkChild(Effect.never.pipe(breaker.protect), { startImmediately: true })
      assert.strictEqual((yield* breaker.snapshot).inFlight, 2)
      yield* TestClock.adjust("7 seconds")
      assert.strictEqual(yield* breaker.state, "Open")
      yield* TestClock.adjust("1 minute")
      yield* breaker.protect(Effect.void)
      yield* breaker.protect(Effect.void)
      assert.strictEqual((yield* breaker.snapshot).rampUp, 0.5)
      yield* TestClock.adjust("10 seconds")
      assert.isUndefined((yield* breaker.snapshot).rampUp)
    }))

  it.effect("functions", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.fromConfig("circuit", options).pipe(under(file("circuit: { name: other }")))
      yield* Effect.exit(Effect.fail("503").pipe(breaker.protect))
      assert.strictEqual(yield* breaker.state, "Closed")
      const cache = yield* StaleCache.fromConfig<string>("cache", { name: "m", storeWhen: (value) => value !== "no" })
        .pipe(
          under(file("cache: { capacity: 5 }"))
        )
      yield* cache.set("a", "no")
      yield* cache.set("b", "yes")
      const { capacity, size } = yield* cache.snapshot
      assert.deepStrictEqual({ capacity, size }, { capacity: 5, size: 1 })
      let calls = 0
      const retry = yield* Retry.fromConfig<string>("retry", { while: (error) => error !== "no" }).pipe(
        under(file("retry: { maxAttempts: 5 }"))
      )
      yield* Effect.flip(retry.protect(Effect.suspend(() => Effect.fail(++calls === 1 ? "no" : "yes"))))
      assert.strictEqual(calls, 1)
    }))

  it.effect("but a rule holds for code and configuration together", () =>
    Effect.gen(function*() {
      const small = CircuitBreaker.fromConfig("circuit", { name: "model", window: CircuitBreaker.lastCalls(5) })
      assert.strictEqual(
        yield* told(small, file("circuit: { minimumCalls: 6 }")),
        "ConfigError: SchemaError(minimumCalls must be a whole number from 1 to 5, got 6\n  at [\"circuit\"][\"minimumCalls\"])"
      )
    }))
})

describe("what is wrong is a typed failure that tells the whole path:", () => {
  const at = (path: string) => `\n  at ["model"]["circuit"]${path})`
  const names =
    "name, window, minimumCalls, failureRate, slowCallDuration, slowCallRate, consecutiveFailures, openFor, maxRetryAfter, patience, halfOpen, rampUp, measureDurations, critical"
  const cases: ReadonlyArray<readonly [string, ConfigProvider.ConfigProvider, string]> = [
    [
      "a value out of range",
      file("model: { circuit: { failureRate: 3 } }"),
      `failureRate must be above 0 and at most 1, got 3${at("[\"failureRate\"]")}`
    ],
    [
      "a variable that is no number",
      environment({ MODEL_CIRCUIT_FAILURE_RATE: "often" }),
      `failureRate must be above 0 and at most 1, got "often"${at("[\"failureRate\"]")}`
    ],
    [
      "a name that is not there",
      file("model: { circuit: { failurRate: 0.3 } }"),
      `There is no such option. There are: ${names}${at("[\"failurRate\"]")}`
    ],
    [
      "a name that is not there, further in",
      file("model: { circuit: { halfOpen: { call: 3 } } }"),
      `There is no such option. There are: calls, maxWait${at("[\"halfOpen\"][\"call\"]")}`
    ],
    [
      "a name that is not there, in a variable written as in code",
      environment({ model_circuit_failurRate: "0.3" }),
      `There is no such option. There are: ${names}${at("[\"failurRate\"]")}`
    ],
    ["a number where options belong", file("model: { circuit: 3 }"), `Expected { ${names} }${at("")}`],
    ["a list where options belong", file("model: { circuit: [3] }"), `Expected { ${names} }${at("")}`],
    [
      "a list where a value belongs",
      file("model: { circuit: { failureRate: [3] } }"),
      `Expected a number or a text, got []${at("[\"failureRate\"]")}`
    ],
    [
      "options where a value belongs",
      file("model: { circuit: { failureRate: { a: 1 } } }"),
      `Expected a number or a text, got {}${at("[\"failureRate\"]")}`
    ],
    [
      "a group with nothing in it",
      file("model: { circuit: { window: {} } }"),
      `window must be { lastCalls } or { lasting, buckets }, got {}${at("[\"window\"]")}`
    ]
  ]
  for (const [claim, provider, message] of cases) {
    it.effect(
      claim,
      () =>
        Effect.map(told(circuit, provider), (told) => assert.strictEqual(told, `ConfigError: SchemaError(${message}`))
    )
  }

  it.effect("a source that cannot be read", () =>
    Effect.gen(function*() {
      const broken = ConfigProvider.make(() => Effect.fail(new ConfigProvider.SourceError({ message: "disk on fire" })))
      assert.include(yield* told(circuit, broken), "disk on fire")
    }))

  it.effect("a limit of a list, by its place", () =>
    Effect.gen(function*() {
      const limiter = RateLimiter.fromConfig("limit", { name: "model" })
      assert.strictEqual(
        yield* told(
          limiter,
          file("limit: { limits: [{ resource: cost, limit: 1, per: 1 }, { resource: tokens, limit: 0 }] }")
        ),
        "ConfigError: SchemaError(limits[1].limit must be a number above zero, got 0\n  at [\"limit\"][\"limits\"][1][\"limit\"])"
      )
      assert.include(
        yield* told(limiter, file("limit: { limits: { tokens: 3 } }")),
        "Expected array, got {}\n  at [\"limit\"][\"limits\"]"
      )
    }))
})

describe("layerConfig", () => {
  class Circuit extends CircuitBreaker.Service<Circuit>()("test/Circuit", { consecutiveFailures: 1 }) {}
  class Slots extends Bulkhead.Service<Slots>()("test/Slots", { concurrency: 1, queue: 3 }) {}
  class Moving extends ConcurrencyLimit.Service<Moving>()("test/Moving", { algorithm: "aimd", min: 2 }) {}
  class Limit extends RateLimiter.Service<Limit>()("test/Limit", { limits: [RateLimiter.requests(1, "1 second")] }) {}
  class Budget extends RetryBudget.Service<Budget>()("test/Budget", { floor: 1 }) {}

  const yaml = file(`
    model:
      circuit: { openFor: 5 seconds }
      slots: { concurrency: 7 }
      moving: { initial: 9, window: 3 seconds }
      limit: { limits: [{ resource: tokens, limit: 90, per: 1 minute }] }
      budget: { ratio: 0.5, floor: 4 }
  `)
  const env = environment({
    MODEL_CIRCUIT_OPEN_FOR: "5 seconds",
    MODEL_SLOTS_CONCURRENCY: "7",
    MODEL_MOVING_INITIAL: "9",
    MODEL_MOVING_WINDOW: "3 seconds",
    MODEL_LIMIT_LIMITS_0_RESOURCE: "tokens",
    MODEL_LIMIT_LIMITS_0_LIMIT: "90",
    MODEL_LIMIT_LIMITS_0_PER: "1 minute",
    MODEL_BUDGET_RATIO: "0.5",
    MODEL_BUDGET_FLOOR: "4"
  })
  const layer = Layer.mergeAll(
    Circuit.layerConfig(["model", "circuit"]),
    Slots.layerConfig(["model", "slots"]),
    Moving.layerConfig(["model", "moving"]),
    Limit.layerConfig(["model", "limit"]),
    Budget.layerConfig(["model", "budget"])
  )

  for (const [source, provider] of [["a file", yaml], ["the environment", env]] as const) {
    it.effect(`makes every service from ${source}, with the options of the class for the rest`, () =>
      Effect.gen(function*() {
        yield* Effect.exit(Effect.fail("503").pipe(Circuit.protect))
        const circuit = yield* Effect.flatMap(Circuit, ({ snapshot }) => snapshot)
        assert.deepStrictEqual(circuit.nextRetry, Duration.seconds(5))
        assert.strictEqual(circuit.name, "test/Circuit")
        const { concurrency, queue } = yield* Effect.flatMap(Slots, ({ snapshot }) => snapshot)
        assert.deepStrictEqual({ concurrency, queue }, { concurrency: 7, queue: 3 })
        const moving = yield* Effect.flatMap(Moving, ({ snapshot }) => snapshot)
        assert.deepStrictEqual([moving.algorithm, moving.limit, moving.min], ["aimd", 9, 2])
        const { limits } = yield* Effect.flatMap(Limit, ({ snapshot }) => snapshot)
        assert.deepStrictEqual(limits, [{ resource: "tokens", available: 90, capacity: 90 }])
        assert.strictEqual((yield* Effect.flatMap(Budget, ({ snapshot }) => snapshot)).available, 4)
      }).pipe(Effect.provide(Layer.provide(layer, ConfigProvider.layer(provider)))))
  }

  it.effect("fails with what is wrong, and dies of nothing", () =>
    Effect.gen(function*() {
      const wrong = Layer.provide(layer, ConfigProvider.layer(file("model: { slots: { concurrency: none } }")))
      const error = yield* Effect.flip(Effect.scoped(Layer.build(wrong)))
      assert.instanceOf(error, Config.ConfigError)
      assert.include(error.message, "concurrency must be a whole number of at least 1, got \"none\"")
    }))

  it("adds one error to the type of the layer, and nothing to what it needs", () => {
    expectTypeOf(Circuit.layerConfig("circuit")).toEqualTypeOf<Layer.Layer<Circuit, Config.ConfigError>>()
    expectTypeOf(Budget.layerConfig("budget")).toEqualTypeOf<Layer.Layer<Budget, Config.ConfigError>>()
  })

  it.effect("of the registry and of telemetry read how much is kept and published", () =>
    Effect.gen(function*() {
      const observed = Layer.provideMerge(Telemetry.layerConfig("telemetry"), Registry.layerConfig("registry")).pipe(
        Layer.provide(ConfigProvider.layer(file("{ registry: { history: 1 }, telemetry: { maxNames: 1 } }")))
      )
      yield* Effect.gen(function*() {
        const breaker = yield* CircuitBreaker.make({ name: "first" })
        yield* CircuitBreaker.make({ name: "second" })
        yield* breaker.control.forceOpen
        yield* breaker.control.close
        assert.deepStrictEqual((yield* Registry.history).map(({ to }) => to), ["Closed"])
        const names = (yield* Metric.snapshot).filter(({ id }) => id === "switchgear_circuitbreaker_in_flight")
        assert.deepStrictEqual(names.map(({ attributes }) => attributes?.["name"]), ["first", "other"])
      }).pipe(Effect.scoped, Effect.provide(observed))
      const wrong = Registry.layerConfig("registry").pipe(
        Layer.provide(ConfigProvider.layer(file("registry: { history: -1 }")))
      )
      assert.instanceOf(yield* Effect.flip(Effect.scoped(Layer.build(wrong))), Config.ConfigError)
    }))
})

describe("values", () => {
  it.effect("a family reads its bounds and those of its circuits", () =>
    Effect.gen(function*() {
      const tenants = yield* CircuitBreaker.Family.fromConfig("tenants", { name: "tenants" }).pipe(
        under(
          environment({ TENANTS_CAPACITY: "1", TENANTS_CONSECUTIVE_FAILURES: "1", TENANTS_IDLE_TIME_TO_LIVE: "1 day" })
        )
      )
      yield* Effect.exit(Effect.fail("503").pipe(tenants.protect("a")))
      assert.strictEqual((yield* tenants.snapshot).circuits.Open, 1)
      yield* (yield* tenants.get("a")).control.close
      yield* tenants.get("b")
      assert.deepStrictEqual(yield* tenants.keys, ["b"])
    }))

  it.effect("a pipeline reads its times, and has their error whether they are there or not", () =>
    Effect.gen(function*() {
      const provider = file("pipeline: { attemptTimeout: 1 second }")
      const pipeline = yield* under(provider)(Pipeline.fromConfig("pipeline", { deadline: "1 minute" }))
      expectTypeOf(pipeline).toEqualTypeOf<Pipeline.Pipeline<Deadline.DeadlineExceeded>>()
      const call = yield* Effect.forkChild(Effect.flip(pipeline.protect(Effect.never)), { startImmediately: true })
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* Fiber.join(call)).limit, "attempt")
      assert.include(
        yield* told(Pipeline.fromConfig("pipeline", {}), file("pipeline: { deadline: soon }")),
        "deadline must be a finite duration above zero, got \"soon\""
      )
    }))
})
