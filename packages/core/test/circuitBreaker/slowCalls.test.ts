/** Calls in flight become slow in the order of their limits. */
import { assert, describe, it } from "@effect/vitest"
import { CircuitBreaker } from "@switchgear/core"
import { Effect } from "effect"
import { TestClock } from "effect/testing"

const { lastCalls, lasting } = CircuitBreaker

const fork = <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.forkChild(Effect.exit(self), { startImmediately: true })

describe("calls in flight that are slow", () => {
  const watchful = { name: "model", minimumCalls: 9, slowCallDuration: "1 second" } as const

  const slow = (breaker: CircuitBreaker.CircuitBreaker) => Effect.map(breaker.snapshot, ({ slow }) => slow)

  for (const [name, window] of [["count", lastCalls(9)], ["time", lasting("1 minute")]] as const) {
    it.effect(`are counted one after the other, also when the first to be counted in a ${name} window ends`, () =>
      Effect.gen(function*() {
        const breaker = yield* CircuitBreaker.make({ ...watchful, window })
        yield* fork(breaker.protect(Effect.sleep("1100 millis")))
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

describe("what closes and opens a circuit", () => {
  const slowly = { slowCallDuration: "1 second", slowCallRate: 0.5 } as const

  it.effect("is a call that became slow, at the moment it did, whenever that is noticed", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({
        ...slowly,
        name: "model",
        window: lastCalls(1),
        slowCallRate: 1
      })
      yield* fork(breaker.protect(Effect.never))
      yield* TestClock.adjust("500 millis")
      yield* fork(breaker.protect(Effect.sleep("900 millis")))
      yield* TestClock.adjust("10 seconds")
      const { late, since, state } = yield* breaker.snapshot
      assert.deepStrictEqual({ late, since, state }, { late: 1, since: 1000, state: "Open" })
    }))
})
