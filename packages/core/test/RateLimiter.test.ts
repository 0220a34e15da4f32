import { assert, describe, it } from "@effect/vitest"
import { Bulkhead, CircuitBreaker, Deadline, RateLimiter } from "@switchgear/core"
import { Cause, Clock, Duration, Effect, Exit, Fiber } from "effect"
import { TestClock } from "effect/testing"

const { requests, tokens } = RateLimiter

const fork = <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.forkChild(Effect.exit(self), { startImmediately: true })

const ok = Effect.succeed("ok")

/** Ten requests at once, one more every 100 ms. */
const ten = (options: Partial<RateLimiter.Options> = {}) =>
  RateLimiter.make({ name: "model", limits: [requests(10, "1 second")], ...options })

const spend = (limiter: RateLimiter.RateLimiter, n: number) =>
  Effect.forEach(Array.from({ length: n }), () => Effect.exit(limiter.protect(ok)))

const waitOf = (error: RateLimiter.RateLimited) => error.retryAfter && Duration.toMillis(error.retryAfter)

const available = (limiter: RateLimiter.RateLimiter) =>
  Effect.map(limiter.snapshot, ({ limits }) => limits.map(({ available }) => available))

/** When each of several callers, who come at once, gets through. */
const turns = (limiter: RateLimiter.RateLimiter, costs: ReadonlyArray<RateLimiter.Cost>) =>
  Effect.gen(function*() {
    const from = yield* Clock.currentTimeMillis
    const at: Array<readonly [number, number]> = []
    yield* Effect.forEach(costs, (cost, i) =>
      fork(
        Effect.flatMap(Clock.currentTimeMillis, (now) => Effect.sync(() => at.push([i, now - from]))).pipe(
          limiter.protectWith({ costs: cost })
        )
      ))
    yield* TestClock.adjust("10 minutes")
    return at
  })

describe("RateLimiter", () => {
  it.effect("passes success, failure, defect and interruption through unchanged", () =>
    Effect.gen(function*() {
      const limiter = yield* ten()
      const run = <A, E>(self: Effect.Effect<A, E>) => Effect.exit(limiter.protect(self))
      assert.deepStrictEqual(yield* run(ok), Exit.succeed("ok"))
      assert.deepStrictEqual(yield* run(Effect.fail("bad" as const)), Exit.fail("bad" as const))
      assert.deepStrictEqual(yield* run(Effect.die("bug")), Exit.die("bug"))
      assert.isTrue(Exit.hasInterrupts(yield* run(Effect.interrupt)))
      assert.deepStrictEqual(yield* available(limiter), [6])
    }))

  it.effect("refuses at once what it cannot pass, says when it could, exactly, and keeps to it", () =>
    Effect.gen(function*() {
      const limiter = yield* ten()
      yield* spend(limiter, 10)
      yield* TestClock.adjust("30 millis")
      const error = yield* Effect.flip(limiter.protect(ok))
      assert.deepStrictEqual([error.limiter, error.bucket, waitOf(error)], ["model", "requests", 70])
      yield* TestClock.adjust("69 millis")
      assert.strictEqual(waitOf(yield* Effect.flip(limiter.protect(ok))), 1)
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(yield* limiter.protect(ok), "ok")
    }))

  it.effect("does not lose a millisecond to the sum of fractions", () =>
    Effect.gen(function*() {
      const limiter = yield* ten({ limits: [requests(1, "1 second", { burst: 2 })] })
      yield* spend(limiter, 1)
      yield* TestClock.adjust("1 millis")
      yield* spend(limiter, 1)
      assert.strictEqual(waitOf(yield* Effect.flip(limiter.protect(ok))), 999)
      const slow = yield* ten({ maxWait: "Infinity", limits: [requests(1, 500_000)] })
      yield* spend(slow, 1)
      yield* TestClock.adjust("5 millis")
      assert.deepStrictEqual(yield* turns(slow, [{}]), [[0, 499_995]])
    }))

  it.effect("captures no stack trace for a rejection", () =>
    Effect.gen(function*() {
      const limiter = yield* ten()
      yield* spend(limiter, 10)
      assert.notInclude((yield* Effect.flip(limiter.protect(ok))).stack ?? "", "\n    at ")
    }))

  it.effect("saves up a burst and never more, also after a long time in debt", () =>
    Effect.gen(function*() {
      const limiter = yield* ten({ limits: [requests(10, "1 second", { burst: 20 })] })
      assert.strictEqual((yield* spend(limiter, 25)).filter(Exit.isSuccess).length, 20)
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual(yield* available(limiter), [20])
    }))

  it.effect("as a sliding window, never passes more than the limit in any span, and frees each place on time", () =>
    Effect.gen(function*() {
      const limiter = yield* ten({ limits: [requests(3, "1 second", { kind: "sliding-window" })] })
      yield* spend(limiter, 1)
      yield* TestClock.adjust("600 millis")
      yield* spend(limiter, 2)
      assert.strictEqual(waitOf(yield* Effect.flip(limiter.protect(ok))), 400)
      yield* TestClock.adjust("400 millis")
      assert.deepStrictEqual((yield* spend(limiter, 2)).map(Exit.isSuccess), [true, false])
      assert.strictEqual(waitOf(yield* Effect.flip(limiter.protect(ok))), 600)
    }))

  it.effect("takes from all its limits or from none, and names the one that decided", () =>
    Effect.gen(function*() {
      const limiter = yield* ten({ limits: [requests(10, "1 second"), tokens(100, "1 minute")] })
      yield* limiter.reserve({ tokens: 90 })
      const error = yield* Effect.flip(limiter.reserve({ tokens: 20 }))
      assert.deepStrictEqual([error.bucket, waitOf(error)], ["tokens", 6000])
      assert.deepStrictEqual(yield* available(limiter), [9, 10])
    }))

  it.effect("says of a call that is larger than its limit that no wait will do", () =>
    Effect.gen(function*() {
      const limiter = yield* ten({ limits: [tokens(100, "1 minute")], maxWait: "Infinity" })
      const error = yield* Effect.flip(limiter.reserve({ tokens: 101 }))
      assert.isUndefined(error.retryAfter)
      assert.isFalse(error.isRetryable)
      assert.include(error.message, "asks for more tokens than the limit holds")
    }))
})

