import { Attempts, CircuitBreaker, Deadline, Retry } from "@switchgear/core"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Clock, Duration, Effect, Exit, Fiber, Random, Schema } from "effect"
import { TestClock } from "effect/testing"

/** Runs to the end of virtual time and tells when each attempt began, and how it all ended. */
const times = <A, E>(
  make: (call: Effect.Effect<never, any>) => Effect.Effect<A, E>,
  error: (attempt: number) => unknown = () => "blip"
) =>
  Effect.gen(function*() {
    const at: Array<number> = []
    const call = Effect.flatMap(Clock.currentTimeMillis, (now) => Effect.fail(error(at.push(now))))
    const fiber = yield* Effect.forkChild(Effect.exit(make(call)), { startImmediately: true })
    yield* TestClock.adjust("10 days")
    return { at, exit: yield* Fiber.join(fiber) }
  })

const exact = { baseDelay: "100 millis", jitter: "none" } as const

describe("Retry", () => {
  it.effect("doubles its waits up to the cap and tells the last error as it was", () =>
    Effect.gen(function*() {
      const { at, exit } = yield* times(Retry.retry({ ...exact, maxAttempts: 6, maxDelay: "500 millis" }), (n) =>
        `blip ${n}`)
      assert.deepStrictEqual(at, [0, 100, 300, 700, 1200, 1700])
      assert.deepStrictEqual(exit, Exit.fail("blip 6"))
    }))

  it.effect("waits `factor` times as long as before; with a factor of 1, always as long", () =>
    Effect.gen(function*() {
      const at = (factor: number) => times(Retry.retry({ ...exact, factor, maxAttempts: 4, maxDelay: "850 millis" }))
      assert.deepStrictEqual((yield* at(3)).at, [0, 100, 400, 1250])
      yield* TestClock.setTime(0)
      assert.deepStrictEqual((yield* at(1)).at, [0, 100, 200, 300])
      yield* TestClock.setTime(0)
      assert.deepStrictEqual((yield* at(1.5)).at, [0, 100, 250, 475])
    }))

  it.effect("with a base delay of zero tries again at once, unless the error asks for a wait", () =>
    Effect.gen(function*() {
      for (const jitter of ["none", "full", "equal", "decorrelated", 0.5] as const) {
        yield* TestClock.setTime(0)
        const options = { baseDelay: "0 millis", jitter, factor: 1e300, maxAttempts: 20 } as const
        assert.deepStrictEqual(new Set((yield* times(Retry.retry(options))).at), new Set([0]))
        yield* TestClock.setTime(0)
        const asked = yield* times(
          Retry.retry({ ...options, maxAttempts: 6 }),
          (n) => ({ retryAfter: Duration.seconds(n === 4 ? 3 : 0) })
        )
        assert.deepStrictEqual(asked.at, [0, 0, 0, 0, 3000, 3000])
      }
    }))

  it("with a base delay of zero needs no clock: what fails at once is retried at once", () => {
    let attempts = 0
    const flaky = Effect.suspend(() => ++attempts < 3 ? Effect.fail("blip") : Effect.succeed(attempts))
    assert.strictEqual(Effect.runSync(flaky.pipe(Retry.retry({ baseDelay: 0 }))), 3)
  })

  it.effect("with a share for jitter waits longer or shorter by up to that share, and at most `maxDelay`", () =>
    Effect.gen(function*() {
      const options = {
        baseDelay: "100 millis",
        jitter: 0.25,
        factor: 3,
        maxDelay: "330 millis",
        maxAttempts: 4
      } as const
      const waits = (draw: number) =>
        times(Retry.retry(options)).pipe(
          Effect.map(({ at }) => at.slice(1).map((time, i) => Math.round(time - at[i]!))),
          Effect.updateService(Random.Random, (random) => ({ ...random, nextDoubleUnsafe: () => draw }))
        )
      assert.deepStrictEqual(yield* waits(0), [75, 225, 248])
      assert.deepStrictEqual(yield* waits(0.5), [100, 300, 330])
      assert.deepStrictEqual(yield* waits(0.999999), [125, 330, 330])
    }))

  it.effect("succeeds with the first attempt that does", () =>
    Effect.gen(function*() {
      let attempt = 0
      const flaky = Effect.suspend(() => ++attempt < 3 ? Effect.fail("blip") : Effect.succeed(attempt))
      const fiber = yield* Effect.forkChild(flaky.pipe(Retry.retry({ maxAttempts: 5 })), { startImmediately: true })
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* Fiber.join(fiber), 3)
    }))

  it.effect("stays at the cap in the thousandth retry", () =>
    Effect.gen(function*() {
      const { at } = yield* times(Retry.retry({ ...exact, maxAttempts: 1200, maxDelay: "1 second" }))
      assert.strictEqual(at.length, 1200)
      assert.strictEqual(at[1199]! - at[1198]!, 1000)
    }))

  const bounds = {
    full: [0, 100, 0, 200, 0, 400],
    equal: [50, 100, 100, 200, 200, 400],
    decorrelated: [100, 300, 100, 900, 100, 1000]
  } as const
  for (const jitter of ["full", "equal", "decorrelated"] as const) {
    it.effect(`scatters its waits within the bounds of ${jitter} jitter, the same for the same seed`, () =>
      Effect.gen(function*() {
        const waits = (seed: number) =>
          times(Retry.retry({ baseDelay: "100 millis", maxDelay: "1 second", jitter, maxAttempts: 4 })).pipe(
            Effect.map(({ at }) => at.slice(1).map((time, i) => Math.round(time - at[i]!))),
            Random.withSeed(seed)
          )
        const seen = new Set<string>()
        for (let seed = 0; seed < 20; seed++) {
          const drawn = yield* waits(seed)
          assert.deepStrictEqual(yield* waits(seed), drawn)
          drawn.forEach((wait, i) => {
            assert.isAtLeast(wait, bounds[jitter][i * 2]!)
            assert.isAtMost(wait, bounds[jitter][i * 2 + 1]!)
          })
          seen.add(drawn.join())
        }
        assert.isAbove(seen.size, 15)
      }))
  }

  it.effect("waits as long as the error asks, or as long as it would have waited if that is longer", () =>
    Effect.gen(function*() {
      const asks = [Duration.seconds(5), Duration.millis(10), Duration.millis(-4), Duration.seconds(20)]
      const { at } = yield* times(
        Retry.retry({ ...exact, maxAttempts: 5, maxDelay: "20 seconds" }),
        (n) => ({ retryAfter: asks[n - 1] })
      )
      assert.deepStrictEqual(at, [0, 5000, 5200, 5600, 25_600])
    }))

  it.effect("returns the error at once when it asks for a longer wait than the cap, instead of asking too early", () =>
    Effect.gen(function*() {
      for (const asked of [Duration.millis(20_001), Duration.hours(3), Duration.infinity]) {
        const error = { retryAfter: asked }
        const { at, exit } = yield* times(
          Retry.retry({ ...exact, maxAttempts: 6, maxDelay: "20 seconds" }),
          () => error
        )
        assert.lengthOf(at, 1)
        assert.deepStrictEqual(exit, Exit.fail(error))
      }
    }))

  it.effect("tells the error as it is when the predicate throws, or is an async function that fails", () =>
    Effect.gen(function*() {
      const bug = () => {
        throw new Error("predicate")
      }
      const later = () => Promise.reject(new Error("too late")) as never
      for (const predicate of [bug, later]) {
        const { at, exit } = yield* times(Retry.retry({ ...exact, while: predicate }), () => "503")
        assert.deepStrictEqual([at.length, exit], [1, Exit.fail("503")])
      }
    }))

  it.effect("does not retry what says that it cannot be retried, such as a spent quota", () =>
    Effect.gen(function*() {
      class QuotaExhausted extends Schema.TaggedError<QuotaExhausted>()("QuotaExhausted", {
        isRetryable: Schema.Boolean,
        retryAfter: Schema.Duration
      }) {}
      const quota = new QuotaExhausted({ isRetryable: false, retryAfter: Duration.seconds(1) })
      const { at, exit } = yield* times(Retry.retry(exact), () => quota)
      assert.deepStrictEqual(at, [0])
      assert.deepStrictEqual(exit, Exit.fail(quota))
    }))

  it.effect("does not retry the rejection of a guard unless asked to", () =>
    Effect.gen(function*() {
      const open = new CircuitBreaker.CircuitOpen({ breaker: "model", state: "Open", retryAfter: Duration.seconds(4) })
      assert.deepStrictEqual((yield* times(Retry.retry(exact), () => open)).at, [0])
      yield* TestClock.setTime(0)
      const asked = yield* times(Retry.retry({ ...exact, maxAttempts: 2, while: () => true }), () => open)
      assert.deepStrictEqual(asked.at.map((time) => time - asked.at[0]!), [0, 4000])
    }))

  it.effect("tells its test how many attempts have been made", () =>
    Effect.gen(function*() {
      const { at } = yield* times(Retry.retry({ ...exact, maxAttempts: 9, while: (_, attempts) => attempts < 2 }))
      assert.strictEqual(at.length, 2)
    }))

  it.effect("retries neither defects nor interruptions", () =>
    Effect.gen(function*() {
      for (
        const exit of [
          Exit.die("bug"),
          Exit.interrupt(1),
          Exit.failCause(Cause.combine(Cause.fail("a"), Cause.die("b")))
        ]
      ) {
        let runs = 0
        const actual = yield* Effect.exit(
          Effect.suspend(() => {
            runs++
            return exit
          }).pipe(Retry.retry(exact))
        )
        assert.strictEqual(runs, 1)
        assert.deepStrictEqual(actual, exit)
      }
    }))

  it.effect("stops before a wait that would pass its own limit, measured from the start of the first attempt", () =>
    Effect.gen(function*() {
      const slow = (call: Effect.Effect<never, string>) => Effect.andThen(Effect.sleep("1 second"), call)
      const { at } = yield* times((call) =>
        slow(call).pipe(Retry.retry({ ...exact, maxAttempts: 9, maxDuration: "3300 millis" }))
      )
      assert.deepStrictEqual(at, [1000, 2100, 3300])
    }))

  it.effect("gives up at once, before a hopeless wait, when the deadline is nearer than the wait", () =>
    Effect.gen(function*() {
      let ended = -1
      const { at, exit } = yield* times((call) =>
        call.pipe(
          Retry.retry({ ...exact, maxAttempts: 9 }),
          Effect.onExit(() => Effect.flatMap(Clock.currentTimeMillis, (now) => Effect.sync(() => ended = now))),
          Deadline.within("300 millis")
        )
      )
      assert.deepStrictEqual(at, [0, 100])
      assert.strictEqual(ended, 100)
      assert.deepStrictEqual(exit, Exit.fail("blip"))
    }))

  it.effect("is interrupted while it waits", () =>
    Effect.gen(function*() {
      let runs = 0
      const call = Effect.suspend(() => Effect.fail(++runs))
      const fiber = yield* Effect.forkChild(call.pipe(Retry.retry(exact)), { startImmediately: true })
      yield* Fiber.interrupt(fiber)
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(runs, 1)
    }))

  it.effect("as a schedule, drives Effect.retry to the same attempts", () =>
    Effect.gen(function*() {
      const options = { ...exact, maxAttempts: 5, maxDelay: "500 millis", maxDuration: "1600 millis" } as const
      const own = yield* times(Retry.retry(options))
      yield* TestClock.setTime(0)
      const driven = yield* times((call) => Effect.retry(call, Retry.schedule(options)))
      const from = driven.at[0]!
      assert.deepStrictEqual(own.at, [0, 100, 300, 700, 1200])
      assert.deepStrictEqual(driven.at.map((time) => time - from), own.at)
      assert.deepStrictEqual(driven.exit, own.exit)
    }))

  it.effect("made once, protects many effects and keeps their types", () =>
    Effect.gen(function*() {
      const retry = yield* Retry.make({ maxAttempts: 2, baseDelay: "1 millis" })
      assert.strictEqual((yield* times(retry.protect)).at.length, 2)
      assert.strictEqual((yield* times(retry.protect)).at.length, 2)
    }))

  const cases: ReadonlyArray<readonly [Retry.Options, string]> = [
    [{ maxAttempts: 0 }, "maxAttempts must be a whole number of at least 1, got 0"],
    [{ baseDelay: -1 }, "baseDelay must be a finite duration of zero or more, got -1"],
    [{ baseDelay: "Infinity" }, "baseDelay must be a finite duration of zero or more, got \"Infinity\""],
    [{ factor: 0.5 }, "factor must be a finite number of at least 1, got 0.5"],
    [{ factor: Infinity }, "factor must be a finite number of at least 1, got Infinity"],
    [{ factor: NaN }, "factor must be a finite number of at least 1, got NaN"],
    [{ factor: "2" as never }, "factor must be a finite number of at least 1, got \"2\""],
    [{ jitter: 1.5 }, "jitter must be a number from 0 to 1 or one of none, full, equal, decorrelated, got 1.5"],
    [{ jitter: -0.1 }, "jitter must be a number from 0 to 1 or one of none, full, equal, decorrelated, got -0.1"],
    [{ jitter: NaN }, "jitter must be a number from 0 to 1 or one of none, full, equal, decorrelated, got NaN"],
    [
      { jitter: "ful" as "full" },
      "jitter must be a number from 0 to 1 or one of none, full, equal, decorrelated, got \"ful\""
    ],
    [{ maxDelay: NaN }, "maxDelay must be a finite duration above zero, got NaN"],
    [{ maxDuration: "0 millis" }, "maxDuration must be a finite duration above zero, got \"0 millis\""]
  ]
  for (const [options, message] of cases) {
    it.effect(`refuses nonsense: ${message}`, () =>
      Effect.gen(function*() {
        assert.throws(() => Retry.retry(options), `Retry.retry: ${message}`)
        assert.throws(() => Retry.schedule(options), `Retry.schedule: ${message}`)
        const exit = yield* Effect.exit(Retry.make(options))
        assert.instanceOf(Exit.isFailure(exit) && Cause.squash(exit.cause), RangeError)
      }))
  }
})

