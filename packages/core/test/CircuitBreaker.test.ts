import { Bulkhead, CircuitBreaker, Outcome } from "@switchgear/core"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Context, Duration, Effect, Exit, Fiber, Layer, Random, Schedule, Stream } from "effect"
import { TestClock } from "effect/testing"

const ok = Effect.succeed("ok")
const bad = Effect.fail("bad" as const)
const { lastCalls, lasting } = CircuitBreaker

/** Two calls decide, so that stories stay short. */
const small = { name: "model", window: lastCalls(2), minimumCalls: 2 }

const run = <A, E, R>(breaker: CircuitBreaker.CircuitBreaker, self: Effect.Effect<A, E, R>) =>
  Effect.exit(breaker.protect(self))

const trip = (breaker: CircuitBreaker.CircuitBreaker) => Effect.repeat(run(breaker, bad), { times: 1 })

const isRejected = (exit: Exit.Exit<unknown, unknown>): boolean =>
  Exit.isFailure(exit) && Cause.squash(exit.cause) instanceof CircuitBreaker.CircuitOpen

/** A call that stays in flight until told how to end. */
const pending = (breaker: CircuitBreaker.CircuitBreaker) =>
  Effect.gen(function*() {
    let end: (exit: Exit.Exit<string, "bad">) => void = () => {}
    const fiber = yield* Effect.forkChild(
      breaker.protect(Effect.callback<string, "bad">((resume) => {
        end = resume
      })),
      { startImmediately: true }
    )
    const finish = (exit: Exit.Exit<string, "bad">) =>
      Effect.suspend(() => {
        end(exit)
        return Fiber.await(fiber)
      })
    return { fiber, finish }
  })