describe("a limiter with maxWait", () => {
  it.effect("lets callers wait for their turn, first come first served, at the rate", () =>
    Effect.gen(function*() {
      const limiter = yield* ten({ maxWait: "Infinity", limits: [requests(10, "1 second", { burst: 1 })] })
      const at = yield* turns(limiter, [{}, {}, {}, {}])
      assert.deepStrictEqual(at, [[0, 0], [1, 100], [2, 200], [3, 300]])
    }))

  it.effect("does not let small calls starve a large one", () =>
    Effect.gen(function*() {
      const limiter = yield* ten({ maxWait: "Infinity", limits: [tokens(10, "1 second")] })
      yield* limiter.reserve({ tokens: 10 })
      const at = yield* turns(limiter, [{ tokens: 1 }, { tokens: 8 }, { tokens: 1 }, { tokens: 1 }])
      assert.deepStrictEqual(at, [[0, 100], [1, 900], [2, 1000], [3, 1100]])
    }))

  it.effect("refuses at once a wait longer than maxWait, and one that would pass the deadline", () =>
    Effect.gen(function*() {
      const limiter = yield* ten({ maxWait: "250 millis", limits: [requests(10, "1 second", { burst: 1 })] })
      yield* spend(limiter, 1)
      const [first, second, third] = [
        yield* fork(limiter.protect(ok)),
        yield* fork(limiter.protect(ok)),
        yield* fork(limiter.protect(ok))
      ]
      assert.isUndefined(second.pollUnsafe())
      const refused = yield* Fiber.join(third)
      assert.strictEqual(waitOf(Exit.isFailure(refused) ? Cause.squash(refused.cause) as never : assert.fail()), 300)
      yield* TestClock.adjust("250 millis")
      assert.isTrue(Exit.isSuccess(yield* Fiber.join(first)) && Exit.isSuccess(yield* Fiber.join(second)))

      const hopeless = yield* Effect.flip(limiter.protect(ok).pipe(Deadline.within("40 millis")))
      assert.strictEqual(hopeless._tag, "RateLimited")
      assert.strictEqual(yield* Clock.currentTimeMillis, 250)
    }))

  it.effect("lets those behind move up when a waiter is interrupted", () =>
    Effect.gen(function*() {
      const limiter = yield* ten({ maxWait: "Infinity", limits: [tokens(10, "1 second")] })
      yield* limiter.reserve({ tokens: 10 })
      const large = yield* fork(limiter.reserve({ tokens: 10 }))
      const small = yield* fork(limiter.reserve({ tokens: 1 }))
      yield* TestClock.adjust("100 millis")
      assert.isUndefined(small.pollUnsafe())
      yield* Fiber.interrupt(large)
      yield* TestClock.adjust(0)
      assert.isTrue(Exit.isSuccess(yield* Fiber.join(small)))
      assert.deepStrictEqual(yield* available(limiter), [0])
    }))

  it.effect("in a sliding window plans turns the same way", () =>
    Effect.gen(function*() {
      const limiter = yield* ten({
        maxWait: "Infinity",
        limits: [requests(2, "1 second", { kind: "sliding-window" }), tokens(100, "1 second")]
      })
      const at = yield* turns(limiter, [{}, {}, {}, { tokens: 100 }, {}, {}])
      assert.deepStrictEqual(at, [[0, 0], [1, 0], [2, 1000], [3, 1000], [4, 2000], [5, 2000]])
    }))
})

