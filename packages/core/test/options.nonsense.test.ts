/** Whatever is written for an option: it is refused by name, value and range when the guard is made, or it works. */
import { assert, describe, it } from "@effect/vitest"
import {
  AdaptiveThrottle,
  Attempts,
  Bulkhead,
  CircuitBreaker,
  ConcurrencyLimit,
  Hedge,
  Pipeline,
  Registry,
  Retry,
  RetryBudget,
  Telemetry
} from "@switchgear/core"
import { Cause, Effect, Exit, Fiber, Layer, Schema } from "effect"
import { TestClock } from "effect/testing"
import { circular, values } from "./support/nonsense.ts"

type Make = (options: any) => Effect.Effect<unknown>

const breaker = (options: object) => CircuitBreaker.make({ name: "model", ...options })
const limit = (options: object) => ConcurrencyLimit.make({ name: "model", ...options })
const bulkhead = (options: object) => Bulkhead.make({ name: "model", concurrency: 1, ...options })
const budget = (options: object) => RetryBudget.make({ name: "model", ...options })
const hedge = (options: object) => Hedge.make({ name: "model", ...options })
const throttle = (options: object) => AdaptiveThrottle.make({ name: "model", ...options })
const within = (field: string, options: object, make: (options: any) => Effect.Effect<unknown>): Make => (value) =>
  make({ [field]: { ...options, ...value } })

/** How each option is given, by the name under which it is refused. */
const places: { readonly [Field in string]: Make } = {
  name: breaker,
  minimumCalls: breaker,
  failureRate: breaker,
  slowCallDuration: breaker,
  slowCallRate: breaker,
  consecutiveFailures: breaker,
  openFor: breaker,
  maxRetryAfter: breaker,
  patience: breaker,
  window: breaker,
  halfOpen: breaker,
  rampUp: breaker,
  classify: breaker,
  critical: breaker,
  measureDurations: breaker,
  "halfOpen.calls": within("halfOpen", {}, breaker),
  "halfOpen.maxWait": within("halfOpen", {}, breaker),
  "rampUp.over": within("rampUp", {}, breaker),
  "rampUp.from": within("rampUp", { over: "1 second" }, breaker),
  "window.calls": ({ calls }) => breaker({ window: CircuitBreaker.lastCalls(calls) }),
  "window.duration": ({ duration }) => breaker({ window: CircuitBreaker.lasting(duration) }),
  "window.buckets": ({ buckets }) => breaker({ window: CircuitBreaker.lasting("1 second", { buckets }) }),
  capacity: (options) => CircuitBreaker.Family.make({ name: "models", ...options }),
  idleTimeToLive: (options) => CircuitBreaker.Family.make({ name: "models", ...options }),
  "protectWith.slowCallDuration": (options) =>
    Effect.map(breaker({}), (breaker) => breaker.protectWith(options)(Effect.void)),
  "protectWith.classify": (options) => Effect.map(breaker({}), (breaker) => breaker.protectWith(options)(Effect.void)),
  "trip.duration": ({ duration }) => Effect.flatMap(breaker({}), ({ control }) => control.trip(duration)),
  concurrency: bulkhead,
  queue: bulkhead,
  maxWait: bulkhead,
  share: bulkhead,
  "resize.concurrency": ({ concurrency }) => Effect.flatMap(bulkhead({}), ({ resize }) => resize(concurrency)),
  "protectWith.maxWait": (options) => Effect.map(bulkhead({}), (bulkhead) => bulkhead.protectWith(options)),
  maxAttempts: Retry.make,
  baseDelay: Retry.make,
  factor: Retry.make,
  maxDelay: Retry.make,
  jitter: Retry.make,
  while: Retry.make,
  budget: Retry.make,
  maxDuration: Retry.make,
  ratio: budget,
  initial: limit,
  min: limit,
  max: limit,
  tolerance: limit,
  "limit.window": limit,
  "limit.minimumCalls": limit,
  backoff: limit,
  algorithm: limit,
  sample: limit,
  classOf: limit,
  signal: limit,
  floor: budget,
  "budget.window": budget,
  "within.attempts": ({ attempts }) => Effect.suspend(() => Attempts.within(attempts)(Effect.void)),
  delay: hedge,
  on: hedge,
  maxHedges: hedge,
  minimumWinRate: hedge,
  "hedge.classOf": hedge,
  "hedge.budget": hedge,
  "delay.quantile": within("delay", {}, hedge),
  "budget.ratio": within("budget", {}, hedge),
  "budget.burst": within("budget", {}, hedge),
  "throttle.factor": throttle,
  "throttle.window": throttle,
  "throttle.minimumCalls": throttle,
  "throttle.classify": throttle,
  maxRejectionRate: throttle,
  countRejections: throttle,
  hedge: Pipeline.make,
  deadline: Pipeline.make,
  attemptTimeout: Pipeline.make,
  retry: Pipeline.make,
  rateLimiter: Pipeline.make,
  bulkhead: Pipeline.make,
  breaker: Pipeline.make,
  "pipeline.slowCallDuration": (options) =>
    Effect.gen(function*() {
      const pipeline = yield* Pipeline.make({ breaker: yield* CircuitBreaker.make({ name: "model" }) })
      pipeline.protectWith(options)
    }),
  "pipeline.maxWait": (options) =>
    Effect.gen(function*() {
      const pipeline = yield* Pipeline.make({ bulkhead: yield* Bulkhead.make({ name: "model", concurrency: 1 }) })
      pipeline.protectWith(options)
    }),
  history: Registry.make,
  maxNames: (options) => Effect.scoped(Layer.build(Telemetry.layer(options)))
}

