/** A caller without patience is no sick callee; a target that hangs is, also under total deadlines alone. */
import { assert, describe, it } from "@effect/vitest"
import { CircuitBreaker, Deadline, Outcome } from "@switchgear/core"
import { type Duration, Effect, Exit, Fiber, Schema } from "effect"
import { TestClock } from "effect/testing"

const run = (call: Effect.Effect<unknown, unknown>, time: Duration.Input) =>
  Effect.gen(function*() {
    const fiber = yield* Effect.forkChild(Effect.exit(call), { startImmediately: true })
    yield* TestClock.adjust(time)
    return yield* Fiber.join(fiber)
  })

const times = (n: number, effect: Effect.Effect<unknown, unknown>) =>
  Effect.forEach(Array.from({ length: n }), () => effect, { discard: true })

const make = (options: Partial<CircuitBreaker.Options> = {}) => CircuitBreaker.make({ name: "model", ...options })

const answers = (duration: Duration.Input) => Effect.sleep(duration)

const ends = Schema.Literals([
  "an interruption",
  "a time-out",
  "two time-outs",
  "an error of the client",
  "a defect",
  "a time-out and an interruption",
  "an interruption and a defect",
  "a time-out and a defect"
])
type End = typeof ends.Type

/** What a call may look like that its caller's deadline ends. */
const shown: { readonly [Name in End]: (work: Effect.Effect<void>) => Effect.Effect<unknown, unknown> } = {
  "an interruption": (work) => work,
  "a time-out": (work) => timed(work),
  "two time-outs": (work) => Effect.race(timed(work), timed(work)),
  "an error of the client": (work) => Effect.mapError(timed(work), () => "The provider timed out."),
  "a defect": (work) => Effect.orDie(timed(work)),
  "a time-out and an interruption": (work) =>
    Effect.acquireUseRelease(Effect.void, () => timed(work), () => Effect.sleep(1)),
  "an interruption and a defect": (work) => Effect.onInterrupt(work, () => Effect.die("The socket was closed.")),
  "a time-out and a defect": (work) => timed(Effect.onInterrupt(work, () => Effect.die("The socket was closed.")))
}

const timed = (work: Effect.Effect<void>) => Deadline.attempt("10 seconds")(work)

const given = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 99 }))