describe("a reservation", () => {
  const minute = (options: Partial<RateLimiter.Options> = {}) => ten({ limits: [tokens(600, "1 minute")], ...options })

  it.effect("gives back what was not used, and once only", () =>
    Effect.gen(function*() {
      const limiter = yield* minute()
      const reservation = yield* limiter.reserve({ tokens: 500 })
      yield* reservation.settle({ tokens: 200 })
      assert.deepStrictEqual(yield* available(limiter), [400])
      yield* reservation.settle({ tokens: 0 })
      yield* reservation.refund
      assert.deepStrictEqual(yield* available(limiter), [400])
    }))

  it.effect("that was too small becomes a debt, bounded by one bucket, which time pays off", () =>
    Effect.gen(function*() {
      const limiter = yield* minute()
      yield* (yield* limiter.reserve({ tokens: 500 })).settle({ tokens: 700 })
      assert.deepStrictEqual(yield* available(limiter), [-100])
      assert.strictEqual(waitOf(yield* Effect.flip(limiter.reserve({ tokens: 1 }))), 10_100)
      yield* TestClock.adjust("1 minute")
      yield* (yield* limiter.reserve({ tokens: 500 })).settle({ tokens: 1_000_000 })
      assert.deepStrictEqual(yield* available(limiter), [-600])
    }))

  it.effect("is settled by the clock of the one who took it, also after that fiber has ended", () =>
    Effect.gen(function*() {
      const limiter = yield* minute()
      const taking = yield* fork(limiter.reserve({ tokens: 500 }))
      yield* TestClock.adjust("1 second")
      const reservation = yield* yield* Fiber.join(taking)
      yield* reservation.settle({ tokens: 700 })
      assert.deepStrictEqual(yield* available(limiter), [-90])
    }))

  it.effect("lets a waiter move up when it is refunded", () =>
    Effect.gen(function*() {
      for (const kind of ["token-bucket", "sliding-window"] as const) {
        const limiter = yield* minute({ maxWait: "Infinity", limits: [tokens(600, "1 minute", { kind })] })
        const reservation = yield* limiter.reserve({ tokens: 600 })
        const waiter = yield* fork(limiter.reserve({ tokens: 600 }))
        yield* TestClock.adjust("1 second")
        assert.isUndefined(waiter.pollUnsafe())
        yield* reservation.refund
        yield* TestClock.adjust(0)
        assert.isTrue(Exit.isSuccess(yield* Fiber.join(waiter)))
      }
    }))

  it.effect("refuses to be settled with nonsense, and stays as it is", () =>
    Effect.gen(function*() {
      const limiter = yield* minute()
      const reservation = yield* limiter.reserve({ tokens: 500 })
      for (const wrong of [NaN, -1, Infinity]) {
        const exit = yield* Effect.exit(reservation.settle({ tokens: wrong }))
        assert.instanceOf(Exit.isFailure(exit) && Cause.squash(exit.cause), RangeError)
      }
      assert.deepStrictEqual(yield* available(limiter), [100])
      yield* reservation.settle({ tokens: 0 })
      assert.deepStrictEqual(yield* available(limiter), [600])
    }))
})

