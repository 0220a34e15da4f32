import { assert, describe, it } from "@effect/vitest"
import { Bulkhead, CircuitBreaker, ConcurrencyLimit, Deadline, Outcome, RateLimiter, Retry } from "@switchgear/core"
import { type CallEvent, listenToCalls } from "@switchgear/core/runtime"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"

/** What the guard tells of its calls from now on. */
const heard = (guard: object) => {
  const events: Array<CallEvent> = []
  return { events, stop: listenToCalls(guard, (event) => events.push(event)) }
}

const typesOf = (events: ReadonlyArray<CallEvent>) => events.map(({ type }) => type)

describe("listeners of calls", () => {
  it.effect("hear each result of a circuit before the change it causes, and each rejection", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ name: "model", minimumCalls: 2, measureDurations: "on" })
      const { events } = heard(breaker)
      yield* TestClock.adjust("1 second")
      yield* breaker.protect(Effect.sleep("20 millis")).pipe(Effect.forkChild({ startImmediately: true }))
      yield* TestClock.adjust("20 millis")
      yield* Effect.exit(breaker.protectWith({ classify: () => Outcome.ignored })(Effect.fail("left")))
      yield* Effect.exit(breaker.protect(Effect.fail("503")))
      assert.strictEqual(yield* breaker.state, "Open")
      yield* Effect.exit(breaker.protect(Effect.void))
      assert.deepStrictEqual(typesOf(events), ["success", "ignored", "failure", "not-permitted"])
      assert.strictEqual(events[0]!.millis, 20)
      assert.strictEqual(events[2]!.error, "503")
      const { rejected, totals } = yield* breaker.snapshot
      assert.deepStrictEqual([totals.successes, totals.ignored, totals.failures, rejected], [1, 1, 1, 1])
    }))

  const slots = {
    "a bulkhead": Bulkhead.make({ name: "model", concurrency: 1, queue: 1 }),
    "a concurrency limit": ConcurrencyLimit.make({ name: "model", max: 1, queue: 1 })
  }

  for (const [name, make] of Object.entries(slots))
    it.effect(`hear each call that ${name} lets in, ends and rejects, also after a wait`, () =>
      Effect.gen(function*() {
        const bulkhead: Bulkhead.Bulkhead = yield* make
        const { events } = heard(bulkhead)
        const calls = yield* Effect.forEach(
          [1, 2, 3],
          () =>
            bulkhead.protect(Effect.sleep("1 second")).pipe(Effect.exit, Effect.forkChild({ startImmediately: true }))
        )
        yield* TestClock.adjust("2 seconds")
        yield* Effect.forEach(calls, Fiber.join)
        assert.deepStrictEqual(typesOf(events), ["permitted", "rejected", "finished", "permitted", "finished"])
      }))

  it.effect("hear each call that a rate limiter lets in and rejects", () =>
    Effect.gen(function*() {
      const limiter = yield* RateLimiter.make({ name: "model", limits: [RateLimiter.requests(1, "1 minute")] })
      const { events } = heard(limiter)
      yield* limiter.protect(Effect.void)
      yield* Effect.exit(limiter.protect(Effect.void))
      assert.deepStrictEqual(typesOf(events), ["permitted", "rejected"])
    }))

  it.effect("hear each further attempt of a retry, and how a call that needed one ends", () =>
    Effect.gen(function*() {
      const retry = yield* Retry.make<string>({ maxAttempts: 3, baseDelay: 0, while: (error) => error !== "400" })
      const { events } = heard(retry)
      const failing = (...errors: ReadonlyArray<string>) => {
        const left = [...errors]
        return Effect.exit(retry.protect(Effect.suspend(() => {
          const error = left.shift()
          return error === undefined ? Effect.void : Effect.fail(error)
        })))
      }
      yield* failing()
      yield* failing("503")
      yield* failing("503", "502", "501")
      yield* failing("400")
      assert.deepStrictEqual(events.map(({ attempts, error, type }) => `${type} ${error} ${attempts}`), [
        "retry 503 1",
        "success undefined 2",
        "retry 503 1",
        "retry 502 2",
        "failure 501 3",
        "ignored 400 1"
      ])
    }))

  it.effect("hear each call that a time-out ends", () =>
    Effect.gen(function*() {
      const timeout = yield* Deadline.make({ name: "model", duration: "1 second" })
      const { events } = heard(timeout)
      yield* timeout.protect(Effect.void)
      const late = yield* Effect.forkChild(Effect.exit(timeout.protect(Effect.never)), { startImmediately: true })
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(late)
      assert.deepStrictEqual(events, [{ type: "timeout", millis: 1000 }])
    }))

  it.effect("hear nothing once they have ended, each for itself, and one that throws disturbs nobody", () =>
    Effect.gen(function*() {
      const bulkhead = yield* Bulkhead.make({ name: "model", concurrency: 1 })
      const stopThrowing = listenToCalls(bulkhead, () => {
        throw new Error("a listener's own")
      })
      const first = heard(bulkhead)
      const second = heard(bulkhead)
      yield* bulkhead.protect(Effect.void)
      first.stop()
      first.stop()
      yield* bulkhead.protect(Effect.void)
      assert.strictEqual(first.events.length, 2)
      assert.strictEqual(second.events.length, 4)
      second.stop()
      stopThrowing()
      yield* bulkhead.protect(Effect.void)
      assert.strictEqual(second.events.length, 4)
    }))
})
