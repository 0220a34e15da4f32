import { assert, describe, it } from "@effect/vitest"
import * as RateLimiter from "@switchgear/core/RateLimiter"
import * as ChatError from "@switchgear/http/ChatError"
import * as ProviderLimits from "@switchgear/http/ProviderLimits"
import { Cause, Clock, Duration, Effect, Exit, Fiber, Schema } from "effect"
import { TestClock } from "effect/testing"

const { cost, requests, tokens } = RateLimiter

const following = (configured: ReadonlyArray<RateLimiter.Limit>, options: Partial<RateLimiter.Options> = {}) =>
  Effect.gen(function*() {
    const limiter = yield* RateLimiter.make({ name: "model", limits: configured, ...options })
    return { limiter, limits: yield* ProviderLimits.follow(limiter, configured) }
  })

/** A limiter that keeps an account of the changes it is told. */
const watched = (limiter: RateLimiter.RateLimiter) => {
  const told: Array<ReadonlyArray<RateLimiter.Limit>> = []
  const setLimits: RateLimiter.RateLimiter["setLimits"] = (limits) =>
    Effect.suspend(() => {
      told.push(limits)
      return limiter.setLimits(limits)
    })
  return { limiter: { ...limiter, setLimits }, told }
}

const available = (limiter: RateLimiter.RateLimiter) =>
  Effect.map(limiter.snapshot, ({ limits }) => limits.map(({ available }) => available))

const capacities = (limiter: RateLimiter.RateLimiter) =>
  Effect.map(limiter.snapshot, ({ limits }) => limits.map(({ capacity }) => capacity))

const limitOf = (limit: number) => ({ "x-ratelimit-limit-tokens": `${limit}` })

const at = { provider: "openai", model: "gpt-4.1" }