describe("a closed circuit", () => {
  it.effect("passes success, failure, defect and interruption through unchanged", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ name: "model" })
      assert.deepStrictEqual(yield* run(breaker, ok), Exit.succeed("ok"))
      assert.deepStrictEqual(yield* run(breaker, bad), Exit.fail("bad" as const))
      assert.deepStrictEqual(yield* run(breaker, Effect.die("bug")), Exit.die("bug"))
      assert.isTrue(Exit.hasInterrupts(yield* run(breaker, Effect.interrupt)))
    }))

  it.effect("opens when the failure rate over the last calls is reached exactly", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ name: "model", window: lastCalls(10), minimumCalls: 4 })
      yield* run(breaker, ok)
      yield* run(breaker, ok)
      yield* run(breaker, bad)
      assert.strictEqual(yield* breaker.state, "Closed")
      yield* run(breaker, bad)
      assert.strictEqual(yield* breaker.state, "Open")
    }))

  it.effect("compares rates without rounding: 7 failures in 100 reach 0.07", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ name: "model", minimumCalls: 100, failureRate: 0.07 })
      for (let i = 0; i < 93; i++) yield* run(breaker, ok)
      for (let i = 0; i < 6; i++) yield* run(breaker, bad)
      assert.strictEqual(yield* breaker.state, "Closed")
      yield* run(breaker, bad)
      assert.strictEqual(yield* breaker.state, "Open")
    }))

  it.effect("forgets calls that have left the count window", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({
        name: "model",
        window: lastCalls(4),
        minimumCalls: 4,
        failureRate: 0.75
      })
      for (const call of [bad, bad, ok, ok, ok, bad]) yield* run(breaker, call)
      const { calls, failureRate, state } = yield* breaker.snapshot
      assert.deepStrictEqual({ calls, failureRate, state }, { calls: 4, failureRate: 0.25, state: "Closed" })
    }))

  it.effect("forgets calls that have left the time window, slice by slice", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ name: "model", window: lasting("10 seconds"), minimumCalls: 3 })
      yield* run(breaker, bad)
      yield* TestClock.adjust("5 seconds")
      yield* run(breaker, bad)
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual((yield* breaker.snapshot).calls, 1)
      yield* run(breaker, bad)
      assert.strictEqual(yield* breaker.state, "Closed")
      yield* run(breaker, ok)
      assert.strictEqual(yield* breaker.state, "Open")
    }))

  it.effect("opens when too many calls were slow, even though they succeeded", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ ...small, slowCallDuration: "2 seconds", slowCallRate: 0.5 })
      yield* run(breaker, ok)
      const fiber = yield* Effect.forkChild(run(breaker, Effect.sleep("2 seconds")), { startImmediately: true })
      yield* TestClock.adjust("2 seconds")
      yield* Fiber.join(fiber)
      const { slowRate, state } = yield* breaker.snapshot
      assert.deepStrictEqual({ slowRate, state }, { slowRate: 0.5, state: "Open" })
    }))

  it.effect("opens on failures in a row whatever the window says, and a success starts the row anew", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ name: "model", failureRate: "off", consecutiveFailures: 3 })
      for (const call of [bad, bad, ok, bad, bad]) yield* run(breaker, call)
      assert.strictEqual(yield* breaker.state, "Closed")
      yield* run(breaker, bad)
      assert.strictEqual(yield* breaker.state, "Open")
    }))

  it.effect("counts a defect as a failure, and interruptions and rejections not at all", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ name: "model" })
      const inner = yield* Bulkhead.make({ name: "inner", concurrency: 1 })
      yield* Effect.forkChild(inner.protect(Effect.never), { startImmediately: true })
      yield* run(breaker, Effect.die("bug"))
      yield* run(breaker, Effect.interrupt)
      yield* run(breaker, inner.protect(ok))
      const { calls, failed, inFlight } = yield* breaker.snapshot
      assert.deepStrictEqual({ calls, failed, inFlight }, { calls: 1, failed: 1, inFlight: 0 })
    }))

  it.effect("lets the caller judge: values as failures, errors as nothing", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({
        ...small,
        classify: (exit) =>
          Exit.isSuccess(exit) && exit.value === "empty"
            ? Outcome.failure
            : Exit.isFailure(exit)
            ? Outcome.ignored
            : Outcome.success
      })
      yield* run(breaker, bad)
      yield* run(breaker, bad)
      yield* run(breaker, Effect.succeed("empty"))
      assert.strictEqual((yield* breaker.snapshot).calls, 1)
      yield* run(breaker, Effect.succeed("empty"))
      assert.strictEqual(yield* breaker.state, "Open")
    }))

  it.effect("keeps the result and the lease of a call whose judge throws", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({
        name: "model",
        classify: () => {
          throw new Error("broken judge")
        }
      })
      assert.deepStrictEqual(yield* run(breaker, bad), Exit.fail("bad" as const))
      const { failed, inFlight } = yield* breaker.snapshot
      assert.deepStrictEqual({ failed, inFlight }, { failed: 1, inFlight: 0 })
    }))

  it.effect("opens at once, for the time ordered, on a tripFor outcome", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ name: "model", maxRetryAfter: "2 hours" })
      const spent = breaker.protectWith({ classify: () => Outcome.tripFor("2 hours") })
      yield* Effect.exit(spent(bad))
      assert.deepStrictEqual((yield* breaker.snapshot).nextRetry, Duration.hours(2))
      yield* TestClock.adjust("2 hours")
      assert.strictEqual(yield* breaker.state, "HalfOpen")
    }))
})

