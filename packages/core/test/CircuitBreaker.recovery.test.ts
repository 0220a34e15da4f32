/** How a circuit learns that its target is well again, and how long others can keep it open. */
import { assert, describe, it } from "@effect/vitest"
import { CircuitBreaker, Outcome } from "@switchgear/core"
import { Cause, Duration, Effect, Exit, Fiber, Stream } from "effect"
import { TestClock } from "effect/testing"

type Breaker = CircuitBreaker.CircuitBreaker

const ok = Effect.succeed("ok")
const bad = Effect.fail("bad" as const)

const begin = (breaker: Breaker, work: Effect.Effect<unknown, unknown>) =>
  Effect.forkDetach(Effect.exit(breaker.protect(work)), { startImmediately: true })

const takes = (duration: Duration.Input, end: Effect.Effect<unknown, unknown> = ok) =>
  Effect.andThen(Effect.sleep(duration), end)

const collect = (breaker: Breaker) =>
  Effect.gen(function*() {
    const seen: Array<CircuitBreaker.Transition> = []
    yield* Effect.forkDetach(
      Stream.runForEach(breaker.transitions, (transition) => Effect.sync(() => seen.push(transition))),
      { startImmediately: true }
    )
    return seen
  })

/** Half-open, with one second for each opening. */
const recovering = (options: Partial<CircuitBreaker.Options> = {}) =>
  Effect.gen(function*() {
    const breaker = yield* CircuitBreaker.make({ name: "model", minimumCalls: 1, openFor: "1 second", ...options })
    yield* breaker.control.trip()
    yield* TestClock.adjust("1 second")
    return breaker
  })

