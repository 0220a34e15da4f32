/** The probes of a half-open circuit: when they decide, and what their answers ask for. */
import { assert, describe, it } from "@effect/vitest"
import { CircuitBreaker } from "@switchgear/core"
import { Duration, Effect } from "effect"
import { TestClock } from "effect/testing"

const ok = Effect.succeed("ok")

const bad = Effect.fail("bad" as const)

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
})