describe("calls in flight", () => {
  const watchful = { ...small, slowCallDuration: "2 seconds" } as const

  it.effect("that hang count as slow before they end, and open the circuit", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make(watchful)
      const [first, second] = [yield* pending(breaker), yield* pending(breaker)]
      yield* TestClock.adjust("1999 millis")
      assert.strictEqual(yield* breaker.state, "Closed")
      yield* TestClock.adjust("1 millis")
      assert.isTrue(isRejected(yield* run(breaker, ok)))
      yield* first.finish(Exit.succeed("ok"))
      yield* second.finish(Exit.fail("bad"))
      const { inFlight, late, state } = yield* breaker.snapshot
      assert.deepStrictEqual({ inFlight, late, state }, { inFlight: 0, late: 2, state: "Open" })
    }))

  it.effect("that were counted as slow are counted once, and as failures too when they fail", () =>
    Effect.gen(function*() {
      for (const window of [lastCalls(10), lasting("1 minute")]) {
        const breaker = yield* CircuitBreaker.make({ ...watchful, window, minimumCalls: 5 })
        const [first, second] = [yield* pending(breaker), yield* pending(breaker)]
        yield* TestClock.adjust("3 seconds")
        const counts = Effect.map(breaker.snapshot, ({ calls, failed, slow }) => ({ calls, failed, slow }))
        assert.deepStrictEqual(yield* counts, { calls: 2, failed: 0, slow: 2 })
        yield* first.finish(Exit.succeed("ok"))
        yield* second.finish(Exit.fail("bad"))
        assert.deepStrictEqual(yield* counts, { calls: 2, failed: 1, slow: 2 })
      }
    }))

  it.effect("that are slow when they end are told with their own result, unless they opened the circuit before", () =>
    Effect.gen(function*() {
      const make = (minimumCalls: number) =>
        CircuitBreaker.make({
          name: "model",
          window: lastCalls(2),
          minimumCalls,
          failureRate: "off",
          slowCallDuration: "1 second",
          openFor: "10 seconds",
          maxRetryAfter: "1 hour",
          classify: () => Outcome.tripFor("1 hour")
        })
      for (
        const [minimumCalls, expected] of [
          [2, { failed: 1, late: 0, nextRetry: Duration.hours(1) }],
          [1, { failed: 0, late: 1, nextRetry: Duration.seconds(9) }]
        ] as const
      ) {
        const breaker = yield* make(minimumCalls)
        const call = yield* pending(breaker)
        yield* TestClock.adjust("2 seconds")
        yield* call.finish(Exit.fail("bad"))
        const { failed, late, nextRetry } = yield* breaker.snapshot
        assert.deepStrictEqual({ failed, late, nextRetry }, expected)
      }
    }))

  it.effect("that are slow and then ignored count as slow, whether somebody reads the circuit before they end or not", () =>
    Effect.gen(function*() {
      for (const window of [lastCalls(10), lasting("1 minute")]) {
        for (const read of [true, false]) {
          const breaker = yield* CircuitBreaker.make({ ...watchful, window, classify: () => Outcome.ignored })
          const call = yield* pending(breaker)
          yield* TestClock.adjust("3 seconds")
          if (read) yield* breaker.snapshot
          yield* call.finish(Exit.fail("bad"))
          const { calls, failed, slow, totals } = yield* breaker.snapshot
          assert.deepStrictEqual({ calls, failed, slow, totals }, {
            calls: 1,
            failed: 0,
            slow: 1,
            totals: { successes: 0, failures: 0, ignored: 1, slow: 1 }
          })
        }
      }
    }))

  it.effect("that were counted as slow before a reset are counted again with their results after it", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ ...watchful, window: lastCalls(4), minimumCalls: 4 })
      const calls = [yield* pending(breaker), yield* pending(breaker)]
      yield* TestClock.adjust("3 seconds")
      yield* breaker.snapshot
      yield* breaker.control.reset
      for (const call of calls) yield* call.finish(Exit.succeed("ok"))
      assert.deepStrictEqual((yield* breaker.snapshot).totals, { successes: 2, failures: 0, ignored: 0, slow: 2 })
    }))

  it.effect("become slow each by its own limit, whatever the limits of those before, and some never do", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({
        name: "model",
        failureRate: "off",
        slowCallRate: 1,
        minimumCalls: 100
      })
      for (
        const limit of ["Infinity", "9 seconds", "3 seconds", "6 seconds", "1 second", "Infinity", "5 seconds"] as const
      ) {
        const call = breaker.protectWith({ slowCallDuration: limit })(Effect.never)
        yield* Effect.forkDetach(call, { startImmediately: true })
      }
      const slow: Array<number> = []
      for (let second = 0; second < 10; second++) {
        slow.push((yield* breaker.snapshot).slow)
        yield* TestClock.adjust("1 second")
      }
      assert.deepStrictEqual(slow, [0, 1, 1, 2, 2, 3, 4, 4, 4, 5])
    }))

  it.effect("that have left the window before they fail change nothing", () =>
    Effect.gen(function*() {
      for (const window of [lastCalls(2), lasting("10 seconds")]) {
        const breaker = yield* CircuitBreaker.make({ ...watchful, window, slowCallRate: 1, minimumCalls: 2 })
        const early = yield* pending(breaker)
        yield* TestClock.adjust("2 seconds")
        yield* breaker.state
        yield* TestClock.adjust("10 seconds")
        yield* run(breaker, ok)
        yield* run(breaker, ok)
        yield* early.finish(Exit.fail("bad"))
        const { failed, state } = yield* breaker.snapshot
        assert.deepStrictEqual({ failed, state }, { failed: 0, state: "Closed" })
      }
    }))

  it.effect("may each have a limit of their own", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make(small)
      const patient = breaker.protectWith({ slowCallDuration: "1 minute" })
      const hasty = breaker.protectWith({ slowCallDuration: "1 second" })
      yield* Effect.forkChild(patient(Effect.never), { startImmediately: true })
      yield* Effect.forkChild(hasty(Effect.never), { startImmediately: true })
      yield* Effect.forkChild(breaker.protect(Effect.never), { startImmediately: true })
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual((yield* breaker.snapshot).slow, 1)
      yield* TestClock.adjust("50 seconds")
      assert.strictEqual(yield* breaker.state, "Open")
    }))

  it.effect("may be of a kind that is never slow", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ ...small, slowCallDuration: "1 second", slowCallRate: 0.1 })
      const stream = breaker.protectWith({ slowCallDuration: "Infinity" })
      yield* Effect.forkChild(stream(Effect.sleep("1 hour")), { startImmediately: true })
      yield* Effect.forkChild(stream(Effect.never), { startImmediately: true })
      yield* TestClock.adjust("1 hour")
      const { calls, slow, state } = yield* breaker.snapshot
      assert.deepStrictEqual({ calls, slow, state }, { calls: 1, slow: 0, state: "Closed" })
    }))
})