describe("protectWith", () => {
  it.effect("settles with what a success really used, and leaves the estimate where that cannot be said", () =>
    Effect.gen(function*() {
      const limiter = yield* ten({ limits: [tokens(600, "1 minute")] })
      const call = (settle: (value: string) => RateLimiter.Cost) =>
        ok.pipe(limiter.protectWith({ costs: { tokens: 100 }, settle }))
      yield* call(() => ({ tokens: 40 }))
      assert.deepStrictEqual(yield* available(limiter), [560])
      yield* call(() => ({ tokens: NaN }))
      yield* call(() => {
        throw new Error("no usage")
      })
      yield* Effect.exit(Effect.fail("503").pipe(limiter.protectWith({ costs: { tokens: 100 } })))
      assert.deepStrictEqual(yield* available(limiter), [260])
    }))

  it.effect("refunds a call that a guard further in refused", () =>
    Effect.gen(function*() {
      const limiter = yield* ten()
      const breaker = yield* CircuitBreaker.make({ name: "model" })
      const bulkhead = yield* Bulkhead.make({ name: "model", concurrency: 1 })
      yield* breaker.control.forceOpen
      yield* Effect.exit(ok.pipe(breaker.protect, limiter.protect))
      yield* fork(bulkhead.protect(Effect.never))
      yield* Effect.exit(ok.pipe(bulkhead.protect, limiter.protect))
      assert.deepStrictEqual(yield* available(limiter), [10])
    }))
})

describe("pause", () => {
  it.effect("grants nothing until it is over, and forgets what was saved up", () =>
    Effect.gen(function*() {
      const limiter = yield* ten()
      yield* limiter.pause("500 millis")
      assert.strictEqual(waitOf(yield* Effect.flip(limiter.protect(ok))), 500)
      assert.deepStrictEqual((yield* limiter.snapshot).pausedFor, Duration.millis(500))
      yield* TestClock.adjust("500 millis")
      assert.strictEqual((yield* spend(limiter, 10)).filter(Exit.isSuccess).length, 5)
    }))

  it.effect("is not shortened by a shorter one", () =>
    Effect.gen(function*() {
      const limiter = yield* ten()
      yield* limiter.pause("5 seconds")
      yield* limiter.pause("1 second")
      assert.strictEqual(waitOf(yield* Effect.flip(limiter.protect(ok))), 5000)
    }))

  it.effect("refuses at once those whose turn now comes too late, and keeps the others in order", () =>
    Effect.gen(function*() {
      const limiter = yield* ten({ maxWait: "1 second", limits: [requests(10, "1 second", { burst: 1 })] })
      yield* spend(limiter, 1)
      const patient = yield* fork(limiter.protect(ok))
      yield* TestClock.adjust("50 millis")
      yield* limiter.pause("900 millis")
      assert.isUndefined(patient.pollUnsafe())
      yield* limiter.pause("1200 millis")
      assert.isTrue(Exit.isFailure(yield* Fiber.join(patient)))
      assert.strictEqual((yield* limiter.snapshot).waiting, 0)
    }))
})

