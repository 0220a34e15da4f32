import {
  Bulkhead,
  Cascade,
  CircuitBreaker,
  Guard,
  RateLimiter,
  Registry,
  RetryBudget,
  StaleCache,
  Telemetry
} from "@switchgear/core"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Context, Effect, Exit, Fiber, Layer, Logger, Metric, Redacted, References, Schema, Scope } from "effect"
import { PrometheusMetrics } from "effect/observability"
import { TestClock } from "effect/testing"

/** A registry and metrics of its own for one test, published. */
const observed =
  (options?: Telemetry.Options) => <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, Exclude<R, never>> =>
    Effect.provide(
      self,
      Telemetry.layer(options).pipe(
        Layer.provideMerge(Layer.merge(Registry.layer(), Layer.sync(Metric.MetricRegistry, () => new Map())))
      )
    )

/** Lines as a scraper gets them, by the series, without those that are 0. */
const scrape = Effect.map(PrometheusMetrics.format(), (text) => {
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"))
  return Object.fromEntries(lines.map((line) => {
    const at = line.lastIndexOf(" ")
    return [line.slice("switchgear_".length, at), Number(line.slice(at + 1))]
  }))
})

const scrapeOf = (prefix: string) =>
  Effect.map(
    scrape,
    (lines) => Object.fromEntries(Object.entries(lines).filter(([series]) => series.startsWith(prefix)))
  )

const times = (n: number) => Array.from({ length: n }, (_, i) => i)

/** Runs with loggers and answers what was logged. */
const logged = <A, E, R>(self: Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    const lines: Array<string> = []
    const logger = Logger.make<unknown, void>(({ fiber, logLevel, message }) => {
      const annotations = fiber.getRef(References.CurrentLogAnnotations)
      lines.push([logLevel, [message].flat().join(" "), JSON.stringify(annotations)].join(" | "))
    })
    return Effect.as(self, lines).pipe(Effect.provide(Logger.layer([logger])))
  })

/** A guard of one's own, which has a series for each shelf. */
const shelves: Registry.Kind<{ readonly name: string; readonly filled: ReadonlyArray<string> }, ReadonlyArray<string>> =
  {
    tag: "Shelves",
    snapshot: ({ filled }) => Effect.succeed([...filled]),
    metrics: (filled) => filled.map((shelf) => Guard.gauge("shelf", "Of a shelf.", ({ length }) => length, { shelf }))
  }