describe("a circuit that ramps up", () => {
  it.effect("passes a growing share after closing, and all when the time is over", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({
        ...small,
        window: lastCalls(1000),
        halfOpen: { calls: 1 },
        rampUp: { over: "10 seconds", from: 0.1 }
      })
      const passed = Effect.map(
        Effect.forEach(Array.from({ length: 100 }), () => run(breaker, ok)),
        (exits) => exits.filter(Exit.isSuccess).length
      )
      assert.strictEqual(yield* passed, 100)
      yield* breaker.control.trip("1 second")
      yield* TestClock.adjust("1 second")
      yield* run(breaker, ok)
      assert.strictEqual((yield* breaker.snapshot).rampUp, 0.1)
      const early = yield* passed
      yield* TestClock.adjust("5 seconds")
      const half = yield* passed
      yield* TestClock.adjust("5 seconds")
      // What was earned before 55 % set in may let one more pass.
      assert.include([55, 56], half)
      assert.deepStrictEqual([early, yield* passed], [10, 100])
      assert.isUndefined((yield* breaker.snapshot).rampUp)
    }))

  it.effect("says in its rejections that it is closing, and is not asked for a lease by the gate", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ ...small, halfOpen: { calls: 1 }, rampUp: { over: "10 seconds" } })
      yield* breaker.control.trip("1 second")
      yield* TestClock.adjust("1 second")
      yield* run(breaker, ok)
      const gated = breaker.protect(ok).pipe(breaker.gate, Effect.exit)
      const exits = yield* Effect.forEach(Array.from({ length: 100 }), () => gated)
      assert.strictEqual(exits.filter(Exit.isSuccess).length, 10)
      const refused = exits.find(Exit.isFailure)!
      assert.include((Cause.squash(refused.cause) as Error).message, "is Closed")
    }))
})