describe("lower", () => {
  const both = (kind: RateLimiter.LimitKind, options: Partial<RateLimiter.Options> = {}) =>
    ten({ limits: [requests(10, "1 second", { kind }), tokens(100, "1 second", { kind })], ...options })
  const ofEachKind = <E>(story: (kind: RateLimiter.LimitKind) => Effect.Effect<void, E>) =>
    Effect.forEach(["token-bucket", "sliding-window"] as const, story, { discard: true })

  it.effect("leaves no more than so much of what is named, and what is less as it is", () =>
    ofEachKind((kind) =>
      Effect.gen(function*() {
        const limiter = yield* both(kind)
        yield* limiter.clampAvailable({ tokens: 30, cost: 1 })
        assert.deepStrictEqual(yield* available(limiter), [10, 30])
        yield* limiter.clampAvailable({ requests: 4, tokens: 70 })
        assert.deepStrictEqual(yield* available(limiter), [4, 30])
        assert.strictEqual((yield* spend(limiter, 5)).filter(Exit.isSuccess).length, 4)
        yield* limiter.clampAvailable({ requests: 0, tokens: 0 })
        yield* limiter.clampAvailable({ requests: 10, tokens: 100 })
        assert.deepStrictEqual(yield* available(limiter), [0, 0])
      })
    ))

  it.effect("leaves a debt as it is", () =>
    ofEachKind((kind) =>
      Effect.gen(function*() {
        const limiter = yield* both(kind)
        yield* (yield* limiter.reserve({ tokens: 50 })).settle({ tokens: 150 })
        yield* limiter.clampAvailable({ tokens: 0 })
        assert.deepStrictEqual(yield* available(limiter), [9, -50])
      })
    ))

  it.effect("is no pause: what comes in after it, with time or as a refund, is there", () =>
    Effect.gen(function*() {
      const bucket = yield* both("token-bucket")
      const reservation = yield* bucket.reserve({ tokens: 40 })
      yield* bucket.clampAvailable({ tokens: 5 })
      yield* TestClock.adjust("100 millis")
      assert.deepStrictEqual(yield* available(bucket), [10, 15])
      yield* reservation.refund
      assert.deepStrictEqual(yield* available(bucket), [10, 55])

      const window = yield* both("sliding-window")
      yield* window.clampAvailable({ tokens: 5 })
      yield* TestClock.adjust("999 millis")
      assert.deepStrictEqual(yield* available(window), [10, 5])
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(yield* available(window), [10, 100])
    }))

  it.effect("puts off those who wait, in order, and refuses one who comes too late when it comes to the head", () =>
    Effect.gen(function*() {
      const limiter = yield* both("token-bucket", { maxWait: "800 millis" })
      yield* limiter.reserve({ tokens: 50 })
      const at: Array<readonly [string, number]> = []
      const wait = (name: string, tokens: number) =>
        fork(
          Effect.flatMap(Clock.currentTimeMillis, (now) => Effect.sync(() => void at.push([name, now]))).pipe(
            limiter.protectWith({ costs: { tokens } })
          )
        )
      yield* wait("first", 60)
      const large = yield* wait("large", 50)
      yield* wait("last", 10)
      yield* limiter.clampAvailable({ tokens: 20 })
      yield* TestClock.adjust("399 millis")
      assert.isUndefined(large.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      const refused = yield* Fiber.join(large)
      assert.strictEqual(waitOf(Exit.isFailure(refused) ? Cause.squash(refused.cause) as never : assert.fail()), 500)
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(at, [["first", 400], ["last", 500]])
    }))

  it.effect("dies on an amount that is none, and lowers nothing then", () =>
    Effect.gen(function*() {
      const limiter = yield* both("token-bucket")
      for (const wrong of [NaN, -1, Infinity]) {
        const exit = yield* Effect.exit(limiter.clampAvailable({ requests: 0, tokens: wrong }))
        const defect = Exit.isFailure(exit) && Cause.squash(exit.cause)
        assert.strictEqual(
          defect instanceof RangeError && defect.message,
          `RateLimiter.clampAvailable: atMost.tokens must be a number of zero or more, got ${wrong}`
        )
      }
      assert.deepStrictEqual(yield* available(limiter), [10, 100])
    }))
})

describe("setLimits", () => {
  it.effect("keeps what was used, and moves up or refuses those who wait", () =>
    Effect.gen(function*() {
      const limiter = yield* ten({ maxWait: "10 seconds", limits: [tokens(100, "100 seconds")] })
      yield* limiter.reserve({ tokens: 100 })
      const waiter = yield* fork(limiter.reserve({ tokens: 5 }))
      yield* limiter.setLimits([tokens(100, "10 seconds")])
      yield* TestClock.adjust("500 millis")
      assert.isTrue(Exit.isSuccess(yield* Fiber.join(waiter)))
      const late = yield* fork(limiter.reserve({ tokens: 50 }))
      yield* limiter.setLimits([tokens(10, "10 seconds")])
      const refused = yield* Fiber.join(late)
      assert.isUndefined(
        Exit.isFailure(refused) ? (Cause.squash(refused.cause) as RateLimiter.RateLimited).retryAfter : 0
      )
    }))

  it.effect("dies on other resources or kinds than it was made for", () =>
    Effect.gen(function*() {
      const limiter = yield* ten()
      for (const limit of [tokens(1, "1 second"), requests(1, "1 second", { kind: "sliding-window" })]) {
        const exit = yield* Effect.exit(limiter.setLimits([limit]))
        assert.instanceOf(Exit.isFailure(exit) && Cause.squash(exit.cause), RangeError)
      }
    }))
})

it.effect("a service class shares its limits between everything its layer is provided to", () =>
  Effect.gen(function*() {
    class Model extends RateLimiter.Service<Model>()("test/Model", { limits: [requests(1, "1 second")] }) {}
    const program = Effect.andThen(Model.protect(ok), Effect.flip(ok.pipe(Model.protect)))
    assert.strictEqual((yield* Effect.provide(program, Model.layer)).limiter, "test/Model")
  }))

describe("nonsense options are refused with field, value and range:", () => {
  const cases: ReadonlyArray<readonly [Partial<RateLimiter.Options>, string]> = [
    [{ limits: [] }, "limits must be at least one, got \"none\""],
    [{ limits: [requests(0, "1 second")] }, "requests.limit must be a number above zero, got 0"],
    [{ limits: [requests(NaN, "1 second")] }, "requests.limit must be a number above zero, got NaN"],
    [{ limits: [tokens(2 ** 53, "1 second")] }, "tokens.limit must be at most 9007199254740991, got 9007199254740992"],
    [
      { limits: [tokens(1, "1 second", { burst: Infinity })] },
      "tokens.burst must be a number above zero, got Infinity"
    ],
    [
      { limits: [requests(0.5, "1 second")] },
      "requests.limit must be from 1 to 9007199254740991, or have a burst of at least 1, to pass a request, got 0.5"
    ],
    [
      { limits: [requests(0.5, "1 second", { kind: "sliding-window", burst: 2 })] },
      "requests.limit must be from 1 to 9007199254740991 to pass a request, got 0.5"
    ],
    [
      { limits: [requests(5, "1 second", { burst: 0.5 })] },
      "requests.burst must be from 1 to 9007199254740991, got 0.5"
    ],
    [
      { limits: [tokens(1, "1 day", { burst: 367 })] },
      "tokens.burst must be at most what comes in within 366 days, got 367"
    ],
    [{ limits: [tokens(1, 0)] }, "tokens.per must be a finite duration above zero, got 0"],
    [
      { limits: [tokens(1, "367 days")] },
      "tokens.per must be at most 366 days, got \"367 days\""
    ],
    [{ limits: [tokens(1, "1 second", { burst: -1 })] }, "tokens.burst must be a number above zero, got -1"],
    [{ limits: [tokens(1, 1), tokens(2, 1)] }, "limits must be at most one for each resource, got \"two for tokens\""],
    [{ maxWait: -1 }, "maxWait must be a duration of zero or more, got -1"],
    [{ queue: -1 }, "queue must be a whole number from 0 to 1000000, got -1"],
    [{ queue: 1e7 }, "queue must be a whole number from 0 to 1000000, got 10000000"],
    [{ maxRetryAfter: "Infinity" }, "maxRetryAfter must be a finite duration above zero, got \"Infinity\""],
    [
      { maxRetryAfter: "400 days" },
      "maxRetryAfter must be at most 366 days, got \"400 days\""
    ]
  ]
  for (const [options, message] of cases) {
    it.effect(message, () =>
      Effect.gen(function*() {
        const exit = yield* Effect.exit(ten(options))
        const defect = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
        assert.instanceOf(defect, RangeError)
        assert.strictEqual((defect as RangeError).message, `RateLimiter.make: ${message}`)
      }))
  }
})
