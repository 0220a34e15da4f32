/** The share of calls that pass while a circuit ramps up. */
import { assert, describe, it } from "@effect/vitest"
import { CircuitBreaker } from "@switchgear/core"
import { Effect, Exit } from "effect"
import { TestClock } from "effect/testing"

const ok = Effect.succeed("ok")

const isAdmitted = (breaker: CircuitBreaker.CircuitBreaker) =>
  Effect.map(Effect.exit(breaker.protect(ok)), Exit.isSuccess)

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
