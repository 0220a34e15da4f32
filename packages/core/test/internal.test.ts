/** Claims about the machinery behind the primitives that only one wrong token in it would break, told by what a user sees. */
import { assert, describe, it, vi } from "@effect/vitest"
import { CircuitBreaker, Deadline, Outcome, Pipeline, RateLimiter, Retry, StaleCache } from "@switchgear/core"
import { Clock, Deferred, Duration, Effect, Exit, Fiber, Option, Schema, Stream } from "effect"
import { TestClock } from "effect/testing"

const { lastCalls, lasting } = CircuitBreaker

const ok = Effect.succeed("ok")
const bad = Effect.fail("bad" as const)

const fork = <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.forkChild(Effect.exit(self), { startImmediately: true })

const lasts = (duration: Duration.Input) => Effect.sleep(duration)

const isAdmitted = (breaker: CircuitBreaker.CircuitBreaker) =>
  Effect.map(Effect.exit(breaker.protect(ok)), Exit.isSuccess)

const available = (limiter: RateLimiter.RateLimiter) =>
  Effect.map(limiter.snapshot, ({ limits }) => limits.map(({ available }) => available))

describe("probes of a circuit", () => {
  const halfOpen = (options: Partial<CircuitBreaker.Options>) =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ name: "model", ...options })
      yield* breaker.control.trip("30 seconds")
      yield* TestClock.adjust("30 seconds")
      return breaker
    })

  it.effect("open it when so many of them fail in a row, before their share could", () =>
    Effect.gen(function*() {
      const breaker = yield* halfOpen({ failureRate: 1, consecutiveFailures: 2, halfOpen: { calls: 4 } })
      yield* Effect.exit(breaker.protect(bad))
      assert.strictEqual(yield* breaker.state, "HalfOpen")
      yield* Effect.exit(breaker.protect(bad))
      assert.strictEqual(yield* breaker.state, "Open")
    }))

  for (const [order, failures] of [["first", [90, undefined]], ["last", [undefined, 90]]] as const) {
    it.effect(`ask for the longest wait that any of them asked for, be it the ${order}`, () =>
      Effect.gen(function*() {
        const breaker = yield* halfOpen({ failureRate: 1, halfOpen: { calls: 2 } })
        for (const seconds of failures) {
          yield* Effect.exit(
            breaker.protect(Effect.fail(seconds === undefined ? "bad" : { retryAfter: Duration.seconds(seconds) }))
          )
        }
        assert.deepStrictEqual((yield* breaker.snapshot).nextRetry, Duration.seconds(90))
      }))
  }
})

describe("what closes and opens a circuit", () => {
  const slowly = { slowCallDuration: "1 second", slowCallRate: 0.5 } as const

  for (
    const [what, options] of [["slow", slowly], ["in a row", { consecutiveFailures: 2 }]] as const
  ) {
    it.effect(`is not decided while the missing probes could still be too many ${what}`, () =>
      Effect.gen(function*() {
        const breaker = yield* CircuitBreaker.make({
          name: "model",
          failureRate: 1,
          ...options,
          halfOpen: { calls: 4 }
        })
        yield* breaker.control.trip("30 seconds")
        yield* TestClock.adjust("30 seconds")
        for (const expected of ["HalfOpen", "HalfOpen", "Closed"]) {
          yield* breaker.protect(ok)
          assert.strictEqual(yield* breaker.state, expected)
        }
      }))
  }

  it.effect("is judged by the calls that were slow by the time one ends before that one is", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({
        ...slowly,
        name: "model",
        window: lastCalls(1),
        slowCallRate: 1
      })
      yield* fork(breaker.protect(Effect.never))
      yield* TestClock.adjust("500 millis")
      yield* fork(breaker.protect(lasts("900 millis")))
      yield* TestClock.adjust("10 seconds")
      const { late, since, state } = yield* breaker.snapshot
      assert.deepStrictEqual({ late, since, state }, { late: 1, since: 1400, state: "Open" })
    }))

  const reasonOf = (options: Partial<CircuitBreaker.Options>, act: Act) =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ name: "model", minimumCalls: 1, ...options })
      const seen = yield* Effect.forkChild(
        Stream.runHead(Stream.filter(breaker.transitions, ({ reason }) => !/manual|open-elapsed/.test(reason))),
        { startImmediately: true }
      )
      yield* act(breaker)
      yield* breaker.state
      return Option.map(yield* Fiber.join(seen), ({ reason }) => reason)
    })

  type Act = (breaker: CircuitBreaker.CircuitBreaker) => Effect.Effect<unknown, unknown>

  const order: Act = (breaker) => Effect.exit(breaker.protectWith({ classify: () => Outcome.tripFor("1 hour") })(bad))

  const probe = (act: Act): Act => (breaker) =>
    breaker.control.trip("1 second").pipe(Effect.andThen(TestClock.adjust("1 second")), Effect.andThen(act(breaker)))

  const hang: Act = (breaker) =>
    Effect.andThen(
      Effect.forkDetach(breaker.protect(Effect.never), { startImmediately: true }),
      TestClock.adjust("1 hour")
    )

  it.effect.each<readonly [CircuitBreaker.TransitionReason, Partial<CircuitBreaker.Options>, Act]>([
    ["trip-for", {}, order],
    ["trip-for", {}, probe(order)],
    [
      "consecutive-failures",
      { failureRate: "off", consecutiveFailures: 1 },
      (breaker) => Effect.exit(breaker.protect(bad))
    ],
    ["slow-call-rate", slowly, hang],
    ["probe-outlasted", {}, probe(hang)]
  ])("is told with its reason: %s", ([reason, options, act]) =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* reasonOf(options, act), Option.some(reason))
    }))
})