describe("Telemetry metrics", () => {
  it.effect("of a guard that has more series than before are published when it says so, once, and leave with it", () =>
    Effect.gen(function*() {
      const registry = yield* Registry.CurrentRegistry
      const guard = { name: "mine", filled: ["a"] }
      const series = Effect.map(
        Metric.snapshot,
        (all) => all.map(({ attributes, state }) => [attributes?.["shelf"], (state as { value: number }).value])
      )
      const leave = registry.enter({ kind: shelves, name: "mine", guard })
      assert.deepStrictEqual(yield* series, [["a", 1]])
      guard.filled.push("b")
      assert.deepStrictEqual(yield* series, [["a", 2]])
      registry.grew(guard)
      registry.grew(guard)
      assert.deepStrictEqual(yield* series, [["a", 2], ["b", 2]])
      leave()
      registry.grew(guard)
      assert.deepStrictEqual(yield* series, [])
    }).pipe(observed()))

  it.effect("tell everything about a circuit, one series for each state it can have", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ name: "model", minimumCalls: 4, slowCallDuration: "1 second" })
      const running = yield* Effect.forkChild(breaker.protect(Effect.never), { startImmediately: true })
      yield* Effect.forEach(times(3), () => breaker.protect(Effect.void))
      const early = yield* scrapeOf("circuitbreaker")
      assert.isNaN(early["circuitbreaker_failure_rate{name=\"model\"}"])
      assert.isNaN(early["circuitbreaker_slow_call_rate{name=\"model\"}"])
      yield* Effect.exit(breaker.protect(Effect.fail("503")))
      assert.deepStrictEqual(yield* scrapeOf("circuitbreaker"), {
        "circuitbreaker_state{name=\"model\",state=\"closed\"}": 1,
        "circuitbreaker_state{name=\"model\",state=\"open\"}": 0,
        "circuitbreaker_state{name=\"model\",state=\"half_open\"}": 0,
        "circuitbreaker_state{name=\"model\",state=\"forced_open\"}": 0,
        "circuitbreaker_state{name=\"model\",state=\"disabled\"}": 0,
        "circuitbreaker_state{name=\"model\",state=\"metrics_only\"}": 0,
        "circuitbreaker_window_calls{name=\"model\",outcome=\"failure\"}": 1,
        "circuitbreaker_window_calls{name=\"model\",outcome=\"success\"}": 3,
        "circuitbreaker_window_slow_calls{name=\"model\"}": 0,
        "circuitbreaker_failure_rate{name=\"model\"}": 0.25,
        "circuitbreaker_slow_call_rate{name=\"model\"}": 0,
        "circuitbreaker_in_flight{name=\"model\"}": 1,
        "circuitbreaker_calls_total{name=\"model\",outcome=\"success\"}": 3,
        "circuitbreaker_calls_total{name=\"model\",outcome=\"failure\"}": 1,
        "circuitbreaker_calls_total{name=\"model\",outcome=\"ignored\"}": 0,
        "circuitbreaker_slow_calls_total{name=\"model\"}": 0,
        "circuitbreaker_not_permitted_total{name=\"model\"}": 0,
        "circuitbreaker_openings_total{name=\"model\"}": 0,
        "circuitbreaker_late_total{name=\"model\"}": 0
      })
      yield* breaker.control.trip("30 seconds")
      yield* Effect.exit(breaker.protect(Effect.void))
      yield* Fiber.interrupt(running)
      const open = yield* scrapeOf("circuitbreaker")
      const series = (name: string) => open[`circuitbreaker_${name}`]
      assert.deepStrictEqual(
        [
          series("state{name=\"model\",state=\"closed\"}"),
          series("state{name=\"model\",state=\"open\"}"),
          series("not_permitted_total{name=\"model\"}"),
          series("openings_total{name=\"model\"}"),
          series("late_total{name=\"model\"}"),
          series("in_flight{name=\"model\"}")
        ],
        [0, 1, 1, 1, 1, 0]
      )
      yield* TestClock.adjust("30 seconds")
      assert.strictEqual((yield* scrape)["circuitbreaker_state{name=\"model\",state=\"half_open\"}"], 1)
    }).pipe(observed()))

  it.effect("tell of a family how many circuits are in which state, and no key", () =>
    Effect.gen(function*() {
      const family = yield* CircuitBreaker.Family.make({ name: "tenants" })
      yield* Effect.forEach(times(10), (i) => family.protect(`customer-${i}`)(Effect.void))
      yield* (yield* family.get("customer-3")).control.trip("1 hour")
      yield* Effect.exit(family.protect("customer-3")(Effect.void))
      assert.deepStrictEqual(yield* scrape, {
        "circuitbreaker_family_circuits{name=\"tenants\",state=\"closed\"}": 9,
        "circuitbreaker_family_circuits{name=\"tenants\",state=\"open\"}": 1,
        "circuitbreaker_family_circuits{name=\"tenants\",state=\"half_open\"}": 0,
        "circuitbreaker_family_circuits{name=\"tenants\",state=\"forced_open\"}": 0,
        "circuitbreaker_family_circuits{name=\"tenants\",state=\"disabled\"}": 0,
        "circuitbreaker_family_circuits{name=\"tenants\",state=\"metrics_only\"}": 0,
        "circuitbreaker_family_in_flight{name=\"tenants\"}": 0,
        "circuitbreaker_family_calls_total{name=\"tenants\",outcome=\"success\"}": 10,
        "circuitbreaker_family_calls_total{name=\"tenants\",outcome=\"failure\"}": 0,
        "circuitbreaker_family_calls_total{name=\"tenants\",outcome=\"ignored\"}": 0,
        "circuitbreaker_family_slow_calls_total{name=\"tenants\"}": 0,
        "circuitbreaker_family_not_permitted_total{name=\"tenants\"}": 1,
        "circuitbreaker_family_openings_total{name=\"tenants\"}": 1,
        "circuitbreaker_family_late_total{name=\"tenants\"}": 0
      })
    }).pipe(observed()))

  it.effect("tell everything about a bulkhead", () =>
    Effect.gen(function*() {
      const bulkhead = yield* Bulkhead.make({ name: "model", concurrency: 2, queue: 1, maxWait: "1 second" })
      yield* Effect.forEach(times(5), () =>
        Effect.forkChild(Effect.exit(bulkhead.protect(Effect.never)), { startImmediately: true }))
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* scrape, {
        "bulkhead_concurrency{name=\"model\"}": 2,
        "bulkhead_in_flight{name=\"model\"}": 2,
        "bulkhead_queue_capacity{name=\"model\"}": 1,
        "bulkhead_queued{name=\"model\"}": 0,
        "bulkhead_rejected_total{name=\"model\",reason=\"queue_full\"}": 2,
        "bulkhead_rejected_total{name=\"model\",reason=\"wait_timeout\"}": 1,
        "bulkhead_rejected_total{name=\"model\",reason=\"deadline\"}": 0
      })
      yield* bulkhead.resize(7)
      assert.strictEqual((yield* scrape)["bulkhead_concurrency{name=\"model\"}"], 7)
    }).pipe(observed()))

  it.effect("tell everything about a limiter, of each resource that it limits", () =>
    Effect.gen(function*() {
      const limiter = yield* RateLimiter.make({
        name: "model",
        limits: [RateLimiter.requests(10, "1 second"), RateLimiter.tokens(100, "1 second")]
      })
      yield* limiter.reserve({ tokens: 60 })
      yield* Effect.exit(limiter.reserve({ tokens: 60 }))
      assert.deepStrictEqual(yield* scrape, {
        "ratelimiter_available{name=\"model\",resource=\"requests\"}": 9,
        "ratelimiter_capacity{name=\"model\",resource=\"requests\"}": 10,
        "ratelimiter_available{name=\"model\",resource=\"tokens\"}": 40,
        "ratelimiter_capacity{name=\"model\",resource=\"tokens\"}": 100,
        "ratelimiter_waiting{name=\"model\"}": 0,
        "ratelimiter_paused_seconds{name=\"model\"}": 0,
        "ratelimiter_admitted_total{name=\"model\"}": 1,
        "ratelimiter_rejected_total{name=\"model\"}": 1
      })
      yield* limiter.pause("90 seconds")
      yield* TestClock.adjust("500 millis")
      assert.strictEqual((yield* scrape)["ratelimiter_paused_seconds{name=\"model\"}"], 89.5)
    }).pipe(observed()))

  it.effect("tell everything about a cache and about a retry budget", () =>
    Effect.gen(function*() {
      const cache = yield* StaleCache.make<string>({ name: "answers", capacity: 5, timeToLive: "1 second" })
      const ask = Effect.succeed("42").pipe(cache.through("question"))
      yield* Effect.andThen(ask, Effect.andThen(ask, ask))
      yield* TestClock.adjust("1 second")
      yield* Effect.fail("503").pipe(cache.orStale("question"))
      const budget = yield* RetryBudget.make({ name: "model", floor: 1, ratio: 0 })
      yield* Effect.andThen(budget.take, budget.take)
      assert.deepStrictEqual(yield* scrape, {
        "cache_size{name=\"answers\"}": 1,
        "cache_capacity{name=\"answers\"}": 5,
        "cache_bytes{name=\"answers\"}": 0,
        "cache_served_total{name=\"answers\",freshness=\"loaded\"}": 1,
        "cache_served_total{name=\"answers\",freshness=\"fresh\"}": 2,
        "cache_served_total{name=\"answers\",freshness=\"stale\"}": 1,
        "cache_store_failures_total{name=\"answers\"}": 0,
        "retry_budget_available{name=\"model\"}": 0,
        "retry_budget_window_successes{name=\"model\"}": 0,
        "retry_budget_window_retries{name=\"model\"}": 1,
        "retry_budget_refused_total{name=\"model\"}": 1
      })
    }).pipe(observed()))

  it.effect("are there for what was made before the layer opened, and for what is made later, until it leaves", () =>
    Effect.gen(function*() {
      yield* Bulkhead.make({ name: "before", concurrency: 1 })
      const names = Effect.map(scrapeOf("bulkhead_concurrency"), Object.keys)
      const series = (name: string) => `bulkhead_concurrency{name="${name}"}`
      assert.deepStrictEqual(yield* names, [])
      yield* Effect.gen(function*() {
        assert.deepStrictEqual(yield* names, [series("before")])
        yield* Effect.scoped(Effect.gen(function*() {
          yield* Bulkhead.make({ name: "later", concurrency: 1 })
          assert.deepStrictEqual(yield* names, [series("before"), series("later")])
        }))
        assert.deepStrictEqual(yield* names, [series("before")])
      }).pipe(Effect.provide(Telemetry.layer()))
      assert.deepStrictEqual(yield* names, [])
    }).pipe(
      Effect.provide(Layer.merge(Registry.layer(), Layer.sync(Metric.MetricRegistry, () => new Map())))
    ))

  it.effect("are all removed when the layer closes, the shared ones too, and nothing is published after that", () =>
    Effect.gen(function*() {
      yield* oneOfEach("model")
      yield* oneOfEach("folded")
      const registry = yield* Metric.MetricRegistry
      registry.clear()
      yield* Effect.provide(Effect.sync(() => assert.isAbove(registry.size, 40)), Telemetry.layer({ maxNames: 1 }))
      assert.strictEqual(registry.size, 0)
      yield* oneOfEach("later")
      assert.strictEqual(registry.size, 0)
    }).pipe(
      Effect.provide(Layer.merge(Registry.layer(), Layer.sync(Metric.MetricRegistry, () => new Map())))
    ))

  it.effect("are told of all others when one entry cannot be read, and so is health", () =>
    Effect.gen(function*() {
      const bulkhead = yield* Bulkhead.make({ name: "sound", concurrency: 2 })
      let isSound = true
      const snapshot = Effect.suspend(() => isSound ? bulkhead.snapshot : Effect.die("This cannot be read."))
      const enter = (name: string) =>
        Registry.register({ kind: Bulkhead.kind, name, guard: { ...bulkhead, name, snapshot } })
      yield* enter("broken")
      isSound = false
      yield* enter("broken from the beginning")
      const concurrency = yield* scrapeOf("bulkhead_concurrency")
      assert.deepStrictEqual(concurrency, {
        "bulkhead_concurrency{name=\"broken\"}": 2,
        "bulkhead_concurrency{name=\"sound\"}": 2
      })
      assert.strictEqual((yield* Registry.health).status, "degraded")
      const before = yield* Registry.CurrentRegistry
      const later = Telemetry.layer().pipe(Layer.provide(Layer.succeed(Registry.CurrentRegistry, before)))
      assert.isTrue(Exit.isSuccess(yield* Effect.exit(Layer.build(later))))
    }).pipe(Effect.scoped, observed()))

  it.effect("of a guard that cannot be read come as soon as it can be, and until then it is counted", () =>
    Effect.gen(function*() {
      let isSound = false
      const kinds: ReadonlyArray<Registry.Kind<object, number>> = ["Fixed", "Growing"].map((tag) => {
        const series = [Guard.gauge<number>(`switchgear_${tag}`, "Of a test.", (n) => n)]
        return {
          tag,
          snapshot: () => isSound ? Effect.succeed(1) : Effect.die("too early"),
          metrics: tag === "Fixed" ? series : () => series
        }
      })
      for (const kind of kinds) {
        for (const name of ["a", "b"]) yield* Registry.register({ kind, name, guard: {} })
      }
      const unreadable = { "unpublished_guards{kind=\"Fixed\"}": 2, "unpublished_guards{kind=\"Growing\"}": 2 }
      assert.deepStrictEqual(yield* scrape, unreadable)
      assert.deepStrictEqual(yield* scrape, unreadable)
      isSound = true
      yield* scrape
      assert.deepStrictEqual(yield* scrape, {
        "Fixed{name=\"a\"}": 1,
        "Fixed{name=\"b\"}": 1,
        "Growing{name=\"a\"}": 1,
        "Growing{name=\"b\"}": 1
      })
    }).pipe(Effect.scoped, observed(), Effect.provide(Logger.layer([]))))

  it.effect("of a guard that cannot be read and has left are not tried any more", () =>
    Effect.gen(function*() {
      const kind: Registry.Kind<object, number> = { tag: "Broken", snapshot: () => Effect.die("broken") }
      yield* Effect.scoped(Registry.register({ kind, name: "a", guard: {} }))
      assert.deepStrictEqual(yield* scrape, {})
    }).pipe(observed(), Effect.provide(Logger.layer([]))))

  it.effect("of a layer are still there when another one, of the same guards, has come and gone", () =>
    Effect.gen(function*() {
      yield* oneOfEach("model")
      yield* oneOfEach("folded")
      const before = yield* scrape
      assert.isAbove(Object.keys(before).length, 40)
      const maxNames = 1
      yield* Effect.provide(
        Effect.gen(function*() {
          assert.deepStrictEqual(yield* scrape, before)
          yield* Bulkhead.make({ name: "inside", concurrency: 1 })
        }).pipe(Effect.scoped),
        Telemetry.layer({ maxNames })
      )
      assert.deepStrictEqual(yield* scrape, before)
      // The outer one closes first.
      const outer = yield* Scope.make()
      yield* Effect.provideService(Layer.build(Telemetry.layer({ maxNames })), Scope.Scope, outer)
      const inner = yield* Scope.make()
      yield* Effect.provideService(Layer.build(Telemetry.layer({ maxNames })), Scope.Scope, inner)
      yield* Scope.close(outer, Exit.void)
      assert.deepStrictEqual(yield* scrape, before)
      yield* Scope.close(inner, Exit.void)
      assert.deepStrictEqual(yield* scrape, before)
    }).pipe(observed({ maxNames: 1 })))

  it.effect("are those of the registry the layer was given, and no other", () =>
    Effect.gen(function*() {
      yield* Bulkhead.make({ name: "mine", concurrency: 1 })
      yield* Effect.provide(Bulkhead.make({ name: "theirs", concurrency: 1 }), Registry.layer())
      assert.deepStrictEqual(Object.keys(yield* scrapeOf("bulkhead_concurrency")), [
        "bulkhead_concurrency{name=\"mine\"}"
      ])
    }).pipe(observed()))

  it.effect("carry the metric attributes that were in force when the layer was built", () =>
    Effect.gen(function*() {
      yield* Effect.provide(
        Effect.gen(function*() {
          yield* Bulkhead.make({ name: "model", concurrency: 3 })
          assert.strictEqual((yield* scrape)["bulkhead_concurrency{name=\"model\",app=\"shop\"}"], 3)
        }),
        Telemetry.layer().pipe(
          Layer.provide(Layer.succeed(Metric.CurrentMetricAttributes, { app: "shop" })),
          Layer.provideMerge(Layer.merge(Registry.layer(), Layer.sync(Metric.MetricRegistry, () => new Map())))
        )
      )
    }))

  it.effect("count namesakes apart, not twice", () =>
    Effect.gen(function*() {
      const first = yield* CircuitBreaker.make({ name: "model" })
      const second = yield* CircuitBreaker.make({ name: "model" })
      yield* first.control.trip()
      yield* Effect.forEach(times(3), () => Effect.exit(first.protect(Effect.void)))
      yield* second.protect(Effect.void)
      assert.deepStrictEqual(yield* scrapeOf("circuitbreaker_not_permitted_total"), {
        "circuitbreaker_not_permitted_total{name=\"model\"}": 3,
        "circuitbreaker_not_permitted_total{name=\"model#2\"}": 0
      })
    }).pipe(observed()))

  it.effect("show nothing of what a call carries", () =>
    Effect.gen(function*() {
      const secret = "sk-live-1234"
      const lines = yield* logged(
        Effect.gen(function*() {
          const { breaker, cache } = yield* oneOfEach("model")
          const fail = Effect.fail({ key: Redacted.make(secret), message: secret })
          yield* Effect.forEach(times(20), () => Effect.exit(breaker.protect(fail)))
          yield* Effect.succeed(secret).pipe(cache.through(secret))
          assert.strictEqual(yield* breaker.state, "Open")
          assert.notInclude(yield* PrometheusMetrics.format(), secret)
          assert.notInclude(JSON.stringify(yield* Registry.history), secret)
        }).pipe(observed())
      )
      assert.strictEqual(lines.length, 1)
      assert.notInclude(lines.join(), secret)
    }))
})