const literals = (of: object) => Schema.Literals(Object.keys(of))
const isTooLarge = (value: unknown) => typeof value === "number" && Number.isFinite(value) && value >= 2 ** 53

it.effect.prop(
  "a value that is refused is refused by a RangeError with its name and a range that it is not in",
  [literals(places), literals(values)],
  ([place, name]) =>
    Effect.gen(function*() {
      const field = place.slice(place.lastIndexOf(".") + 1)
      const value = values[name]
      const exit = yield* Effect.exit(Effect.suspend(() => places[place]!({ [field]: value })))
      if (Exit.isSuccess(exit)) return
      const error = Cause.squash(exit.cause)
      assert.instanceOf(error, RangeError)
      assert.match((error as RangeError).message, new RegExp(`[ .]${field}.* must be .*, got `))
      if (isTooLarge(value)) assert.notMatch((error as RangeError).message, /whole number of at least/)
    }),
  { arbitrary: { runs: 3000 } }
)

const refused = (make: () => Effect.Effect<unknown>, message: string) =>
  Effect.gen(function*() {
    const exit = yield* Effect.exit(Effect.suspend(make))
    assert.strictEqual(Exit.isFailure(exit) && (Cause.squash(exit.cause) as Error).message, message)
  })

describe("is refused by name, value and range:", () => {
  for (
    const [message, make] of [
      ["CircuitBreaker.make: rampUp must be { over, from }, got false", () => breaker({ rampUp: false })],
      [
        "CircuitBreaker.make: halfOpen must be { calls, maxWait }, got {\"maxwait\":1}",
        () => breaker({ halfOpen: { maxwait: 1 } })
      ],
      [
        "CircuitBreaker.make: consecutiveFailures must be a whole number from 1 to 1000000000, got 1e+308",
        () => breaker({ consecutiveFailures: 1e308 })
      ],
      ["Bulkhead.make: queue must be at most 1000000, got 9007199254740992", () => bulkhead({ queue: 2 ** 53 })],
      [
        "Bulkhead.make: maxWait must be a duration of zero or more, got {\"second\":5}",
        () => bulkhead({ maxWait: { second: 5 } })
      ],
      [
        "Bulkhead.make: concurrency must be a whole number of at least 1, got a value of type object",
        () => bulkhead({ concurrency: circular })
      ],
      ["ConcurrencyLimit.make: min must be at most max, which is 200, got 300", () => limit({ min: 300 })],
      [
        "ConcurrencyLimit.make: initial must be a whole number from 4 to 8, got 20",
        () => limit({ initial: 20, max: 8 })
      ],
      ["ConcurrencyLimit.make: initial must be a whole number from 4 to 200, got 3", () => limit({ initial: 3 })],
      ["ConcurrencyLimit.make: tolerance must be a number above 1, got 1", () => limit({ tolerance: 1 })],
      ["ConcurrencyLimit.make: window must be a finite duration above zero, got \"1\"", () => limit({ window: "1" })],
      ["ConcurrencyLimit.make: maxWait must be a duration of zero or more, got \"5\"", () => limit({ maxWait: "5" })],
      ["ConcurrencyLimit.make: backoff must be above 0 and at most 1, got 2", () => limit({ backoff: 2 })],
      [
        "ConcurrencyLimit.make: algorithm must be one of gradient, aimd, vegas, gradient2, got \"guess\"",
        () => limit({ algorithm: "guess" })
      ],
      [
        "ConcurrencyLimit.make: algorithm must be a function that makes an algorithm: it has no begun, got 1",
        () => limit({ algorithm: () => 1 })
      ],
      [
        "ConcurrencyLimit.make: sample must be one of firstToken, perToken, duration, got \"first-token\"",
        () => limit({ sample: "first-token" })
      ],
      [
        "Hedge.make: budget must be { ratio, burst }, as in { ratio: 0.05, burst: 10 }: without a budget, hedges double "
        + "the load of a target that is slow, got \"none\"",
        () => hedge({ budget: "none" })
      ],
      [
        "Hedge.make: budget.ratio must be above 0 and at most 1, got Infinity",
        () => hedge({ budget: { ratio: Infinity } })
      ],
      [
        "Hedge.make: delay must be a duration above zero, or { quantile }, as in { quantile: 0.95 }, got \"soon\"",
        () => hedge({ delay: "soon" })
      ],
      ["Hedge.make: delay.quantile must be above 0 and at most 1, got 95", () => hedge({ delay: { quantile: 95 } })],
      [
        "AdaptiveThrottle.make: maxRejectionRate must be above 0 and below 1, so that probes pass, got 1",
        () => throttle({ maxRejectionRate: 1 })
      ],
      ["RetryBudget.make: window must be a duration of at least 100 micros, got 1n", () => budget({ window: 1n })],
      ["Retry.make: while must be a function, got true", () => Retry.make({ while: true as never })],
      [
        "Pipeline.make: bulkhead must be a part that has been made: it has no protect, got {}",
        () => Pipeline.make({ bulkhead: {} as never })
      ],
      [
        "CircuitBreaker.protectWith: slowCallDuration must be a duration above zero, got 0",
        () => places["pipeline.slowCallDuration"]!({ slowCallDuration: 0 })
      ]
    ] as ReadonlyArray<readonly [string, () => Effect.Effect<unknown>]>
  ) {
    it.effect(message, () => refused(make, message))
  }
})