describe("an open circuit", () => {
  it.effect("rejects without running the work, with the time until it asks again", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make(small)
      yield* trip(breaker)
      yield* TestClock.adjust("10 seconds")
      let ran = 0
      const error = yield* Effect.flip(breaker.protect(Effect.sync(() => ran++)))
      assert.deepStrictEqual(
        { ...error },
        { ...new CircuitBreaker.CircuitOpen({ breaker: "model", state: "Open", retryAfter: Duration.seconds(20) }) }
      )
      assert.strictEqual(ran, 0)
      assert.strictEqual((yield* breaker.snapshot).rejected, 1)
    }))

  it.effect("captures no stack trace for a rejection", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make(small)
      yield* trip(breaker)
      const error = yield* Effect.flip(breaker.protect(ok))
      assert.notInclude(error.stack ?? "", "\n    at ")
      assert.include(new Error("a usual one").stack, "\n    at ")
    }))

  it.effect("becomes half-open at exactly the end of its time, not a millisecond earlier", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make(small)
      yield* trip(breaker)
      yield* TestClock.adjust("29999 millis")
      assert.isTrue(isRejected(yield* run(breaker, ok)))
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(yield* run(breaker, ok), Exit.succeed("ok"))
    }))

  it.effect("stays open longer for every opening in a row, and starts over after closing", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({
        ...small,
        openFor: Schedule.exponential("1 second"),
        halfOpen: { calls: 1 }
      })
      const waits: Array<number> = []
      const note = Effect.flatMap(breaker.snapshot, ({ nextRetry }) => {
        waits.push(Duration.toMillis(nextRetry!))
        return TestClock.adjust(nextRetry!)
      })
      yield* trip(breaker)
      yield* note
      for (let i = 0; i < 2; i++) {
        yield* run(breaker, bad)
        yield* note
      }
      yield* run(breaker, ok)
      assert.strictEqual(yield* breaker.state, "Closed")
      yield* trip(breaker)
      yield* note
      assert.deepStrictEqual(waits, [1000, 2000, 4000, 1000])
    }))

  it.effect("takes a step of its schedule for every opening in a row, also for one whose length was given", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({
        ...small,
        openFor: Schedule.exponential("1 second"),
        halfOpen: { calls: 1 }
      })
      const next = Effect.flatMap(
        breaker.snapshot,
        ({ nextRetry }) => Effect.as(TestClock.adjust(nextRetry!), Duration.toMillis(nextRetry!))
      )
      yield* breaker.control.trip()
      yield* next
      yield* run(breaker, bad)
      yield* breaker.control.close
      yield* breaker.control.trip("10 seconds")
      assert.strictEqual(yield* next, 10_000)
      yield* run(breaker, bad)
      assert.strictEqual(yield* next, 2000)
    }))

  it.effect("draws the jitter of its schedule from Random, and holds the last delay of a schedule that is done", () =>
    Effect.gen(function*() {
      const openings = Effect.gen(function*() {
        const breaker = yield* CircuitBreaker.make({
          ...small,
          openFor: Schedule.max([Schedule.jittered(Schedule.spaced("10 seconds")), Schedule.recurs(2)]),
          halfOpen: { calls: 1 }
        })
        const waits: Array<number> = []
        yield* trip(breaker)
        for (let i = 0; i < 4; i++) {
          const wait = (yield* breaker.snapshot).nextRetry!
          waits.push(Duration.toMillis(wait))
          yield* TestClock.adjust(wait)
          yield* run(breaker, bad)
        }
        return waits
      }).pipe(Random.withSeed("openings"))
      const waits = yield* openings
      assert.deepStrictEqual(yield* openings, waits)
      assert.isTrue(waits.every((wait) => wait >= 8000 && wait <= 12000))
      assert.notStrictEqual(waits[0], waits[1])
      assert.strictEqual(waits[3], waits[2])
    }))

  it.effect("gives way to the hint of a failed probe for its next opening", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ ...small, halfOpen: { calls: 1 } })
      yield* trip(breaker)
      yield* TestClock.adjust("30 seconds")
      yield* run(breaker, Effect.fail({ retryAfter: Duration.seconds(90) }))
      assert.deepStrictEqual((yield* breaker.snapshot).nextRetry, Duration.seconds(90))
    }))
})

