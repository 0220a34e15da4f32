/** How old a state is: from another day or from the future, by a wall clock that is set. */
import { assert, describe, it } from "@effect/vitest"
import { CircuitBreaker, RateLimiter, Registry, SavedState } from "@switchgear/core"
import { Clock, Duration, Effect, Layer, Schema } from "effect"
import { TestClock } from "effect/testing"

const inProcess = <A, E, R>(self: Effect.Effect<A, E, R>) =>
  self.pipe(Effect.scoped, Effect.provide(Layer.mergeAll(Registry.layer(), TestClock.layer())))

const make = CircuitBreaker.make({ name: "model", openFor: "1 minute", window: CircuitBreaker.lasting("10 seconds") })

const start = 1_790_000_000_000
const month = 30 * 86_400_000

/** A clock whose wall is set by so much, and whose monotonic time goes on. */
const withWall = <A, E, R>(self: Effect.Effect<A, E, R>, set: () => number) =>
  Effect.flatMap(Clock.Clock, (clock) =>
    Effect.provideService(
      self,
      Clock.Clock,
      Object.create(clock, { currentTimeMillisUnsafe: { value: () => clock.currentTimeMillisUnsafe() + set() } })
    ))

describe("a restored opening", () => {
  it.effect.prop(
    "has exactly what is left of it, and never more than its whole length",
    {
      elapsed: Schema.Literals([0, 1, 999, 30_000, 59_999]),
      // Zero for as long as the options say.
      tripped: Schema.Literals([0, 1, 45_000, 86_400_000]),
      between: Schema.Literals([0, 1, 15_000, 60_000, 86_400_000, month, 1e12, -1, -30_000, -86_400_000, -1e12]),
      times: Schema.Literals([1, 2, 3])
    },
    ({ between, elapsed, times, tripped }) =>
      Effect.gen(function*() {
        const length = tripped === 0 ? 60_000 : tripped
        let text = yield* inProcess(Effect.gen(function*() {
          yield* TestClock.setTime(start)
          const breaker = yield* make
          yield* breaker.control.trip(tripped === 0 ? undefined : tripped)
          yield* TestClock.adjust(elapsed)
          return JSON.stringify(yield* SavedState.save)
        }))
        let left = length - elapsed
        let now = start + elapsed
        for (let time = 0; time < times; time++) {
          now += between
          left -= Math.max(0, between)
          const read = yield* inProcess(Effect.gen(function*() {
            yield* TestClock.setTime(now)
            const breaker = yield* make
            const { age, restored } = yield* SavedState.restore(JSON.parse(text))
            assert.strictEqual(Duration.toMillis(age), Math.max(0, between))
            assert.strictEqual(restored.length, 1)
            const { nextRetry, openingsInRow, since, state } = yield* breaker.snapshot
            return { nextRetry, openingsInRow, since, state, text: JSON.stringify(yield* SavedState.save) }
          }))
          assert.strictEqual(read.state, left > 0 ? "Open" : "HalfOpen")
          if (left > 0) assert.strictEqual(Duration.toMillis(read.nextRetry!), left)
          assert.isAtMost(read.since, now)
          assert.strictEqual(read.openingsInRow, 1)
          text = read.text
        }
      }),
    { arbitrary: { runs: 300 } }
  )

  it.effect("has the length that a command gave it while it was open", () =>
    Effect.gen(function*() {
      const text = yield* inProcess(Effect.gen(function*() {
        const breaker = yield* make
        yield* breaker.control.trip()
        yield* breaker.control.trip("1 day")
        return JSON.stringify(yield* SavedState.save)
      }))
      const left = yield* inProcess(Effect.gen(function*() {
        yield* TestClock.setTime(3_600_000)
        const breaker = yield* make
        yield* SavedState.restore(JSON.parse(text))
        return (yield* breaker.snapshot).nextRetry
      }))
      assert.deepStrictEqual(left, Duration.hours(23))
    }))

  it.effect("with more left than its whole length is none", () =>
    Effect.gen(function*() {
      const text = yield* inProcess(Effect.gen(function*() {
        const breaker = yield* make
        yield* breaker.control.trip("1 minute")
        return JSON.stringify(yield* SavedState.save)
      }))
      yield* inProcess(Effect.gen(function*() {
        const breaker = yield* make
        const { ignored } = yield* SavedState.restore(JSON.parse(text.replace("\"left\":60000", "\"left\":60001")))
        assert.deepStrictEqual(ignored.map(({ reason }) => reason), ["other-options"])
        assert.strictEqual(yield* breaker.state, "Closed")
      }))
    }))
})

describe("the age of a state", () => {
  const open = inProcess(Effect.gen(function*() {
    yield* TestClock.setTime(start)
    const breaker = yield* make
    yield* breaker.control.trip("1 minute")
    const limiter = yield* RateLimiter.make({ name: "limits", limits: [RateLimiter.requests(10, "1 minute")] })
    yield* limiter.pause("40 seconds")
    return JSON.stringify(yield* SavedState.save)
  }))

  for (const jump of [-86_400_000, 86_400_000]) {
    it.effect(`is counted on where the wall clock is set by ${jump} after the start`, () =>
      Effect.gen(function*() {
        const text = yield* open
        let set = 0
        const { left, paused } = yield* inProcess(withWall(
          Effect.gen(function*() {
            yield* TestClock.setTime(start + 10_000)
            yield* SavedState.restoreEach(JSON.parse(text))
            yield* TestClock.adjust("10 seconds")
            set = jump
            const breaker = yield* make
            const limiter = yield* RateLimiter.make({ name: "limits", limits: [RateLimiter.requests(10, "1 minute")] })
            const { nextRetry } = yield* breaker.snapshot
            return { left: nextRetry, paused: (yield* limiter.snapshot).pausedFor }
          }),
          () => set
        ))
        assert.deepStrictEqual(left, Duration.seconds(40))
        assert.deepStrictEqual(paused, Duration.seconds(20))
      }))
  }

  it.effect("of a month leaves no pause, a window without calls and a full bucket", () =>
    Effect.gen(function*() {
      const text = yield* inProcess(Effect.gen(function*() {
        yield* TestClock.setTime(start)
        const breaker = yield* make
        yield* Effect.exit(breaker.protect(Effect.fail("503")))
        const limiter = yield* RateLimiter.make({ name: "limits", limits: [RateLimiter.requests(10, "1 minute")] })
        yield* limiter.pause("9 minutes")
        return JSON.stringify(yield* SavedState.save)
      }))
      yield* inProcess(Effect.gen(function*() {
        yield* TestClock.setTime(start + month)
        const breaker = yield* make
        const limiter = yield* RateLimiter.make({ name: "limits", limits: [RateLimiter.requests(10, "1 minute")] })
        const { ignored } = yield* SavedState.restore(JSON.parse(text))
        assert.deepStrictEqual(ignored, [])
        const { calls, state } = yield* breaker.snapshot
        assert.deepStrictEqual({ calls, state }, { calls: 0, state: "Closed" })
        const { limits, pausedFor } = yield* limiter.snapshot
        assert.deepStrictEqual([limits[0]!.available, pausedFor], [10, undefined])
      }))
    }))
})