describe("a ramp-up", () => {
  it.effect("passes a call when shares of halves add up to exactly one", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({
        name: "model",
        halfOpen: { calls: 1 },
        rampUp: { over: "1 minute", from: 0.5 }
      })
      yield* breaker.control.trip("30 seconds")
      yield* TestClock.adjust("30 seconds")
      yield* breaker.protect(ok)
      const admitted = yield* Effect.forEach(Array.from({ length: 6 }), () => isAdmitted(breaker))
      assert.deepStrictEqual(admitted, [true, true, false, true, false, true])
    }))
})

describe("calls in flight that are slow", () => {
  const watchful = { name: "model", minimumCalls: 9, slowCallDuration: "1 second" } as const

  const slow = (breaker: CircuitBreaker.CircuitBreaker) => Effect.map(breaker.snapshot, ({ slow }) => slow)

  for (const [name, window] of [["count", lastCalls(9)], ["time", lasting("1 minute")]] as const) {
    it.effect(`are counted one after the other, also when the first to be counted in a ${name} window ends`, () =>
      Effect.gen(function*() {
        const breaker = yield* CircuitBreaker.make({ ...watchful, window })
        yield* fork(breaker.protect(lasts("1100 millis")))
        yield* TestClock.adjust("500 millis")
        yield* fork(breaker.protect(Effect.never))
        yield* TestClock.adjust("500 millis")
        assert.strictEqual(yield* slow(breaker), 1)
        yield* TestClock.adjust("100 millis")
        assert.strictEqual(yield* slow(breaker), 1)
        yield* TestClock.adjust("400 millis")
        assert.strictEqual(yield* slow(breaker), 2)
      }))
  }

  it.effect("are all counted when one with a limit of its own is due between two others", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ ...watchful, window: lastCalls(9) })
      for (const slowCallDuration of ["1 second", "3 seconds", "2 seconds"] as const) {
        yield* fork(breaker.protectWith({ slowCallDuration })(Effect.never))
      }
      for (const expected of [1, 2, 3]) {
        yield* TestClock.adjust("1 second")
        assert.strictEqual(yield* slow(breaker), expected)
      }
    }))
})