describe("a half-open circuit", () => {
  const halfOpen = (calls: number, options: Partial<CircuitBreaker.Options> = {}) =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ ...small, ...options, halfOpen: { calls, ...options.halfOpen } })
      yield* breaker.control.trip("30 seconds")
      yield* TestClock.adjust("30 seconds")
      return breaker
    })

  it.effect("never has more than its probes in flight, however many arrive at once", () =>
    Effect.gen(function*() {
      const breaker = yield* halfOpen(3)
      const fibers = yield* Effect.forEach(Array.from({ length: 100 }), () =>
        Effect.forkChild(run(breaker, Effect.never), { startImmediately: true }))
      const { inFlight, rejected } = yield* breaker.snapshot
      assert.deepStrictEqual({ inFlight, rejected }, { inFlight: 3, rejected: 97 })
      yield* Fiber.interruptAll(fibers)
      assert.strictEqual((yield* breaker.snapshot).inFlight, 0)
    }))

  it.effect("closes as soon as the missing probes can no longer change the decision", () =>
    Effect.gen(function*() {
      const breaker = yield* halfOpen(5)
      yield* run(breaker, ok)
      yield* run(breaker, ok)
      assert.strictEqual(yield* breaker.state, "HalfOpen")
      yield* run(breaker, ok)
      assert.strictEqual(yield* breaker.state, "Closed")
    }))

  it.effect("opens again as soon as the failures suffice, one flaky probe alone does not", () =>
    Effect.gen(function*() {
      const breaker = yield* halfOpen(4)
      yield* run(breaker, bad)
      assert.strictEqual(yield* breaker.state, "HalfOpen")
      yield* run(breaker, bad)
      assert.strictEqual(yield* breaker.state, "Open")
    }))

  it.effect("judges by all its probes even when the minimum of calls is smaller", () =>
    Effect.gen(function*() {
      const breaker = yield* halfOpen(10, { window: lastCalls(2), minimumCalls: 1 })
      yield* run(breaker, bad)
      assert.strictEqual(yield* breaker.state, "HalfOpen")
    }))

  it.effect("opens again when probes are slow", () =>
    Effect.gen(function*() {
      const breaker = yield* halfOpen(1, { slowCallDuration: "1 second" })
      const fiber = yield* Effect.forkChild(run(breaker, Effect.sleep("1 second")), { startImmediately: true })
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(fiber)
      assert.strictEqual(yield* breaker.state, "Open")
    }))

  it.effect("opens again on one failed probe when only failures in a row count", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ name: "model", failureRate: "off", consecutiveFailures: 9 })
      yield* breaker.control.trip("1 second")
      yield* TestClock.adjust("1 second")
      yield* run(breaker, bad)
      assert.strictEqual(yield* breaker.state, "Open")
    }))

  for (
    const [how, probe] of [
      ["an ignored error", Effect.fail({ ignore: true })],
      ["an interruption", Effect.interrupt]
    ] as const
  ) {
    it.effect(`gets the probe back after ${how} and stays half-open`, () =>
      Effect.gen(function*() {
        const breaker = yield* halfOpen(1, {
          classify: (exit) =>
            Exit.isFailure(exit) && Cause.hasFails(exit.cause) ? Outcome.ignored : Outcome.fromExit(exit)
        })
        for (let i = 0; i < 3; i++) assert.isFalse(isRejected(yield* run(breaker, probe)))
        assert.strictEqual(yield* breaker.state, "HalfOpen")
        yield* run(breaker, ok)
        assert.strictEqual(yield* breaker.state, "Closed")
      }))
  }

  it.effect("opens again on a probe that dies", () =>
    Effect.gen(function*() {
      const breaker = yield* halfOpen(1)
      yield* run(breaker, Effect.die("bug"))
      assert.strictEqual(yield* breaker.state, "Open")
    }))

  it.effect("is not blocked by a probe that hangs: it opens again after maxWait and asks anew", () =>
    Effect.gen(function*() {
      const breaker = yield* halfOpen(1, { halfOpen: { maxWait: "20 seconds" } })
      const hung = yield* pending(breaker)
      yield* TestClock.adjust("19999 millis")
      assert.strictEqual(yield* breaker.state, "HalfOpen")
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(yield* breaker.state, "Open")
      yield* TestClock.adjust("30 seconds")
      assert.deepStrictEqual(yield* run(breaker, ok), Exit.succeed("ok"))
      assert.strictEqual(yield* breaker.state, "Closed")
      yield* hung.finish(Exit.fail("bad"))
      assert.strictEqual(yield* breaker.state, "Closed")
    }))

  it.effect("does not mind waiting for probes that nobody sends", () =>
    Effect.gen(function*() {
      const breaker = yield* halfOpen(2, { halfOpen: { maxWait: "20 seconds" } })
      yield* run(breaker, ok)
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(yield* breaker.state, "HalfOpen")
      yield* run(breaker, ok)
      assert.strictEqual(yield* breaker.state, "Closed")
    }))
})