const oneOfEach = (name: string) =>
  Effect.all({
    breaker: CircuitBreaker.make({ name }),
    family: CircuitBreaker.Family.make({ name }),
    bulkhead: Bulkhead.make({ name, concurrency: 1 }),
    limiter: RateLimiter.make({ name, limits: [RateLimiter.requests(10, "1 second")] }),
    budget: RetryBudget.make({ name }),
    cache: StaleCache.make<string>({ name })
  })

describe("Telemetry names", () => {
  it.effect("are at most maxNames of a kind: ten thousand circuits have as many series as 201", () =>
    Effect.gen(function*() {
      const registry = yield* Metric.MetricRegistry
      const breakers = yield* Effect.forEach(times(200), (i) => CircuitBreaker.make({ name: `model-${i}` }))
      const perName = registry.size / 200
      assert.strictEqual(perName, 19)
      breakers.push(...yield* Effect.forEach(times(9_800), (i) => CircuitBreaker.make({ name: `model-${i + 200}` })))
      assert.strictEqual(registry.size, 201 * perName)
      yield* Effect.forEach(breakers, (breaker) => breaker.control.trip("1 hour"))
      yield* Effect.forEach(breakers, (breaker) => Effect.exit(breaker.protect(Effect.void)))
      const lines = yield* scrape
      assert.strictEqual(lines["circuitbreaker_state{name=\"other\",state=\"open\"}"], 9_800)
      assert.strictEqual(lines["circuitbreaker_state{name=\"other\",state=\"closed\"}"], 0)
      assert.strictEqual(lines["circuitbreaker_not_permitted_total{name=\"other\"}"], 9_800)
      assert.strictEqual(lines["circuitbreaker_not_permitted_total{name=\"model-0\"}"], 1)
      const total = Object.entries(lines).filter(([series]) => series.startsWith("circuitbreaker_not_permitted_total"))
      assert.strictEqual(total.reduce((sum, [, value]) => sum + value, 0), 10_000)
    }).pipe(observed()))

  it.effect("are as many of each kind, whatever there is of other kinds", () =>
    Effect.gen(function*() {
      yield* Effect.forEach(times(3), (i) => oneOfEach(`guard-${i}`))
      const named = (series: string) => Effect.map(scrapeOf(series), (lines) => Object.keys(lines).length)
      assert.strictEqual(yield* named("circuitbreaker_in_flight"), 3)
      assert.strictEqual(yield* named("bulkhead_in_flight"), 3)
      assert.strictEqual(yield* named("cache_size"), 3)
      assert.deepStrictEqual(yield* scrapeOf("bulkhead_concurrency"), {
        "bulkhead_concurrency{name=\"guard-0\"}": 1,
        "bulkhead_concurrency{name=\"guard-1\"}": 1,
        "bulkhead_concurrency{name=\"other\"}": 1
      })
    }).pipe(observed({ maxNames: 2 })))

  it.effect("are free again for the next when their holder has left", () =>
    Effect.gen(function*() {
      yield* Effect.scoped(Bulkhead.make({ name: "a", concurrency: 1 }))
      yield* Bulkhead.make({ name: "b", concurrency: 2 })
      yield* Bulkhead.make({ name: "c", concurrency: 3 })
      assert.deepStrictEqual(yield* scrapeOf("bulkhead_concurrency"), {
        "bulkhead_concurrency{name=\"b\"}": 2,
        "bulkhead_concurrency{name=\"other\"}": 3
      })
    }).pipe(observed({ maxNames: 1 })))

  it.effect("may be none at all, and one that is called other is among the others", () =>
    Effect.gen(function*() {
      yield* Bulkhead.make({ name: "a", concurrency: 1 })
      yield* Bulkhead.make({ name: "other", concurrency: 2 })
      assert.deepStrictEqual(yield* scrapeOf("bulkhead_concurrency"), { "bulkhead_concurrency{name=\"other\"}": 3 })
    }).pipe(observed({ maxNames: 0 })))

  it.effect("keep a name for other apart from a guard that is called so", () =>
    Effect.gen(function*() {
      yield* Bulkhead.make({ name: "other", concurrency: 2 })
      yield* Bulkhead.make({ name: "a", concurrency: 1 })
      yield* Bulkhead.make({ name: "b", concurrency: 5 })
      assert.deepStrictEqual(yield* scrapeOf("bulkhead_concurrency"), {
        "bulkhead_concurrency{name=\"other\"}": 7,
        "bulkhead_concurrency{name=\"a\"}": 1
      })
    }).pipe(observed({ maxNames: 1 })))

  it.effect("have the highest rate of those that share one, and none while none of them has one", () =>
    Effect.gen(function*() {
      const rate = Effect.map(scrape, (lines) => lines["circuitbreaker_failure_rate{name=\"other\"}"])
      const options = { minimumCalls: 4, failureRate: 1 }
      const [a, b] = yield* Effect.forEach(["a", "b", "c"], (name) => CircuitBreaker.make({ name, ...options }))
      assert.isNaN(yield* rate)
      const calls = (breaker: CircuitBreaker.CircuitBreaker, failed: number) =>
        Effect.forEach(times(4), (i) => Effect.exit(breaker.protect(i < failed ? Effect.fail("503") : Effect.void)))
      yield* calls(a!, 3)
      assert.strictEqual(yield* rate, 0.75)
      yield* calls(b!, 1)
      assert.strictEqual(yield* rate, 0.75)
    }).pipe(observed({ maxNames: 0 })))

  it.effect("never let a shared counter go down when one of those leaves or is reset, and lose none of its counts", () =>
    Effect.gen(function*() {
      const rejected = Effect.map(scrape, (lines) => lines["circuitbreaker_not_permitted_total{name=\"other\"}"])
      const reject = (breaker: CircuitBreaker.CircuitBreaker, n: number) =>
        Effect.forEach(times(n), () => Effect.exit(breaker.protect(Effect.void)))
      const stays = yield* CircuitBreaker.make({ name: "stays" })
      yield* stays.control.forceOpen
      const scope = yield* Scope.make()
      const leaves = yield* Effect.provideService(CircuitBreaker.make({ name: "leaves" }), Scope.Scope, scope)
      yield* leaves.control.forceOpen
      yield* Effect.andThen(reject(stays, 5), reject(leaves, 4))
      assert.strictEqual(yield* rejected, 9)
      yield* reject(leaves, 2)
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(yield* rejected, 11)
      yield* stays.control.reset
      assert.strictEqual(yield* rejected, 11)
      yield* stays.control.forceOpen
      yield* reject(stays, 3)
      assert.strictEqual(yield* rejected, 14)
    }).pipe(observed({ maxNames: 0 })))

  it.effect("add what a guard counts once, also when it leaves and is registered again", () =>
    Effect.gen(function*() {
      const rejected = Effect.map(scrape, (lines) => lines["circuitbreaker_not_permitted_total{name=\"other\"}"])
      const reject = (breaker: CircuitBreaker.CircuitBreaker, n: number) =>
        Effect.forEach(times(n), () => Effect.exit(breaker.protect(Effect.void)))
      const breaker = yield* Effect.scoped(Effect.tap(
        CircuitBreaker.make({ name: "model" }),
        (breaker) => Effect.andThen(breaker.control.forceOpen, reject(breaker, 4))
      ))
      const register = Registry.register({ kind: CircuitBreaker.kind, name: "model", guard: breaker })
      assert.strictEqual(yield* rejected, 4)
      for (const expected of [5, 6]) {
        yield* Effect.scoped(Effect.andThen(register, reject(breaker, 1)))
        assert.strictEqual(yield* rejected, expected)
      }
    }).pipe(observed({ maxNames: 0 })))

  it.effect("are shared by guards with series of their own, too, and these have at most 200 with labels of their own", () =>
    Effect.gen(function*() {
      const registry = yield* Registry.CurrentRegistry
      const enter = (name: string, filled: ReadonlyArray<string>) => {
        const guard = { name, filled: [...filled] }
        return { guard, leave: registry.enter({ kind: shelves, name, guard }) }
      }
      enter("mine", ["a"])
      const { guard, leave } = enter("second", ["a", "b"])
      enter("third", ["b"])
      const series = Effect.map(
        Metric.snapshot,
        (all) =>
          all.filter(({ id }) => id === "shelf").map(({ attributes, state }) => [
            attributes?.["name"],
            attributes?.["shelf"],
            (state as { value: number }).value
          ])
      )
      assert.deepStrictEqual(yield* series, [["mine", "a", 1], ["other", "a", 2], ["other", "b", 3]])
      guard.filled.push("c")
      registry.grew(guard)
      assert.deepStrictEqual(yield* series, [
        ["mine", "a", 1],
        ["other", "a", 3],
        ["other", "b", 4],
        ["other", "c", 3]
      ])
      leave()
      assert.deepStrictEqual(yield* series, [
        ["mine", "a", 1],
        ["other", "a", 0],
        ["other", "b", 1],
        ["other", "c", 0]
      ])
      for (const i of times(1000)) enter(`shelves ${i}`, [`shelf ${i}`])
      const all = yield* series
      assert.strictEqual(all.length, 1 + 200 + 1)
      assert.deepStrictEqual(all.at(-1), ["other", "other", 1000 - 197])
    }).pipe(observed({ maxNames: 1 })))

  it.effect("are refused below zero, naming the field", () =>
    Effect.gen(function*() {
      const exit = yield* Effect.exit(Effect.void.pipe(observed({ maxNames: -1 })))
      assert.isTrue(Exit.isFailure(exit))
      if (Exit.isSuccess(exit)) return
      assert.strictEqual(
        String(Cause.squash(exit.cause)),
        "RangeError: Telemetry.layer: maxNames must be a whole number of at least 0, got -1"
      )
    }))
})