describe("a window of calls", () => {
  // Most are good: for the others to leave the window alone.
  const Kinds = Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 15 })))

  it.effect.prop(
    "counts what a list of the last calls would, also after what was slow or failed has left it",
    { drawn: Kinds.check(Schema.isMinLength(20), Schema.isMaxLength(60)) },
    ({ drawn }) =>
      Effect.gen(function*() {
        const window = lastCalls(7)
        const breaker = yield* CircuitBreaker.make({ name: "model", window, slowCallDuration: "1 second" })
        yield* breaker.control.metricsOnly
        const kinds = drawn.map((kind) => ({
          fails: kind === 0 || kind === 1,
          seconds: kind === 1 || kind === 2 ? 2 : 0
        }))
        for (const [i, { fails, seconds }] of kinds.entries()) {
          const work = Effect.andThen(Effect.sleep(seconds * 1000), fails ? Effect.fail("503") : Effect.void)
          const call = yield* Effect.forkChild(Effect.exit(breaker.protect(work)), { startImmediately: true })
          yield* TestClock.adjust(seconds * 1000)
          yield* Fiber.join(call)
          const { calls, failed, slow } = yield* breaker.snapshot
          const last = kinds.slice(Math.max(0, i - 6), i + 1)
          assert.deepStrictEqual({ calls, failed, slow }, {
            calls: last.length,
            failed: last.filter(({ fails }) => fails).length,
            slow: last.filter(({ seconds }) => seconds > 0).length
          })
        }
      })
  )
})

describe("a window of time", () => {
  const tenSeconds = { name: "model", window: lasting("10 seconds"), slowCallDuration: "1 second" } as const

  const counts = (breaker: CircuitBreaker.CircuitBreaker) =>
    Effect.map(breaker.snapshot, ({ calls, failed, slow }) => ({ calls, failed, slow }))

  it.effect("lets a slow call that failed later leave with the second in which it became slow, and all it was", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make(tenSeconds)
      yield* fork(breaker.protect(Effect.andThen(lasts("3 seconds"), bad)))
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* counts(breaker), { calls: 1, failed: 0, slow: 1 })
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(yield* counts(breaker), { calls: 1, failed: 1, slow: 1 })
      yield* TestClock.adjust("2 seconds")
      yield* breaker.protect(ok)
      yield* TestClock.adjust("5 seconds")
      assert.deepStrictEqual(yield* counts(breaker), { calls: 2, failed: 1, slow: 1 })
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* counts(breaker), { calls: 1, failed: 0, slow: 0 })
    }))
})