describe("a probe that outlives its half-open period", () => {
  it.effect("closes the circuit of a target whose answers take longer than maxWait", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ name: "reasoning", minimumCalls: 1 })
      yield* breaker.control.trip()
      for (let minute = 0; minute < 10; minute++) {
        yield* TestClock.adjust("1 minute")
        for (let i = 0; i < 5; i++) yield* begin(breaker, takes("90 seconds"))
      }
      assert.strictEqual(yield* breaker.state, "Closed")
      assert.isAtMost((yield* breaker.snapshot).openings, 2)
    }))

  it.effect("is added to the other results, however rarely calls come", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ name: "reasoning", minimumCalls: 1 })
      yield* breaker.control.trip()
      for (let i = 0; i < 20; i++) {
        yield* TestClock.adjust("40 seconds")
        yield* begin(breaker, takes("90 seconds"))
      }
      assert.strictEqual(yield* breaker.state, "Closed")
    }))

  it.effect("counts while the circuit is Open, and closes it when the decision is certain", () =>
    Effect.gen(function*() {
      const breaker = yield* recovering({ openFor: "1 minute", halfOpen: { calls: 2, maxWait: "5 seconds" } })
      yield* TestClock.adjust("1 minute")
      const seen = yield* collect(breaker)
      yield* begin(breaker, takes("7 seconds"))
      yield* begin(breaker, takes("9 seconds"))
      yield* TestClock.adjust("8 seconds")
      assert.strictEqual(yield* breaker.state, "Open")
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* breaker.state, "Closed")
      assert.deepStrictEqual(seen.map(({ reason }) => reason), ["open-elapsed", "probe-outlasted", "probes-succeeded"])
      assert.strictEqual((yield* breaker.snapshot).late, 0)
    }))

  it.effect("moves nothing when it fails, is slow, or ends after the circuit was changed by hand", () =>
    Effect.gen(function*() {
      const breaker = yield* recovering({
        halfOpen: { calls: 1, maxWait: "2 seconds" },
        slowCallDuration: "10 seconds"
      })
      const start = Effect.fnUntraced(function*(work: Effect.Effect<unknown, unknown>) {
        yield* TestClock.adjust("1 hour")
        yield* begin(breaker, work)
      })
      yield* start(takes("4 seconds", bad))
      yield* TestClock.adjust("4 seconds")
      assert.strictEqual(yield* breaker.state, "HalfOpen")
      yield* start(takes("10 seconds"))
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(yield* breaker.state, "HalfOpen")
      yield* start(takes("2500 millis"))
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual(yield* breaker.state, "Open")
      yield* breaker.control.trip("1 minute")
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* breaker.state, "Open")
      assert.strictEqual((yield* breaker.snapshot).late, 3)
    }))

  it.effect("is forgotten when the next period has decided", () =>
    Effect.gen(function*() {
      const breaker = yield* recovering({ halfOpen: { calls: 1, maxWait: "2 seconds" } })
      yield* begin(breaker, takes("3500 millis"))
      yield* TestClock.adjust("3 seconds")
      yield* Effect.exit(breaker.protect(bad))
      assert.strictEqual(yield* breaker.state, "Open")
      yield* TestClock.adjust("500 millis")
      assert.strictEqual(yield* breaker.state, "Open")
    }))

  it.effect("never makes more than `calls` of them in one period", () =>
    Effect.gen(function*() {
      const breaker = yield* recovering({ halfOpen: { calls: 3, maxWait: "2 seconds" } })
      const admitted = () => Effect.map(breaker.snapshot, ({ inFlight }) => inFlight)
      for (let i = 0; i < 10; i++) yield* begin(breaker, takes("3 seconds"))
      assert.strictEqual(yield* admitted(), 3)
      yield* TestClock.adjust("3 seconds")
      assert.strictEqual(yield* breaker.state, "Closed")
    }))

  it.effect("that says that it is alive is waited for", () =>
    Effect.gen(function*() {
      const breaker = yield* recovering({ halfOpen: { calls: 2, maxWait: "5 seconds" } })
      const chunk = Effect.andThen(Effect.sleep("4 seconds"), CircuitBreaker.stillAlive)
      yield* begin(breaker, Effect.repeat(chunk, { times: 20 }))
      yield* begin(breaker, Effect.repeat(chunk, { times: 20 }))
      yield* TestClock.adjust("84 seconds")
      const { openings, state } = yield* breaker.snapshot
      assert.deepStrictEqual({ openings, state }, { openings: 1, state: "Closed" })
    }))

  it.effect("is known to every circuit around it as alive, and to none when it is no probe", () =>
    Effect.gen(function*() {
      const outer = yield* recovering({ halfOpen: { calls: 1, maxWait: "5 seconds" } })
      const inner = yield* recovering({ halfOpen: { calls: 1, maxWait: "5 seconds" } })
      const chunk = Effect.andThen(Effect.sleep("4 seconds"), CircuitBreaker.stillAlive)
      yield* begin(outer, inner.protect(Effect.repeat(chunk, { times: 3 })))
      yield* TestClock.adjust("16 seconds")
      assert.deepStrictEqual([yield* outer.state, yield* inner.state], ["Closed", "Closed"])
      yield* CircuitBreaker.stillAlive
      yield* outer.protect(CircuitBreaker.stillAlive)
    }))
})

it.effect("a probe that calls its own circuit again is one probe", () =>
  Effect.gen(function*() {
    const breaker = yield* recovering({ halfOpen: { calls: 1 } })
    const nested = Effect.andThen(Effect.yieldNow, breaker.gate(breaker.protect(ok)))
    assert.strictEqual(yield* breaker.protect(nested), "ok")
    const { rejected, state } = yield* breaker.snapshot
    assert.deepStrictEqual({ rejected, state }, { rejected: 0, state: "Closed" })
  }))

