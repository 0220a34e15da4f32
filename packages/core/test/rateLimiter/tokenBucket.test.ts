/** How a token bucket fills after a pause and after a change of its limit. */
import { assert, describe, it } from "@effect/vitest"
import { RateLimiter } from "@switchgear/core"
import { Effect } from "effect"
import { TestClock } from "effect/testing"

const ok = Effect.succeed("ok")

const available = (limiter: RateLimiter.RateLimiter) =>
  Effect.map(limiter.snapshot, ({ limits }) => limits.map(({ available }) => available))

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