describe("a token bucket", () => {
  const emptyForHalf = Effect.gen(function*() {
    const limiter = yield* RateLimiter.make({ name: "model", limits: [RateLimiter.requests(10, "1 second")] })
    yield* Effect.forEach(Array.from({ length: 10 }), () => limiter.protect(ok))
    yield* TestClock.adjust("500 millis")
    return limiter
  })

  it.effect("fills from the moment of a pause on, and not from before it", () =>
    Effect.gen(function*() {
      const limiter = yield* emptyForHalf
      yield* limiter.pause("100 millis")
      yield* TestClock.adjust("200 millis")
      assert.deepStrictEqual(yield* available(limiter), [2])
    }))

  it.effect("does not fill twice for the time before its limit was changed", () =>
    Effect.gen(function*() {
      const limiter = yield* emptyForHalf
      yield* limiter.setLimits([RateLimiter.requests(10, "1 second")])
      assert.deepStrictEqual(yield* available(limiter), [5])
    }))
})
describe("a sliding window", () => {
  const sliding = (limit: number, per: Duration.Input) => RateLimiter.tokens(limit, per, { kind: "sliding-window" })

  const minute = (options: Partial<RateLimiter.Options> = {}) =>
    RateLimiter.make({ name: "model", limits: [sliding(100, "1 minute")], ...options })

  const left = (limiter: RateLimiter.RateLimiter) => Effect.map(available(limiter), ([tokens]) => tokens)

  it.effect("says of a request that exceeds it that no wait would do", () =>
    Effect.gen(function*() {
      const limiter = yield* minute({ maxWait: "10 minutes" })
      assert.isUndefined((yield* Effect.flip(limiter.reserve({ tokens: 101 }))).retryAfter)
    }))

  it.effect("lets those who wait through as those before them leave it, to the millisecond", () =>
    Effect.gen(function*() {
      const limiter = yield* RateLimiter.make({ name: "model", limits: [sliding(2, "1 second")], maxWait: "1 minute" })
      const from = yield* Clock.currentTimeMillis
      const at: Array<number> = []
      const come = Effect.flatMap(Clock.currentTimeMillis, (now) => Effect.sync(() => at.push(now - from)))
      yield* fork(limiter.protectWith({ costs: { tokens: 1 } })(come))
      yield* TestClock.adjust("300 millis")
      for (const tokens of [1, 1, 2, 1, 1]) yield* fork(limiter.protectWith({ costs: { tokens } })(come))
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(at, [0, 300, 1000, 2000, 3000, 3000])
    }))

  it.effect("gives back to the time at which it was taken, and not after that has left", () =>
    Effect.gen(function*() {
      const limiter = yield* minute()
      const early = yield* limiter.reserve({ tokens: 50 })
      yield* TestClock.adjust("10 seconds")
      const later = yield* limiter.reserve({ tokens: 30 })
      yield* TestClock.adjust("10 seconds")
      yield* early.settle({ tokens: 20 })
      assert.strictEqual(yield* left(limiter), 50)
      yield* TestClock.adjust("39999 millis")
      assert.strictEqual(yield* left(limiter), 50)
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(yield* left(limiter), 70)
      yield* TestClock.adjust("10 seconds")
      yield* later.settle({ tokens: 0 })
      assert.strictEqual(yield* left(limiter), 100)
    }))

  it.effect("gives back all of what was taken with others at one instant", () =>
    Effect.gen(function*() {
      const limiter = yield* minute()
      for (let i = 0; i < 3; i++) {
        yield* limiter.reserve({ tokens: 1 })
        yield* TestClock.adjust("1 second")
      }
      const large = yield* limiter.reserve({ tokens: 50 })
      yield* limiter.reserve({ tokens: 1 })
      yield* large.refund
      assert.strictEqual(yield* left(limiter), 96)
    }))

  it.effect("takes more than was reserved as a debt of now, and owes its size at most", () =>
    Effect.gen(function*() {
      const limiter = yield* minute()
      const first = yield* limiter.reserve({ tokens: 50 })
      const second = yield* limiter.reserve({ tokens: 20 })
      yield* TestClock.adjust("30 seconds")
      yield* first.settle({ tokens: 60 })
      assert.strictEqual(yield* left(limiter), 20)
      yield* second.settle({ tokens: 1000 })
      assert.strictEqual(yield* left(limiter), -100)
      yield* limiter.pause("1 second")
      assert.strictEqual(yield* left(limiter), -100)
      yield* TestClock.adjust("30 seconds")
      assert.strictEqual(yield* left(limiter), -30)
      yield* TestClock.adjust("30 seconds")
      assert.strictEqual(yield* left(limiter), 100)
    }))

  it.effect("owes its full size for a call that outlasted it", () =>
    Effect.gen(function*() {
      const limiter = yield* minute()
      const reservation = yield* limiter.reserve({ tokens: 100 })
      yield* TestClock.adjust("61 seconds")
      yield* reservation.settle({ tokens: 1000 })
      assert.strictEqual(yield* left(limiter), -100)
    }))

  it.effect("does not pay back what is owed when more is used under a smaller limit", () =>
    Effect.gen(function*() {
      const limiter = yield* minute()
      const reservation = yield* limiter.reserve({ tokens: 100 })
      yield* limiter.setLimits([sliding(10, "1 minute")])
      assert.strictEqual(yield* left(limiter), -90)
      yield* reservation.settle({ tokens: 110 })
      assert.strictEqual(yield* left(limiter), -90)
    }))

  it.effect("is not taken twice by one who gives back and asks again before those are told for whom that made room", () =>
    Effect.gen(function*() {
      const limiter = yield* RateLimiter.make({ name: "model", limits: [sliding(4, "1 minute")], maxWait: "1 hour" })
      const order: Array<string> = []
      const begin = (name: string) => Effect.sync(() => void order.push(name))
      yield* limiter.reserve({ tokens: 4 })
      yield* fork(Effect.andThen(
        limiter.protectWith({ costs: { tokens: 2 }, settle: () => ({ tokens: 0 }) })(begin("first")),
        limiter.protectWith({ costs: { tokens: 1 } })(begin("first again"))
      ))
      yield* fork(limiter.protectWith({ costs: { tokens: 3 } })(begin("second")))
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(order, ["first", "first again", "second"])
      assert.strictEqual((yield* limiter.snapshot).limits[0]!.available, 0)
    }))

  it.effect("passes the last part of a billion though the sum of the others misses it by a hair", () =>
    Effect.gen(function*() {
      const limiter = yield* RateLimiter.make({ name: "model", limits: [sliding(1e9, "1 minute")] })
      for (let i = 0; i < 8; i++) yield* limiter.reserve({ tokens: 111_111_111.1 })
      yield* limiter.reserve({ tokens: 111_111_111.2 })
      assert.isTrue(Exit.isFailure(yield* Effect.exit(limiter.reserve({ tokens: 1 }))))
    }))

  it.effect("has nothing left after a pause until its time has passed", () =>
    Effect.gen(function*() {
      const limiter = yield* minute()
      yield* limiter.reserve({ tokens: 30 })
      yield* TestClock.adjust("10 seconds")
      yield* limiter.pause("1 second")
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual(yield* left(limiter), 0)
      yield* TestClock.adjust("48 seconds")
      assert.strictEqual(yield* left(limiter), 30)
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(yield* left(limiter), 100)
    }))

  it.effect("does not remember again what left it while it was shorter", () =>
    Effect.gen(function*() {
      const limiter = yield* minute()
      yield* limiter.reserve({ tokens: 100 })
      yield* TestClock.adjust("10 seconds")
      yield* limiter.setLimits([sliding(100, "5 seconds")])
      yield* limiter.setLimits([sliding(100, "1 minute")])
      assert.strictEqual(yield* left(limiter), 100)
    }))

  it.effect("counts right when a hundred takings have left it, some of them at a time", () =>
    Effect.gen(function*() {
      const limiter = yield* minute()
      for (let i = 0; i < 100; i++) {
        yield* limiter.reserve({ tokens: 1 })
        yield* TestClock.adjust("1 second")
        assert.strictEqual(yield* left(limiter), 100 - Math.min(i + 1, 59))
      }
      yield* TestClock.adjust("39 seconds")
      assert.strictEqual(yield* left(limiter), 80)
      yield* TestClock.adjust("20 seconds")
      assert.strictEqual(yield* left(limiter), 100)
    }))
})