describe("results of calls begun in an earlier state", () => {
  it.effect("do not decide a half-open circuit", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ ...small, halfOpen: { calls: 1 } })
      const early = yield* pending(breaker)
      yield* trip(breaker)
      yield* TestClock.adjust("30 seconds")
      assert.strictEqual(yield* breaker.state, "HalfOpen")
      assert.deepStrictEqual(yield* early.finish(Exit.succeed("ok")), Exit.succeed("ok"))
      const { late, state } = yield* breaker.snapshot
      assert.deepStrictEqual({ late, state }, { late: 1, state: "HalfOpen" })
    }))

  it.effect("do not count in the next closed period (ABA)", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ ...small, halfOpen: { calls: 1 } })
      const early = yield* pending(breaker)
      yield* trip(breaker)
      yield* TestClock.adjust("30 seconds")
      yield* run(breaker, ok)
      yield* early.finish(Exit.fail("bad"))
      const { calls, inFlight, late, state } = yield* breaker.snapshot
      assert.deepStrictEqual({ calls, inFlight, late, state }, { calls: 0, inFlight: 0, late: 1, state: "Closed" })
    }))

  it.effect("do not free a probe of a later half-open period", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ ...small, halfOpen: { calls: 1, maxWait: "5 seconds" } })
      yield* trip(breaker)
      yield* TestClock.adjust("30 seconds")
      const first = yield* pending(breaker)
      yield* TestClock.adjust("35 seconds")
      const second = yield* pending(breaker)
      yield* first.finish(Exit.fail("bad"))
      assert.isTrue(isRejected(yield* run(breaker, ok)))
      yield* second.finish(Exit.succeed("ok"))
      assert.strictEqual(yield* breaker.state, "Closed")
    }))
})

it.effect("the gate rejects what would be rejected and lets the rest pass uncounted", () =>
  Effect.gen(function*() {
    const breaker = yield* CircuitBreaker.make({ ...small, halfOpen: { calls: 1 } })
    const gated = Effect.exit(breaker.gate(bad))
    for (let i = 0; i < 5; i++) assert.deepStrictEqual(yield* gated, Exit.fail("bad" as const))
    assert.strictEqual((yield* breaker.snapshot).calls, 0)
    yield* trip(breaker)
    assert.isTrue(isRejected(yield* gated))
    yield* TestClock.adjust("30 seconds")
    assert.isFalse(isRejected(yield* gated))
    const probe = yield* pending(breaker)
    assert.isTrue(isRejected(yield* gated))
    yield* probe.finish(Exit.succeed("ok"))
    assert.isFalse(isRejected(yield* gated))
    assert.strictEqual((yield* breaker.snapshot).rejected, 2)
  }))

describe("control", () => {
  it.effect("forceOpen rejects until close, however long", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make(small)
      yield* breaker.control.forceOpen
      yield* TestClock.adjust("10 days")
      const error = yield* Effect.flip(breaker.protect(ok))
      assert.strictEqual(error.state, "ForcedOpen")
      assert.isUndefined(error.retryAfter)
      yield* breaker.control.close
      assert.deepStrictEqual(yield* run(breaker, ok), Exit.succeed("ok"))
    }))

  it.effect("disable lets everything pass and counts nothing; metricsOnly counts and never opens", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make(small)
      yield* breaker.control.disable
      yield* trip(breaker)
      assert.strictEqual((yield* breaker.snapshot).calls, 0)
      yield* breaker.control.metricsOnly
      yield* trip(breaker)
      const { failureRate, state } = yield* breaker.snapshot
      assert.deepStrictEqual({ failureRate, state }, { failureRate: 1, state: "MetricsOnly" })
    }))

  it.effect("reset closes with an empty window and counters at zero", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make(small)
      yield* trip(breaker)
      yield* run(breaker, ok)
      yield* breaker.control.reset
      const { calls, openings, rejected, state } = yield* breaker.snapshot
      assert.deepStrictEqual({ calls, openings, rejected, state }, {
        calls: 0,
        openings: 0,
        rejected: 0,
        state: "Closed"
      })
    }))
})

it.effect("openings of nonsense length are refused, and change nothing", () =>
  Effect.gen(function*() {
    const breaker = yield* CircuitBreaker.make(small)
    for (const duration of [-1, NaN]) {
      const exit = yield* Effect.exit(breaker.control.trip(duration))
      assert.instanceOf(Exit.isFailure(exit) && Cause.squash(exit.cause), RangeError)
      assert.throws(() => Outcome.tripFor(duration), RangeError)
    }
    assert.strictEqual(yield* breaker.state, "Closed")
  }))