describe("what the other side asks for", () => {
  const asked = (classify: Outcome.Classify, error: unknown, maxRetryAfter?: Duration.Input) =>
    Effect.gen(function*() {
      const breaker = yield* recovering({ halfOpen: { calls: 1 }, classify, maxRetryAfter })
      const seen = yield* collect(breaker)
      yield* Effect.exit(breaker.protect(Effect.fail(error)))
      yield* Effect.yieldNow
      const { askedFor, openFor } = seen.find(({ to }) => to === "Open")!
      assert.deepStrictEqual((yield* breaker.snapshot).nextRetry, openFor)
      return { askedFor: askedFor && Duration.format(askedFor), openFor: openFor && Duration.format(openFor) }
    })
  const day = { retryAfter: Duration.days(1) }

  for (
    const [title, classify, error, askedFor, openFor] of [
      ["the retryAfter of an error", Outcome.fromExit, day, "1d", "10m"],
      ["a day by failureAfter", () => Outcome.failureAfter("1 day"), "503", "1d", "10m"],
      ["an epoch by failureAfter", () => Outcome.failureAfter("1764347400 seconds"), "503", "20420d 16h 30m", "10m"],
      ["for ever by failureAfter", () => Outcome.failureAfter("Infinity"), "503", "Infinity", "10m"],
      ["a day by tripFor", () => Outcome.tripFor("1 day"), "503", "1d", "10m"],
      ["for ever by tripFor", () => Outcome.tripFor("Infinity"), "503", "Infinity", "10m"],
      ["five minutes by tripFor", () => Outcome.tripFor("5 minutes"), "503", "5m", "5m"],
      ["a time below zero", () => Outcome.failureAfter("-5 seconds"), "503", undefined, "1s"],
      ["no number", () => Outcome.failureAfter(NaN), "503", undefined, "1s"],
      ["nothing", Outcome.fromExit, "503", undefined, "1s"]
    ] as const
  ) {
    it.effect(`is granted up to maxRetryAfter, and told: ${title}`, () =>
      Effect.map(asked(classify, error), (told) => assert.deepStrictEqual(told, { askedFor, openFor })))
  }

  it.effect("is granted up to another maxRetryAfter", () =>
    Effect.map(
      asked(Outcome.fromExit, day, "1 hour"),
      (told) => assert.deepStrictEqual(told, { askedFor: "1d", openFor: "1h" })
    ))
})

describe("a command", () => {
  const settled = Effect.repeat(Effect.yieldNow, { times: 4 })

  it.effect("in the state that is already there changes and announces nothing", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ name: "model", openFor: "1 minute" })
      const seen = yield* collect(breaker)
      const twice = (command: Effect.Effect<void>) => Effect.andThen(command, command)
      yield* Effect.exit(breaker.protect(bad))
      yield* twice(breaker.control.close)
      assert.strictEqual((yield* breaker.snapshot).calls, 1)
      for (const command of ["forceOpen", "disable", "metricsOnly", "reset"] as const) {
        yield* twice(breaker.control[command])
      }
      yield* twice(breaker.control.trip())
      yield* settled
      assert.deepStrictEqual(seen.map(({ to }) => to), ["ForcedOpen", "Disabled", "MetricsOnly", "Closed", "Open"])
      assert.strictEqual((yield* breaker.snapshot).openings, 1)
    }))

  it.effect("reset empties the window and the counters also while Closed", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ name: "model" })
      const seen = yield* collect(breaker)
      const running = yield* begin(breaker, takes("1 second", bad))
      yield* Effect.exit(breaker.protect(bad))
      yield* breaker.control.reset
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(running)
      const { calls, inFlight, late } = yield* breaker.snapshot
      assert.deepStrictEqual({ calls, inFlight, late, told: seen.length }, { calls: 0, inFlight: 0, late: 1, told: 0 })
    }))

  it.effect("trip gives an open circuit another length, and leaves what was set by hand", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ name: "model", openFor: "1 minute" })
      yield* breaker.control.trip("1 day")
      assert.deepStrictEqual((yield* breaker.snapshot).nextRetry, Duration.days(1))
      yield* breaker.control.trip("1 second")
      assert.deepStrictEqual((yield* breaker.snapshot).nextRetry, Duration.seconds(1))
      for (const [command, state] of [["forceOpen", "ForcedOpen"], ["disable", "Disabled"]] as const) {
        yield* breaker.control[command]
        yield* breaker.control.trip("1 second")
        yield* TestClock.adjust("1 minute")
        assert.strictEqual(yield* breaker.state, state)
      }
    }))

  it.effect("trip dies on a length without an end", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ name: "model" })
      const exit = yield* Effect.exit(breaker.control.trip("Infinity"))
      assert.instanceOf(Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined, RangeError)
      assert.strictEqual(yield* breaker.state, "Closed")
    }))
})