describe("a limit that is heard", () => {
  it.effect("is kept where it is lower than the configured one", () =>
    Effect.gen(function*() {
      const { limiter, limits } = yield* following([
        requests(500, "1 minute"),
        tokens(90_000, "1 minute"),
        cost(5, 1000)
      ])
      yield* limits.heard({ "x-ratelimit-limit-requests": "60", "x-ratelimit-limit-tokens": "200000" })
      assert.deepStrictEqual(yield* capacities(limiter), [60, 90_000, 5])
      yield* Effect.forEach(Array.from({ length: 60 }), () => limiter.reserve({}))
      const refused = yield* Effect.flip(limiter.reserve({}))
      assert.deepStrictEqual([refused.bucket, refused.retryAfter], ["requests", Duration.seconds(1)])
    }))

  it.effect("is compared by what it lets pass in a time, and saves up no more than a minute's", () =>
    Effect.gen(function*() {
      const { limiter, limits } = yield* following([tokens(1000, "1 second", { burst: 90_000 })])
      yield* limits.heard(limitOf(60_001))
      assert.deepStrictEqual(yield* capacities(limiter), [60_001])
      yield* limiter.reserve({ tokens: 60_001 })
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* available(limiter), [1000])
      yield* limits.heard(limitOf(30_000))
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* available(limiter), [1500])
    }))

  it.effect("goes up again a minute after the lower one was heard last, and never past the configured one", () =>
    Effect.gen(function*() {
      const { limiter, limits } = yield* following([tokens(90_000, "1 minute")])
      const hear = (limit: number) => Effect.andThen(limits.heard(limitOf(limit)), capacities(limiter))
      assert.deepStrictEqual(yield* hear(30_000), [30_000])
      yield* TestClock.adjust("30 seconds")
      assert.deepStrictEqual(yield* hear(50_000), [30_000])
      assert.deepStrictEqual(yield* hear(30_000), [30_000])
      yield* TestClock.adjust("59999 millis")
      assert.deepStrictEqual(yield* hear(50_000), [30_000])
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(yield* hear(50_000), [50_000])
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(yield* hear(10_000_000), [90_000])
    }))

  it.effect("is not loosened by an older answer that comes late", () =>
    Effect.gen(function*() {
      const { limiter, limits } = yield* following([tokens(90_000, "1 minute")])
      yield* limits.heard({ ...limitOf(10_000), "x-ratelimit-remaining-tokens": "2000" })
      yield* limits.heard({ ...limitOf(80_000), "x-ratelimit-remaining-tokens": "70000" })
      assert.deepStrictEqual([yield* capacities(limiter), yield* available(limiter)], [[10_000], [2000]])
    }))

  it.effect("makes a window last longer rather than hold less", () =>
    Effect.gen(function*() {
      const { limiter, limits } = yield* following([requests(10, "1 second", { kind: "sliding-window" })])
      yield* limits.heard({ "x-ratelimit-limit-requests": "25" })
      const passed = Effect.map(
        Effect.forEach(Array.from({ length: 100 }), () => Effect.exit(limiter.reserve({}))),
        (exits) => exits.filter(Exit.isSuccess).length
      )
      assert.deepStrictEqual(yield* capacities(limiter), [10])
      assert.strictEqual(yield* passed, 10)
      yield* TestClock.adjust("29999 millis")
      assert.strictEqual(yield* passed, 0)
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(yield* passed, 10)
    }))

  it.effect("is told to the limiter once, and so are none and those above the configured one", () =>
    Effect.gen(function*() {
      const configured = [tokens(90_000, "1 minute"), requests(5, "1 second", { kind: "sliding-window" })]
      const { limiter, told } = watched(yield* RateLimiter.make({ name: "model", limits: configured }))
      const limits = yield* ProviderLimits.follow(limiter, configured)
      for (const limit of [90_000, 200_000, 100_000]) yield* limits.heard(limitOf(limit))
      yield* limits.heard({ "x-ratelimit-limit-requests": "300" })
      assert.deepStrictEqual(told, [configured])
      for (let i = 0; i < 3; i++) yield* limits.heard(limitOf(30_000))
      yield* limits.heard({ "content-type": "application/json", "x-ratelimit-limit-tokens": "many" })
      assert.strictEqual(told.length, 2)
    }))

  it.effect("is told by the next answer when an interrupt kept the limiter from being told", () =>
    Effect.gen(function*() {
      const configured = [tokens(90_000, "1 minute")]
      const limiter = yield* RateLimiter.make({ name: "model", limits: configured })
      let told = 0
      const setLimits: RateLimiter.RateLimiter["setLimits"] = (limits) =>
        Effect.suspend(() => ++told === 2 ? Effect.never : limiter.setLimits(limits))
      const limits = yield* ProviderLimits.follow({ ...limiter, setLimits }, configured)
      const hearing = yield* Effect.forkChild(limits.heard(limitOf(30_000)), { startImmediately: true })
      yield* Fiber.interrupt(hearing)
      assert.deepStrictEqual(yield* capacities(limiter), [90_000])
      yield* limits.heard(limitOf(30_000))
      assert.deepStrictEqual(yield* capacities(limiter), [30_000])
    }))
})

describe("what is said to be left", () => {
  it.effect("is all there is from then on, and grows with time", () =>
    Effect.gen(function*() {
      const { limiter, limits } = yield* following([requests(600, "1 minute"), tokens(90_000, "1 minute")])
      const heard = { "x-ratelimit-remaining-requests": "7", "x-ratelimit-remaining-tokens": "1200" }
      yield* limits.heard(heard)
      assert.deepStrictEqual(yield* available(limiter), [7, 1200])
      yield* limits.heard({ "x-ratelimit-remaining-requests": "90", "x-ratelimit-remaining-tokens": "89000" })
      assert.deepStrictEqual(yield* available(limiter), [7, 1200])
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* available(limiter), [17, 2700])
    }))

  it.effect("is no news when it has been reset since", () =>
    Effect.gen(function*() {
      const { limiter, limits } = yield* following([tokens(90_000, "1 minute")])
      const heard = limits.heard({
        "anthropic-ratelimit-tokens-remaining": "1000",
        "anthropic-ratelimit-tokens-reset": "1970-01-01T00:00:30Z"
      })
      yield* TestClock.adjust("30 seconds")
      yield* heard
      assert.deepStrictEqual(yield* available(limiter), [90_000])
    }))

  it.effect("does not keep a call on its way from giving back what it did not use", () =>
    Effect.gen(function*() {
      const { limiter, limits } = yield* following([tokens(90_000, "1 minute")])
      const reservation = yield* limiter.reserve({ tokens: 8000 })
      yield* limits.heard({ "x-ratelimit-remaining-tokens": "1000" })
      yield* reservation.settle({ tokens: 500 })
      assert.deepStrictEqual(yield* available(limiter), [8500])
    }))

  it.effect("refuses at once those who would now wait too long", () =>
    Effect.gen(function*() {
      const { limiter, limits } = yield* following([requests(60, "1 minute")], { maxWait: "2 seconds" })
      yield* Effect.forEach(Array.from({ length: 60 }), () => limiter.reserve({}))
      yield* Effect.forkChild(limiter.reserve({}), { startImmediately: true })
      const second = yield* Effect.forkChild(Effect.flip(limiter.reserve({})), { startImmediately: true })
      yield* TestClock.adjust("500 millis")
      yield* limits.heard({ "x-ratelimit-limit-requests": "30", "x-ratelimit-remaining-requests": "0" })
      yield* TestClock.adjust(0)
      const exit = second.pollUnsafe()
      assert.isTrue(exit !== undefined && Exit.isSuccess(exit) && exit.value._tag === "RateLimited")
    }))
})