describe("Telemetry log", () => {
  it.effect("has one line for each change of state: warnings towards trouble, information towards recovery", () =>
    Effect.gen(function*() {
      const lines = yield* logged(
        Effect.gen(function*() {
          const breaker = yield* CircuitBreaker.make({ name: "model", minimumCalls: 2, halfOpen: { calls: 1 } })
          yield* Effect.forEach(times(2), () => Effect.exit(breaker.protect(Effect.fail("503"))))
          yield* TestClock.adjust("30 seconds")
          yield* breaker.protect(Effect.void)
          const { disable, forceOpen, metricsOnly } = breaker.control
          yield* Effect.all([disable, metricsOnly, forceOpen])
        }).pipe(observed())
      )
      const told = (from: string, to: string, reason: string) =>
        JSON.stringify({
          kind: "CircuitBreaker",
          subject: "model",
          from,
          to,
          reason,
          ...(to === "Open" ? { openFor: "30s" } : {})
        })
      assert.deepStrictEqual(lines, [
        `Warn | Circuit "model": Closed → Open for 30s (failure-rate) | ${told("Closed", "Open", "failure-rate")}`,
        `Info | Circuit "model": Open → HalfOpen (open-elapsed) | ${told("Open", "HalfOpen", "open-elapsed")}`,
        `Info | Circuit "model": HalfOpen → Closed (probes-succeeded) | ${
          told("HalfOpen", "Closed", "probes-succeeded")
        }`,
        `Warn | Circuit "model": Closed → Disabled (manual) | ${told("Closed", "Disabled", "manual")}`,
        `Warn | Circuit "model": Disabled → MetricsOnly (manual) | ${told("Disabled", "MetricsOnly", "manual")}`,
        `Warn | Circuit "model": MetricsOnly → ForcedOpen (manual) | ${told("MetricsOnly", "ForcedOpen", "manual")}`
      ])
    }))

  it.effect("names the circuit of a family, and keeps a name with a line break on one line", () =>
    Effect.gen(function*() {
      const lines = yield* logged(
        Effect.gen(function*() {
          const family = yield* CircuitBreaker.Family.make({ name: "tenants" })
          yield* (yield* family.get("ac\nme")).control.forceOpen
        }).pipe(observed())
      )
      assert.strictEqual(lines.length, 1)
      assert.include(lines[0], "Warn | Circuit \"tenants/ac\\nme\": Closed → ForcedOpen (manual) | ")
    }))

  it.effect("warns once when there is a second of one kind and name, with what to do about it", () =>
    Effect.gen(function*() {
      const lines = yield* logged(
        Effect.gen(function*() {
          yield* Bulkhead.make({ name: "model", concurrency: 1 })
          yield* CircuitBreaker.make({ name: "model" })
          yield* Effect.forEach(times(5), () => Effect.scoped(Bulkhead.make({ name: "model", concurrency: 1 })))
        }).pipe(observed())
      )
      assert.deepStrictEqual(lines, [
        "Warn | There is more than one Bulkhead named \"model\": calls through one do not count for the other. " +
        "Make it once and share it. | {\"kind\":\"Bulkhead\",\"name\":\"model\",\"id\":\"model#2\"}"
      ])
    }))

  it.effect("warns once of a guard that is made outside a scope, a cascade too, with what to do about it", () =>
    Effect.gen(function*() {
      const lines = yield* logged(
        Effect.gen(function*() {
          yield* Effect.forEach(times(3), () => Cascade.make({ name: "answers" }))
          yield* CircuitBreaker.make({ name: "answers" })
        }).pipe(
          Effect.updateContext((context: Context.Context<never>) => Context.omit(Scope.Scope)(context)),
          observed()
        )
      )
      assert.deepStrictEqual(
        lines,
        ["Cascade", "CircuitBreaker"].map((kind) =>
          `Warn | ${kind} "answers" was made outside a scope: it has no metrics and no log lines, and does not affect the ` +
          "health. Make it in a scope, by its layer, or add it with Registry.register. | " +
          JSON.stringify({ kind, name: "answers" })
        )
      )
    }))

  it.effect("has no line after the layer has closed", () =>
    Effect.gen(function*() {
      const lines = yield* logged(
        Effect.gen(function*() {
          const breaker = yield* CircuitBreaker.make({ name: "model" })
          yield* Effect.provide(breaker.control.forceOpen, Telemetry.layer())
          yield* breaker.control.close
        }).pipe(Effect.provide(Registry.layer()))
      )
      assert.strictEqual(lines.length, 1)
    }))

  it.effect("leaves the call alone whose result moved the circuit, also when a logger throws", () =>
    Effect.gen(function*() {
      const broken = Logger.make<unknown, void>(() => {
        throw new Error("disk full")
      })
      const exits = yield* Effect.gen(function*() {
        const breaker = yield* CircuitBreaker.make({ name: "model", minimumCalls: 1 })
        const exit = yield* Effect.exit(breaker.protect(Effect.fail("503")))
        return [exit, yield* breaker.state]
      }).pipe(observed(), Effect.provide(Logger.layer([broken])))
      assert.deepStrictEqual(exits, [Exit.fail("503"), "Open"])
    }))
})