describe("Attempts", () => {
  const thrice = Retry.retry({ ...exact, maxAttempts: 3 })

  it.effect("keep three layers of three tries within one budget", () =>
    Effect.gen(function*() {
      const nested = (call: Effect.Effect<never, string>) => call.pipe(thrice, thrice, thrice)
      assert.strictEqual((yield* times(nested)).at.length, 27)
      assert.strictEqual((yield* times((call) => nested(call).pipe(Attempts.within(5)))).at.length, 5)
      assert.strictEqual((yield* times((call) => nested(call).pipe(Attempts.within(1)))).at.length, 1)
    }))

  it.effect("are counted anew for every run, and an inner budget cannot widen an outer one", () =>
    Effect.gen(function*() {
      const wide = (call: Effect.Effect<never, string>) => call.pipe(thrice, Attempts.within(100), Attempts.within(2))
      assert.strictEqual((yield* times(wide)).at.length, 2)
      assert.strictEqual((yield* times(wide)).at.length, 2)
      assert.strictEqual(yield* Attempts.left, Infinity)
      assert.strictEqual(yield* Attempts.left.pipe(Attempts.within(9), Attempts.within(3)), 2)
    }))

  it("refuse a budget of none", () => {
    for (const attempts of [0, -1, 1.5, NaN]) assert.throws(() => Attempts.within(attempts), RangeError)
  })

  it("without waits leaves their turns to timers and to an interrupt, also where attempts fail by promises alone", async () => {
    let attempts = 0
    const failing = Effect.tryPromise(() => {
      attempts++
      return Promise.reject(new Error("503"))
    })
    const fiber = Effect.runFork(failing.pipe(Retry.retry({ maxAttempts: Number.MAX_SAFE_INTEGER, baseDelay: 0 })))
    await new Promise<void>((resolve) => setImmediate(resolve))
    const exit = await Effect.runPromise(Fiber.interrupt(fiber).pipe(Effect.andThen(Fiber.await(fiber))))
    assert.isTrue(Exit.isFailure(exit) && Cause.hasInterrupts(exit.cause))
    assert.isBelow(attempts, 10_000)
  })
})
