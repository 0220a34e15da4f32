/** How long each kind of jitter makes a retry wait. */
import { assert, describe, it } from "@effect/vitest"
import { Retry } from "@switchgear/core"
import { Effect } from "effect"
import { TestClock } from "effect/testing"

const bad = Effect.fail("bad" as const)

const fork = <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.forkChild(Effect.exit(self), { startImmediately: true })

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