describe("several Telemetry layers of one registry", () => {
  const Operations = Schema.Array(Schema.Union([
    Schema.Struct({ _tag: Schema.tag("Open"), loggers: Schema.Literals(["same", "same", "own"]) }),
    Schema.Struct({ _tag: Schema.tag("Close"), index: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 9 })) }),
    Schema.Struct({ _tag: Schema.tag("Change") })
  ])).check(Schema.isMaxLength(30))

  it.effect.prop(
    "log each change once for each set of loggers, and add it to the span once, whichever opens and closes",
    { operations: Operations },
    ({ operations }) =>
      Effect.gen(function*() {
        const breaker = yield* CircuitBreaker.make({ name: "model" })
        const lines = { same: 0, own: 0 }
        const loggers = {
          same: Logger.layer([Logger.make<unknown, void>(() => void lines.same++)]),
          own: Logger.layer([Logger.make<unknown, void>(() => void lines.own++)])
        }
        const built = {
          same: yield* Layer.build(loggers.same),
          own: yield* Layer.build(loggers.own)
        }
        const open: Array<{ readonly scope: Scope.Closeable; readonly loggers: "same" | "own" }> = []
        let forced = false
        for (const operation of operations) {
          switch (operation._tag) {
            case "Open": {
              const scope = yield* Scope.make()
              yield* Layer.build(Telemetry.layer()).pipe(
                Effect.provideContext(built[operation.loggers]),
                Effect.provideService(Scope.Scope, scope)
              )
              open.push({ scope, loggers: operation.loggers })
              break
            }
            case "Close": {
              const [closed] = open.splice(operation.index, 1)
              if (closed !== undefined) yield* Scope.close(closed.scope, Exit.void)
              break
            }
            case "Change": {
              const before = { ...lines }
              const span = yield* Effect.makeSpan("request")
              yield* Effect.withParentSpan(forced ? breaker.control.close : breaker.control.forceOpen, span)
              forced = !forced
              for (const whose of ["same", "own"] as const) {
                const expected = open.some((layer) => layer.loggers === whose) ? 1 : 0
                assert.strictEqual(lines[whose] - before[whose], expected, whose)
              }
              const { events } = span as unknown as { readonly events: ReadonlyArray<unknown> }
              assert.strictEqual(events.length, open.length > 0 ? 1 : 0)
            }
          }
        }
        for (const { scope } of open) yield* Scope.close(scope, Exit.void)
      }).pipe(Effect.scoped, Effect.provide(Registry.layer()))
  )
})

describe("Telemetry spans", () => {
  it.effect("have an event when the call inside moves a circuit", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ name: "model", minimumCalls: 1 })
      yield* TestClock.adjust("2 seconds")
      const span = yield* Effect.makeSpan("request")
      yield* Effect.exit(breaker.protect(Effect.fail("503"))).pipe(Effect.withParentSpan(span))
      assert.deepStrictEqual((span as unknown as { readonly events: ReadonlyArray<unknown> }).events, [[
        "switchgear.transition",
        2_000_000_000n,
        { kind: "CircuitBreaker", subject: "model", from: "Closed", to: "Open", reason: "failure-rate", openFor: "30s" }
      ]])
    }).pipe(observed()))

  it.effect("have none for a circuit that moves elsewhere, and an ended one gets none", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ name: "model" })
      const span = yield* Effect.makeSpan("request")
      yield* Effect.withParentSpan(breaker.protect(Effect.void), span)
      yield* breaker.control.forceOpen
      span.end(0n, Exit.void)
      yield* Effect.withParentSpan(breaker.control.close, span)
      assert.deepStrictEqual((span as unknown as { readonly events: ReadonlyArray<unknown> }).events, [])
    }).pipe(observed()))
})