describe("a 429", () => {
  const limited = (retryAfter?: Duration.Duration) =>
    new ChatError.ProviderRateLimited({ ...at, status: 429, retryAfter })

  it.effect("pauses the limiter for as long as it asks, or for a second", () =>
    Effect.gen(function*() {
      const { limiter, limits } = yield* following([requests(60, "1 minute")])
      const paused = Effect.map(limiter.snapshot, ({ pausedFor }) => pausedFor)
      yield* limits.refused(limited())
      assert.deepStrictEqual([yield* paused, yield* available(limiter)], [Duration.seconds(1), [0]])
      yield* limits.refused(limited(Duration.seconds(20)))
      yield* limits.refused(limited(Duration.seconds(5)))
      assert.deepStrictEqual(yield* paused, Duration.seconds(20))
    }))

  it.effect("is the only error that does", () =>
    Effect.gen(function*() {
      const { limiter, limits } = yield* following([requests(60, "1 minute")])
      const retryAfter = Duration.seconds(20)
      yield* limits.refused(new ChatError.Overloaded({ ...at, status: 503, retryAfter }))
      yield* limits.refused(new ChatError.QuotaExhausted({ ...at, status: 429, retryAfter }))
      yield* limits.refused(new ChatError.TimedOut({ ...at, phase: "total" }))
      const { limits: [left], pausedFor } = yield* limiter.snapshot
      assert.deepStrictEqual([left!.available, pausedFor], [60, undefined])
    }))
})

it.effect("a limiter follows only for the resources and kinds it was made for", () =>
  Effect.gen(function*() {
    const limiter = yield* RateLimiter.make({ name: "model", limits: [requests(60, "1 minute")] })
    const exit = yield* Effect.exit(ProviderLimits.follow(limiter, [tokens(60, "1 minute")]))
    assert.instanceOf(Exit.isFailure(exit) && Cause.squash(exit.cause), RangeError)
  }))

const LimitSetup = Schema.Struct({
  kind: Schema.Literals(["token-bucket", "sliding-window"]),
  limit: Schema.Literals([1, 3, 10, 40, 100]),
  burst: Schema.Literals([1, 5, 10, 200]),
  per: Schema.Literals([70, 1000, 7000, 60_000, 90_000, 600_000])
})
type LimitSetup = typeof LimitSetup.Type

const toLimit = (resource: "requests" | "tokens", { burst, kind, limit, per }: LimitSetup) =>
  RateLimiter[resource](limit, per, { kind, burst })

const Call = Schema.TaggedStruct("Call", {
  tokens: Schema.Literals([0, 1, 3, 10, 60]),
  times: Schema.Literals([1, 3, 30])
})
const Advance = Schema.TaggedStruct("Advance", { millis: Schema.Literals([1, 70, 999, 7000, 30_000, 61_000]) })
const Count = Schema.Literals(["0", "1", "2", "7", "30", "99", "450", "6001", "-1", "none"])
const Heard = Schema.TaggedStruct("Heard", {
  headers: Schema.Record(
    Schema.Literals(
      ["requests", "tokens"].flatMap((resource) => [
        `x-ratelimit-limit-${resource}`,
        `x-ratelimit-remaining-${resource}`,
        `anthropic-ratelimit-${resource}-limit`,
        `anthropic-ratelimit-${resource}-remaining`
      ])
    ),
    Count
  )
})

interface Taking {
  readonly at: number
  readonly requests: number
  readonly tokens: number
}

