/** The windows of calls and of time, seen in the counts of a circuit. */
import { assert, describe, it } from "@effect/vitest"
import { CircuitBreaker } from "@switchgear/core"
import { Effect, Fiber, Schema } from "effect"
import { TestClock } from "effect/testing"

const { lastCalls, lasting } = CircuitBreaker

const ok = Effect.succeed("ok")

const bad = Effect.fail("bad" as const)

const fork = <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.forkChild(Effect.exit(self), { startImmediately: true })

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
      yield* fork(breaker.protect(Effect.andThen(Effect.sleep("3 seconds"), bad)))
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
