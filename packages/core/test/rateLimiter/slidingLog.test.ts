/** What a sliding window remembers of the calls that it passed. */
import { assert, describe, it } from "@effect/vitest"
import { RateLimiter } from "@switchgear/core"
import { Clock, Duration, Effect, Exit } from "effect"
import { TestClock } from "effect/testing"

const fork = <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.forkChild(Effect.exit(self), { startImmediately: true })

const available = (limiter: RateLimiter.RateLimiter) =>
  Effect.map(limiter.snapshot, ({ limits }) => limits.map(({ available }) => available))

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