type AnyFiber = Fiber.Fiber<any, any>

interface TimerLane {
  readonly Timeout: { readonly prototype: { readonly isBefore: (that: never) => boolean } }
  readonly nextTurn: () => number
  readonly startTimeout: (
    fiber: AnyFiber,
    clock: Clock.Clock,
    millis: number,
    due: number,
    onFire: () => void,
    turn: number
  ) => { readonly cancel: (fiber: AnyFiber) => void }
}

describe("time-outs of one length", () => {
  const ending = (ends: Array<readonly [string, number]>, name: string) => <A, E, R>(self: Effect.Effect<A, E, R>) =>
    fork(Effect.ensuring(
      self,
      Effect.flatMap(Clock.currentTimeMillis, (now) => Effect.sync(() => void ends.push([name, now])))
    ))

  it.effect("all fire in the order of their beginnings when one that began first joins its line last", () =>
    Effect.gen(function*() {
      const retry = yield* Retry.make({ maxAttempts: 2, baseDelay: "50 millis", jitter: "none" })
      const pipeline = yield* Pipeline.make({ deadline: "1 second", retry })
      const ends: Array<readonly [string, number]> = []
      let attempts = 0
      const call = Effect.suspend(() => attempts++ === 0 ? Effect.andThen(lasts("500 millis"), bad) : Effect.never)
      yield* ending(ends, "pipeline")(pipeline.protect(call))
      for (const name of ["second", "third"]) {
        yield* TestClock.adjust("200 millis")
        yield* ending(ends, name)(Deadline.within("1 second")(Effect.never))
      }
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(ends, [["pipeline", 1000], ["second", 1200], ["third", 1400]])
    }))

  it.effect("fire on time after a pause in which there was none, and after all but the last have ended", () =>
    Effect.gen(function*() {
      const ends: Array<readonly [string, number]> = []
      const limited = Deadline.within("1 second")
      yield* ending(ends, "first")(limited(lasts("100 millis")))
      yield* ending(ends, "second")(limited(lasts("200 millis")))
      yield* TestClock.adjust("300 millis")
      yield* ending(ends, "third")(limited(lasts("400 millis")))
      yield* ending(ends, "fourth")(limited(Effect.never))
      yield* TestClock.adjust("10 seconds")
      yield* ending(ends, "fifth")(limited(Effect.never))
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(ends.map(([, at]) => at), [100, 200, 700, 1300, 11_300])
    }))

  /** The virtual clock, and how many sleeps were begun on it and go on. */
  const watched = Effect.map(Clock.Clock, (clock) => {
    const sleeps = { begun: 0, pending: 0 }
    const sleep = (duration: Duration.Duration) =>
      Effect.suspend(() => {
        sleeps.begun++
        sleeps.pending++
        return Effect.ensuring(clock.sleep(duration), Effect.sync(() => sleeps.pending--))
      })
    return { clock: Object.assign(Object.create(clock), { sleep }) as Clock.Clock, sleeps }
  })

  it.effect("need one alarm however many they are, which is stopped when the last has ended", () =>
    Effect.gen(function*() {
      const { clock, sleeps } = yield* watched
      const limited = <A>(self: Effect.Effect<A>) =>
        fork(Effect.provideService(Deadline.within("1 second")(self), Clock.Clock, clock))
      for (const begun of [1, 2]) {
        const ended = yield* Deferred.make<void>()
        const last = yield* Deferred.make<void>()
        for (let i = 0; i < 100; i++) {
          yield* limited(Deferred.await(i < 99 ? ended : last))
          yield* TestClock.adjust("1 millis")
        }
        yield* Deferred.succeed(ended, undefined)
        yield* TestClock.adjust(0)
        assert.deepStrictEqual(sleeps, { begun, pending: 1 })
        yield* Deferred.succeed(last, undefined)
        yield* TestClock.adjust(0)
        assert.deepStrictEqual(sleeps, { begun, pending: 0 })
      }
    }))

  it.effect("keep their alarm when one begins right after the last has ended, and stop it after that one", () =>
    Effect.gen(function*() {
      for (const fires of [true, false]) {
        const { clock, sleeps } = yield* watched
        const [first, second] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
        const limited = Deadline.within("1 second")
        const fiber = yield* fork(
          Effect.andThen(limited(Deferred.await(first)), limited(Deferred.await(second))).pipe(
            Effect.provideService(Clock.Clock, clock)
          )
        )
        yield* Deferred.succeed(first, undefined)
        yield* TestClock.adjust(0)
        assert.deepStrictEqual(sleeps, { begun: 1, pending: 1 })
        yield* fires ? TestClock.adjust("1 second") : Deferred.succeed(second, undefined)
        yield* TestClock.adjust(0)
        assert.deepStrictEqual(sleeps, { begun: 1, pending: 0 })
        assert.strictEqual(Exit.isFailure(yield* Fiber.join(fiber)), fires)
      }
    }))

  it.effect("are told by the clock, and kept in the line, that each began with", () =>
    Effect.gen(function*() {
      const lines = [[yield* watched, [2000, 3000, 2000, 1000]], [yield* watched, [1000, 2000, 3000, 2000]]] as const
      const ends: Array<readonly [string, number]> = []
      for (const [{ clock, sleeps }, lengths] of lines) {
        for (const millis of lengths) {
          const limited = Deadline.within(millis)(Effect.never)
          yield* ending(ends, `${millis}`)(Effect.provideService(limited, Clock.Clock, clock))
        }
        assert.deepStrictEqual(sleeps, { begun: 3, pending: 3 })
      }
      yield* TestClock.adjust("10 seconds")
      const at = [1000, 1000, 2000, 2000, 2000, 2000, 3000, 3000]
      assert.deepStrictEqual(ends, at.map((millis) => [`${millis}`, millis]))
    }))

  const lane = Effect.promise(() => vi.importActual<TimerLane>("../src/internal/runtime/timerLane.ts"))

  const Step = Schema.Union([
    Schema.TaggedStruct("Begins", { earlier: Schema.Literals([0, 0, 0, 1, 5, 100]) }),
    Schema.TaggedStruct("Ends", { index: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 20 })) }),
    Schema.TaggedStruct("Passes", { millis: Schema.Literals([1, 50, 200, 950]) })
  ])

  it.effect.prop(
    "fire once each, on time and in the order in which they are due and began, unless they end before",
    { steps: Schema.Array(Step).check(Schema.isMaxLength(60)) },
    ({ steps }) =>
      Effect.gen(function*() {
        const { nextTurn, startTimeout } = yield* lane
        const clock = yield* Clock.Clock
        const now = () => Number(clock.monotonicTimeNanosUnsafe()) / 1e6
        const begun: Array<
          { readonly due: number; readonly turn: number; readonly cancel: () => void; over: boolean }
        > = []
        const fired: Array<string> = []
        const expected: Array<string> = []
        yield* Effect.withFiber((fiber) =>
          Effect.gen(function*() {
            for (const step of steps) {
              if (step._tag === "Begins") {
                const due = now() + 1000 - step.earlier
                const turn = nextTurn()
                const one = startTimeout(fiber, clock, 1000, due, () => fired.push(`${turn} at ${now()}`), turn)
                begun.push({ due, turn, cancel: () => one.cancel(fiber), over: false })
              } else if (step._tag === "Ends") {
                const one = begun[step.index]
                if (one === undefined) continue
                one.cancel()
                one.over = true
              } else {
                const until = now() + step.millis
                const due = begun.filter((one) => !one.over && one.due <= until)
                for (const one of due.sort((a, b) => a.due - b.due || a.turn - b.turn)) {
                  one.over = true
                  expected.push(`${one.turn} at ${one.due}`)
                }
                // A timer that has come late fires all at once; here time passes by the millisecond.
                for (let i = 0; i < step.millis; i++) yield* TestClock.adjust(1)
                assert.deepStrictEqual(fired, expected)
              }
            }
          })
        )
      }),
    { arbitrary: { runs: 50, size: 100 } }
  )

  it.effect("are put in order without a look at each that began after them", () =>
    Effect.gen(function*() {
      const { nextTurn, startTimeout, Timeout } = yield* lane
      const clock = yield* Clock.Clock
      const compared = vi.spyOn(Timeout.prototype, "isBefore")
      yield* Effect.withFiber((fiber) => {
        const start = (due: number) => startTimeout(fiber, clock, 1000, due, () => {}, nextTurn())
        const all = Array.from({ length: 2000 }, (_, i) => start(i < 1000 ? 1000 : 500 + (i * 7919) % 500))
        for (const timeout of all) timeout.cancel(fiber)
        return Effect.void
      })
      assert.isBelow(compared.mock.calls.length, 100_000)
      compared.mockRestore()
    }))

  it.effect("fire at the end of a millisecond that they end within, and not before it", () =>
    Effect.gen(function*() {
      const ends: Array<readonly [string, number]> = []
      yield* ending(ends, "half")(Deadline.within(Duration.micros(1500n))(Effect.never))
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(ends, [])
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(ends, [["half", 2]])
    }))
})

describe("jitter", () => {
  for (const [jitter, isEarly] of [["full", true], ["equal", false]] as const) {
    it.effect(`of the ${jitter} kind ${isEarly ? "waits less" : "never waits less"} than half of the delay`, () =>
      Effect.gen(function*() {
        const retry = yield* Retry.make({ maxAttempts: 2, baseDelay: "1 second", jitter })
        const fibers = yield* Effect.forEach(Array.from({ length: 100 }), () => fork(retry.protect(bad)))
        yield* TestClock.adjust("499 millis")
        assert.strictEqual(fibers.some((fiber) => fiber.pollUnsafe() !== undefined), isEarly)
        yield* TestClock.adjust("501 millis")
        assert.isTrue(fibers.every((fiber) => fiber.pollUnsafe() !== undefined))
      }))
  }
})

it.effect("a full cache keeps what was set again over what was set once after it", () =>
  Effect.gen(function*() {
    const cache = yield* StaleCache.make<string>({ name: "answers", timeToLive: "1 minute", capacity: 2 })
    for (const key of ["a", "b", "a", "c"]) yield* cache.set(key, key)
    assert.isUndefined(yield* cache.lastGood("b"))
    assert.strictEqual((yield* cache.lastGood("a"))?.value, "a")
  }))