it.effect("an opening of more than a hundred years is refused also where it is written as the base of longer ones", () =>
  Effect.gen(function*() {
    const read = Schema.decodeUnknownEffect(CircuitBreaker.OptionsSchema)
    const { message } = yield* Effect.flip(read({ name: "model", openFor: { baseDelay: "73000 days" } }))
    assert.include(message, "openFor.baseDelay must be a duration of at most 100 years, got \"73000 days\"")
  }))

it.effect("a priority that is no number stands with the default, and costs nobody else a place", () =>
  Effect.gen(function*() {
    const bulkhead = yield* Bulkhead.make({ name: "model", concurrency: 1, queue: 20 })
    const served: Array<unknown> = []
    const call = (priority: unknown) =>
      Effect.sync(() => served.push(priority)).pipe(
        Effect.andThen(Effect.sleep(1)),
        bulkhead.protect,
        Effect.provideService(Bulkhead.CurrentPriority, priority as number)
      )
    const priorities = [0, "high", 1, {}, "low", Symbol.iterator, null, 2, 5n, undefined, "high", -1]
    const all = yield* Effect.forkChild(Effect.forEach(priorities, call, { concurrency: "unbounded" }))
    yield* TestClock.adjust("1 second")
    yield* Fiber.join(all)
    assert.deepStrictEqual(served, [0, 2, 1, "high", {}, "low", Symbol.iterator, null, 5n, undefined, "high", -1])
    const { inFlight, queued } = yield* bulkhead.snapshot
    assert.deepStrictEqual([inFlight, queued], [0, 0])
  }))

it.effect("an observer that leaves and comes again each time that it is told is told once", () =>
  Effect.gen(function*() {
    const registry = yield* Registry.CurrentRegistry
    let told = 0
    const observer = {
      happened: () => {
        told++
        if (told > 100) throw new Error("It is told without end.")
        stop()
        stop = registry.observe(observer)
      }
    }
    let stop = registry.observe(observer)
    const breaker = yield* CircuitBreaker.make({ name: "model" })
    yield* breaker.control.trip("1 second")
    assert.strictEqual(told, 1)
  }).pipe(Effect.scoped, Effect.provide(Registry.layer())))