it.effect("transitions tell every change of state with its reason", () =>
  Effect.gen(function*() {
    const breaker = yield* CircuitBreaker.make({ ...small, halfOpen: { calls: 1 } })
    const seen = yield* Effect.forkChild(Stream.runCollect(Stream.take(breaker.transitions, 4)), {
      startImmediately: true
    })
    yield* trip(breaker)
    yield* TestClock.adjust("30 seconds")
    yield* run(breaker, bad)
    yield* TestClock.adjust("30 seconds")
    yield* breaker.state
    assert.deepStrictEqual(
      (yield* Fiber.join(seen)).map((
        t
      ) => [t.breaker, t.from, t.to, t.reason, t.at, t.openFor && Duration.toMillis(t.openFor)]),
      [
        ["model", "Closed", "Open", "failure-rate", 0, 30_000],
        ["model", "Open", "HalfOpen", "open-elapsed", 30_000, undefined],
        ["model", "HalfOpen", "Open", "probes-failed", 30_000, 30_000],
        ["model", "Open", "HalfOpen", "open-elapsed", 60_000, undefined]
      ]
    )
  }))

it.effect("a service class shares one circuit between everything its layer is provided to", () =>
  Effect.gen(function*() {
    class Model extends CircuitBreaker.Service<Model>()("test/Model", { window: lastCalls(2) }) {}
    const program = Effect.gen(function*() {
      yield* Effect.exit(Model.protect(bad))
      yield* Effect.exit(bad.pipe(Model.protect))
      return yield* (yield* Model).snapshot
    })
    const { name, state } = yield* Effect.provide(program, Model.layer)
    assert.deepStrictEqual({ name, state }, { name: "test/Model", state: "Open" })
    const context = yield* Effect.scoped(Layer.build(Model.layerWith({ minimumCalls: 1 })))
    assert.strictEqual(Context.get(context, Model).name, "test/Model")
  }))

describe("nonsense options are refused with field, value and range:", () => {
  const cases: ReadonlyArray<readonly [Partial<CircuitBreaker.Options>, string]> = [
    [{ name: "" }, "name must be a text that is not empty, got \"\""],
    [{ failureRate: 1.5 }, "failureRate must be above 0 and at most 1, got 1.5"],
    [{ failureRate: NaN }, "failureRate must be above 0 and at most 1, got NaN"],
    [{ failureRate: 0 }, "failureRate must be above 0 and at most 1, got 0"],
    [{ slowCallRate: -1 }, "slowCallRate must be above 0 and at most 1, got -1"],
    [{ window: lastCalls(0) }, "window.calls must be a whole number of at least 1, got 0"],
    [{ window: lastCalls(1.5) }, "window.calls must be a whole number of at least 1, got 1.5"],
    [{ window: lasting("0 seconds") }, "window.duration must be a finite duration above zero, got \"0 seconds\""],
    [{ window: lasting("1 second", { buckets: 0 }) }, "window.buckets must be a whole number of at least 1, got 0"],
    [{ window: lastCalls(5), minimumCalls: 6 }, "minimumCalls must be a whole number from 1 to 5, got 6"],
    [{ minimumCalls: 0 }, "minimumCalls must be a whole number from 1 to 100, got 0"],
    [{ consecutiveFailures: 0 }, "consecutiveFailures must be a whole number of at least 1, got 0"],
    [{ openFor: "-1 seconds" }, "openFor must be a finite duration above zero, got \"-1 seconds\""],
    [{ openFor: NaN }, "openFor must be a finite duration above zero, got NaN"],
    [{ slowCallDuration: Duration.millis(-5) }, "slowCallDuration must be a finite duration above zero, got -5ms"],
    [{ rampUp: { over: 0 } }, "rampUp.over must be a finite duration above zero, got 0"],
    [{ rampUp: { over: "1 second", from: 0 } }, "rampUp.from must be above 0 and at most 1, got 0"],
    [{ halfOpen: { calls: 0 } }, "halfOpen.calls must be a whole number of at least 1, got 0"],
    [{ halfOpen: { maxWait: 0 } }, "halfOpen.maxWait must be a duration above zero, got 0"]
  ]
  for (const [options, message] of cases) {
    it.effect(message, () =>
      Effect.gen(function*() {
        const exit = yield* Effect.exit(CircuitBreaker.make({ name: "model", ...options }))
        assert.isTrue(Exit.isFailure(exit))
        const defect = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
        assert.instanceOf(defect, RangeError)
        assert.strictEqual((defect as RangeError).message, `CircuitBreaker.make: ${message}`)
      }))
  }
})