describe("a total deadline", () => {
  it.effect("of ten callers with 5 ms left does not open the circuit of a target that takes 20 ms", () =>
    Effect.gen(function*() {
      const breaker = yield* make()
      const call = answers("20 millis").pipe(Deadline.attempt("10 seconds"), breaker.protect)
      yield* times(10, run(Deadline.within("5 millis")(call), "5 millis"))
      const { calls, inFlight, state } = yield* breaker.snapshot
      assert.deepStrictEqual({ calls, inFlight, state }, { calls: 0, inFlight: 0, state: "Closed" })
    }))

  it.effect.prop(
    "says nothing of a target that would have answered later, and opens the circuit of one that hangs, however its end shows",
    [ends, given],
    ([end, millis]) =>
      Effect.gen(function*() {
        const healthy = yield* make()
        // What is shown to take 200 ms is not sick when callers wait for less.
        const call = healthy.protect(shown[end](answers("200 millis")))
        yield* times(20, run(Deadline.within(millis)(call), "1 second"))
        const { calls, failed, inFlight, state } = yield* healthy.snapshot
        assert.deepStrictEqual({ calls, failed, inFlight, state }, {
          calls: 0,
          failed: 0,
          inFlight: 0,
          state: "Closed"
        })
        const sick = yield* make()
        yield* times(10, run(Deadline.within("5 seconds")(sick.protect(shown[end](Effect.never))), "6 seconds"))
        assert.strictEqual(yield* sick.state, "Open")
      }),
    { arbitrary: { runs: 60 } }
  )

  it.effect("does not teach what an answer takes by the call that it ended", () =>
    Effect.gen(function*() {
      const breaker = yield* make()
      const part = answers("20 millis").pipe(Deadline.attempt("10 seconds"), Effect.ignore)
      yield* times(10, run(Deadline.within("5 millis")(breaker.protect(part)), "5 millis"))
      yield* times(20, run(Deadline.within("6 millis")(breaker.protect(answers("20 millis"))), "6 millis"))
      const { failed, state } = yield* breaker.snapshot
      assert.deepStrictEqual({ failed, state }, { failed: 0, state: "Closed" })
    }))

  for (
    const [title, guarded] of [
      ["around the circuit", (breaker: CircuitBreaker.CircuitBreaker) => breaker.protect(Effect.never)],
      [
        "around the circuit and an attempt time-out",
        (breaker: CircuitBreaker.CircuitBreaker) => Effect.never.pipe(Deadline.attempt("1 minute"), breaker.protect)
      ]
    ] as const
  ) {
    it.effect(`opens the circuit of a target that hangs, ${title}`, () =>
      Effect.gen(function*() {
        const breaker = yield* make()
        yield* times(10, run(Deadline.within("5 seconds")(guarded(breaker)), "5 seconds"))
        assert.strictEqual(yield* breaker.state, "Open")
      }))
  }

  it.effect("counts from what answered calls take, inclusive", () =>
    Effect.gen(function*() {
      const breaker = yield* make({ minimumCalls: 100 })
      const failedAfter = (given: number) =>
        Effect.gen(function*() {
          const before = (yield* breaker.snapshot).failed
          yield* run(Deadline.within(given)(breaker.protect(Effect.never)), given)
          return (yield* breaker.snapshot).failed - before
        })
      assert.deepStrictEqual([yield* failedAfter(999), yield* failedAfter(1000)], [0, 1])
      yield* times(20, run(Deadline.within("1 minute")(breaker.protect(answers("20 millis"))), "20 millis"))
      assert.deepStrictEqual([yield* failedAfter(19), yield* failedAfter(20)], [0, 1])
    }))

  it.effect("counts from what calls under no deadline take, too", () =>
    Effect.gen(function*() {
      const breaker = yield* make()
      yield* times(3, run(breaker.protect(answers("20 millis")), "20 millis"))
      yield* times(17, run(Deadline.within("20 millis")(breaker.protect(Effect.never)), "20 millis"))
      assert.strictEqual(yield* breaker.state, "Open")
    }))

  const givenEach = Schema.Int.check(Schema.isBetween({ minimum: 100, maximum: 2000 }))

  it.effect.prop(
    "of 100 ms or more opens the circuit of a target that has never answered, once callers have waited for a second in all",
    [givenEach],
    ([millis]) =>
      Effect.gen(function*() {
        const breaker = yield* make()
        const call = run(Deadline.within(millis)(breaker.protect(Effect.never)), millis)
        // The tenth that counts opens it; those that ended before the second was over do not.
        yield* times(Math.ceil(1000 / millis) + 8, call)
        assert.strictEqual(yield* breaker.state, "Closed")
        yield* call
        assert.strictEqual(yield* breaker.state, "Open")
      })
  )

  const slowAnswers = Schema.Array(Schema.Literals([20, 300, 2000]))

  it.effect.prop(
    "of 100 ms or more opens the circuit of a target that hangs, however slowly it answered before",
    [slowAnswers, givenEach],
    ([before, millis]) =>
      Effect.gen(function*() {
        const breaker = yield* make({ openFor: "1 day" })
        for (const duration of before) yield* run(breaker.protect(answers(duration)), duration)
        // Nobody has had an answer for eight times what the slowest took.
        yield* times(Math.ceil(16_000 / millis), run(Deadline.within(millis)(breaker.protect(Effect.never)), millis))
        yield* times(50, run(Deadline.within(millis)(breaker.protect(Effect.never)), millis))
        assert.strictEqual(yield* breaker.state, "Open")
      }),
    { arbitrary: { runs: 30, size: 8 } }
  )

  it.effect("below what answers take opens no circuit while others have answers", () =>
    Effect.gen(function*() {
      const breaker = yield* make()
      yield* times(8, run(breaker.protect(answers("2 seconds")), "2 seconds"))
      const impatient = Effect.exit(Deadline.within("500 millis")(breaker.protect(answers("2 seconds"))))
      const minute = Effect.all([
        Effect.repeat(impatient, { times: 119 }),
        Effect.repeat(breaker.protect(answers("2 seconds")), { times: 29 })
      ], { concurrency: "unbounded" })
      yield* run(minute, "1 minute")
      const { failed, state } = yield* breaker.snapshot
      assert.deepStrictEqual({ failed, state }, { failed: 0, state: "Closed" })
    }))

  const tooLittle = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 99 }))

  it.effect.prop(
    "below 100 ms opens no circuit of a target that has not answered yet, however many callers give so little",
    [tooLittle],
    ([millis]) =>
      Effect.gen(function*() {
        const breaker = yield* make()
        yield* times(300, run(Deadline.within(millis)(breaker.protect(answers("1 second"))), millis))
        assert.strictEqual(yield* breaker.state, "Closed")
      })
  )

  it.effect("of many callers at once does not open the circuit of a target that takes longer than they wait, but answers", () =>
    Effect.gen(function*() {
      const breaker = yield* make()
      const call = breaker.protect(answers("800 millis"))
      const burst = Effect.all(Array.from({ length: 50 }, () => Effect.exit(Deadline.within("600 millis")(call))), {
        concurrency: "unbounded"
      })
      yield* Effect.forkChild(burst, { startImmediately: true })
      const patient = yield* run(call, "800 millis")
      assert.isTrue(Exit.isSuccess(patient))
      yield* run(burst, "600 millis")
      const { calls, failed, state } = yield* breaker.snapshot
      assert.deepStrictEqual({ calls, failed, state }, { calls: 1, failed: 0, state: "Closed" })
    }))

  it.effect("of half the average does not open the circuit of a target whose answers take longer or shorter, while others wait for them", () =>
    Effect.gen(function*() {
      const breaker = yield* make({ failureRate: 0.2 })
      for (let i = 0; i < 2000; i++) {
        // From 0.2 to 1.8 seconds, evenly.
        const call = breaker.protect(answers(200 + (i * 7919) % 1600))
        yield* run(i % 2 === 0 ? call : Deadline.within("500 millis")(call), "2 seconds")
      }
      const { openings, state } = yield* breaker.snapshot
      assert.deepStrictEqual({ openings, state }, { openings: 0, state: "Closed" })
    }))

  it.effect("counts always, never, or from a given time on", () =>
    Effect.gen(function*() {
      const failed = Effect.fnUntraced(function*(patience: Duration.Input, given: Duration.Input) {
        const breaker = yield* make({ patience })
        yield* run(Deadline.within(given)(breaker.protect(Effect.never)), given)
        return (yield* breaker.snapshot).failed
      })
      assert.strictEqual(yield* failed(0, "1 millis"), 1)
      assert.strictEqual(yield* failed("Infinity", "1 day"), 0)
      assert.deepStrictEqual([yield* failed(50, 49), yield* failed(50, 50)], [0, 1])
    }))

  it.effect("that ended nobody does not make a failure of what is interrupted after it", () =>
    Effect.gen(function*() {
      const breaker = yield* make({ patience: 0 })
      const begin = Effect.forkDetach(breaker.protect(Effect.never), { startImmediately: true })
      const held = yield* begin.pipe(Deadline.within("30 seconds"))
      yield* TestClock.adjust("40 seconds")
      yield* Fiber.interrupt(held)
      const { calls, inFlight } = yield* breaker.snapshot
      assert.deepStrictEqual([calls, inFlight], [0, 0])
    }))

  it.effect("opens the circuit of a target that hangs also after streams that went on beyond the deadline under which they began", () =>
    Effect.gen(function*() {
      const breaker = yield* make()
      const begin = Effect.forkDetach(breaker.protect(answers("1 minute")), { startImmediately: true })
      const stream = Effect.flatMap(begin.pipe(Deadline.within("5 seconds")), Fiber.join)
      yield* times(3, run(stream, "1 minute"))
      yield* times(10, run(Deadline.within("5 seconds")(breaker.protect(Effect.never)), "5 seconds"))
      assert.strictEqual(yield* breaker.state, "Open")
    }))

  it.effect("that had passed before the work was begun says nothing, whatever the patience", () =>
    Effect.gen(function*() {
      const breaker = yield* make({ patience: 0 })
      const late = Deadline.attempt("10 seconds")(Effect.void)
      yield* run(
        Deadline.within("1 second")(Effect.uninterruptible(Effect.andThen(
          Effect.sleep("2 seconds"),
          breaker.protect(late)
        ))),
        "2 seconds"
      )
      const { calls, inFlight } = yield* breaker.snapshot
      assert.deepStrictEqual({ calls, inFlight }, { calls: 0, inFlight: 0 })
    }))

  it.effect("gives the place of a probe back, or fails it", () =>
    Effect.gen(function*() {
      const breaker = yield* make({ minimumCalls: 1, openFor: "1 second", halfOpen: { calls: 1 } })
      const call = (given: Duration.Input) => run(Deadline.within(given)(breaker.protect(Effect.never)), given)
      yield* breaker.control.trip()
      yield* TestClock.adjust("1 second")
      yield* call("5 millis")
      assert.strictEqual(yield* breaker.state, "HalfOpen")
      yield* call("5 seconds")
      assert.strictEqual(yield* breaker.state, "Open")
    }))

  it.effect("that counts is judged by classify, as what the caller sees", () =>
    Effect.gen(function*() {
      const seen: Array<unknown> = []
      const breaker = yield* make({
        classify: (exit) => {
          seen.push(Exit.isFailure(exit) ? Exit.findErrorOption(exit) : exit)
          return Outcome.ignored
        }
      })
      yield* run(Deadline.within("5 millis")(breaker.protect(Effect.never)), "5 millis")
      assert.strictEqual(seen.length, 0)
      yield* run(Deadline.within("5 seconds")(breaker.protect(Effect.never)), "5 seconds")
      assert.strictEqual(seen.length, 1)
      assert.include(JSON.stringify(seen), "DeadlineExceeded")
      assert.strictEqual((yield* breaker.snapshot).calls, 0)
    }))
})

it.effect("an interruption before the deadline counts for nothing, and an attempt time-out always counts", () =>
  Effect.gen(function*() {
    const breaker = yield* make()
    const fiber = yield* Effect.forkChild(Deadline.within("1 minute")(breaker.protect(Effect.never)), {
      startImmediately: true
    })
    yield* TestClock.adjust("30 seconds")
    yield* Fiber.interrupt(fiber)
    assert.strictEqual((yield* breaker.snapshot).calls, 0)
    yield* run(breaker.protect(Deadline.attempt("1 millis")(Effect.never)), "1 millis")
    assert.strictEqual((yield* breaker.snapshot).failed, 1)
  }))