/** Plays a history; answers what got through when. */
const play = (
  { limiter, limits }: Effect.Success<ReturnType<typeof following>>,
  history: ReadonlyArray<typeof Call.Type | typeof Advance.Type | typeof Heard.Type>
) =>
  Effect.gen(function*() {
    const takings: Array<Taking> = []
    for (const operation of history) {
      switch (operation._tag) {
        case "Advance":
          yield* TestClock.adjust(operation.millis)
          break
        case "Heard":
          yield* limits.heard(operation.headers)
          break
        case "Call":
          for (let i = 0; i < operation.times; i++) {
            const exit: Exit.Exit<unknown, unknown> = yield* Effect.exit(limiter.reserve({ tokens: operation.tokens }))
            if (Exit.isFailure(exit)) assert.instanceOf(Cause.squash(exit.cause), RateLimiter.RateLimited)
            else takings.push({ at: yield* Clock.currentTimeMillis, requests: 1, tokens: operation.tokens })
          }
      }
    }
    return takings
  })

/** No span of the takings holds more than is allowed in one so long. */
const assertWithin = (
  takings: ReadonlyArray<Taking>,
  resource: "requests" | "tokens",
  allowedIn: (millis: number) => number
) => {
  for (let from = 0; from < takings.length; from++) {
    let sum = 0
    for (let to = from; to < takings.length; to++) {
      sum += takings[to]![resource]
      const span = takings[to]!.at - takings[from]!.at
      assert.isAtMost(sum, allowedIn(span) + 1e-6, `${resource} within ${span} ms`)
    }
  }
}

const Setup = Schema.Struct({ requests: LimitSetup, tokens: LimitSetup })

const runs = Number(process.env.SWITCHGEAR_RUNS ?? 100)

it.effect.prop(
  "a limiter that follows never passes more than was configured, whatever is heard",
  {
    setup: Setup,
    history: Schema.Array(Schema.Union([Call, Call, Advance, Heard])).check(
      Schema.isMinLength(20),
      Schema.isMaxLength(60)
    )
  },
  ({ history, setup }) =>
    Effect.gen(function*() {
      const followed = yield* following([toLimit("requests", setup.requests), toLimit("tokens", setup.tokens)])
      const takings = yield* play(followed, history)
      for (const resource of ["requests", "tokens"] as const) {
        const { burst, kind, limit, per } = setup[resource]
        assertWithin(takings, resource, (millis) =>
          kind === "token-bucket" ? burst + limit * millis / per : millis < per ? limit : Infinity)
      }
    }),
  { arbitrary: { runs, size: 60 }, timeout: 10_000 + 40 * runs }
)

it.effect.prop(
  "a limit that has been heard is kept to from then on",
  {
    setup: Setup,
    heard: Schema.Struct({ requests: Schema.Literals([1, 2, 7, 30, 99, 450]), tokens: Schema.Literals([3, 30, 450]) }),
    before: Schema.Array(Schema.Union([Call, Advance])).check(Schema.isMaxLength(10)),
    after: Schema.Array(Schema.Union([Call, Call, Advance])).check(Schema.isMinLength(20), Schema.isMaxLength(60))
  },
  ({ after, before, heard, setup }) =>
    Effect.gen(function*() {
      const followed = yield* following([toLimit("requests", setup.requests), toLimit("tokens", setup.tokens)])
      yield* play(followed, before)
      yield* followed.limits.heard({
        "x-ratelimit-limit-requests": `${heard.requests}`,
        "anthropic-ratelimit-tokens-limit": `${heard.tokens}`
      })
      const takings = yield* play(followed, after)
      for (const resource of ["requests", "tokens"] as const) {
        const { kind, limit, per } = setup[resource]
        const learned = heard[resource]
        const minutes = Math.max(per, 60_000) / 60_000
        // A configured limit that is the lower one by its rate stays as it was, also where its window is the longer one.
        if (kind === "sliding-window" && limit / per <= learned / 60_000) continue
        assertWithin(takings, resource, (millis) =>
          kind === "token-bucket"
            ? learned + learned * millis / 60_000
            : millis < 60_000 * minutes
            ? learned * minutes
            : Infinity)
      }
    }),
  { arbitrary: { runs, size: 60 }, timeout: 10_000 + 40 * runs }
)
