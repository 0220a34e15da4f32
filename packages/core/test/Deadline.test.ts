import { Bulkhead, CircuitBreaker, Deadline, Outcome, Pipeline, RateLimiter } from "@switchgear/core"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Clock, Deferred, Duration, Effect, Exit, Fiber } from "effect"
import { TestClock } from "effect/testing"

const fork = <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.forkChild(Effect.exit(self), { startImmediately: true })

const failureOf = <A, E>(exit: Exit.Exit<A, E>) => Exit.isFailure(exit) ? Cause.squash(exit.cause) : exit.value

const isExceeded = (exit: Exit.Exit<unknown, unknown>, limit: Deadline.Limit, after: Duration.Input) => {
  const error = failureOf(exit)
  assert.instanceOf(error, Deadline.DeadlineExceeded)
  const { limit: actual, after: given } = error as Deadline.DeadlineExceeded
  assert.deepStrictEqual([actual, Duration.toMillis(given)], [limit, Duration.toMillis(after)])
}

for (const combinator of ["within", "attempt"] as const) {
  const limit = Deadline[combinator]("1 second")
  const kind = combinator === "within" ? "total" : "attempt"

  describe(`Deadline.${combinator}`, () => {
    it.effect("passes success, failure, defect and interruption through unchanged, at once or later", () =>
      Effect.gen(function*() {
        const soon = <A, E>(exit: Exit.Exit<A, E>) => Effect.andThen(Effect.sleep("1 millis"), exit)
        for (const exit of [Exit.succeed(1), Exit.fail("bad"), Exit.die("bug")]) {
          assert.deepStrictEqual(yield* Effect.exit(limit(exit)), exit)
          const fiber = yield* fork(limit(soon(exit)))
          yield* TestClock.adjust("1 millis")
          assert.deepStrictEqual(yield* Fiber.join(fiber), exit)
        }
        assert.isTrue(Exit.hasInterrupts(yield* Effect.exit(limit(Effect.interrupt))))
      }))

    it.effect("fails at exactly its time and interrupts the work", () =>
      Effect.gen(function*() {
        let interrupted = false
        const work = Effect.onInterrupt(Effect.never, () => Effect.sync(() => interrupted = true))
        const fiber = yield* fork(limit(work))
        yield* TestClock.adjust("999 millis")
        assert.isUndefined(fiber.pollUnsafe())
        yield* TestClock.adjust("1 millis")
        isExceeded(yield* Fiber.join(fiber), kind, "1 second")
        assert.isTrue(interrupted)
      }))

    it.effect("waits for the finalizers of the interrupted work", () =>
      Effect.gen(function*() {
        const fiber = yield* fork(limit(Effect.onInterrupt(Effect.never, () => Effect.sleep("1 second"))))
        yield* TestClock.adjust("1999 millis")
        assert.isUndefined(fiber.pollUnsafe())
        yield* TestClock.adjust("1 millis")
        isExceeded(yield* Fiber.join(fiber), kind, "1 second")
      }))

    it.effect("keeps a defect that came to light while it interrupted", () =>
      Effect.gen(function*() {
        const fiber = yield* fork(limit(Effect.onInterrupt(Effect.never, () => Effect.die("finalizer broke"))))
        yield* TestClock.adjust("1 second")
        const exit = yield* Fiber.join(fiber)
        const cause = Exit.isFailure(exit) ? exit.cause : Cause.empty
        assert.isTrue(Cause.hasDies(cause))
        assert.isTrue(Cause.hasFails(cause))
      }))

    it.effect("interrupts the work and its timer when it is interrupted itself", () =>
      Effect.gen(function*() {
        let interrupted = 0
        const fiber = yield* fork(limit(Effect.onInterrupt(Effect.never, () => Effect.sync(() => interrupted++))))
        yield* Fiber.interrupt(fiber)
        yield* TestClock.adjust("1 hour")
        assert.strictEqual(interrupted, 1)
      }))

    it.effect("keeps a defect that came to light while it was interrupted itself", () =>
      Effect.gen(function*() {
        const fiber = yield* fork(limit(Effect.onInterrupt(Effect.never, () => Effect.die("finalizer broke"))))
        fiber.interruptUnsafe()
        const exit = yield* Fiber.await(fiber)
        const cause = Exit.isFailure(exit) ? exit.cause : Cause.empty
        assert.isTrue(Cause.hasDies(cause))
        assert.isTrue(Cause.hasInterrupts(cause))
      }))

    it("refuses a duration that is none or has no end", () => {
      for (const duration of [NaN, Infinity]) assert.throws(() => Deadline[combinator](duration), RangeError)
    })
  })
}

it("Deadline.attempt refuses a duration that is not above zero", () => {
  for (const duration of [0, -1]) assert.throws(() => Deadline.attempt(duration), RangeError)
})

it.effect("Deadline.within refuses the call when nothing is left, as a calculation of what is left may say", () =>
  Effect.gen(function*() {
    let begun = false
    for (const left of [0, -1, "-5 seconds"] as const) {
      const exit = yield* Effect.exit(Deadline.within(left)(Effect.sync(() => begun = true)))
      isExceeded(exit, "total", 0)
      assert.isTrue(Outcome.isRejected(exit))
    }
    assert.isFalse(begun)
  }))

it.effect("a deadline that somebody calculated to be no number is none: waits, limits and pipelines end by their own time", () =>
  Effect.gen(function*() {
    const bulkhead = yield* Bulkhead.make({ name: "model", concurrency: 1, queue: 10, maxWait: "1 second" })
    const pipeline = yield* Pipeline.make({ deadline: "1 second", bulkhead })
    const limiter = yield* RateLimiter.make({
      name: "model",
      limits: [RateLimiter.requests(1, "1 hour")],
      maxWait: "1 second"
    })
    yield* fork(bulkhead.protect(Effect.never))
    yield* limiter.pause("10 seconds")
    for (const at of [NaN, undefined as never]) {
      const under = Effect.provideService(Deadline.CurrentDeadline, { limit: "total", at })
      assert.isUndefined(yield* under(Deadline.remaining))
      const work: Effect.Effect<void> = Effect.never
      const calls: ReadonlyArray<Effect.Effect<void, unknown>> = [
        bulkhead.protect(work),
        limiter.protect(work),
        pipeline.protect(work),
        Deadline.attempt("1 second")(work),
        Deadline.within("1 second")(work)
      ]
      const fibers = yield* Effect.forEach(calls, (call) => fork(under(call)))
      yield* TestClock.adjust("1 second")
      for (const fiber of fibers) assert.isTrue(Exit.isFailure(yield* Fiber.join(fiber)))
    }
  }))

it.effect("a call is told that it was not begun only if it was not, also when fractions leave a hair of its time", () =>
  Effect.gen(function*() {
    for (let tenths = 1; tenths < 10; tenths++) {
      let begun = false
      const work = Effect.andThen(Effect.sync(() => begun = true), Effect.never)
      const late = Effect.andThen(
        Effect.uninterruptible(Effect.sleep(Duration.micros(BigInt(100 * tenths)))),
        Effect.exit(work.pipe(Deadline.attempt("1 second")))
      )
      let told: Exit.Exit<unknown, unknown> = Exit.void
      const limited = Effect.flatMap(late, (exit) => Effect.sync(() => told = exit)).pipe(
        Deadline.within(Duration.micros(BigInt(100 * tenths)))
      )
      yield* Effect.forkChild(Effect.delay(limited, Duration.micros(100n)), { startImmediately: true })
      for (let i = 0; i < 20; i++) yield* TestClock.adjust(Duration.micros(100n))
      assert.strictEqual(Outcome.isRejected(told), !begun, `${tenths} tenths`)
    }
  }))

describe("Deadline.timeoutOrElse", () => {
  const patient = Deadline.timeoutOrElse({ duration: "1 second", orElse: () => Effect.succeed("instead") })

  it.effect("passes success, failure, defect and interruption through unchanged, at once or later", () =>
    Effect.gen(function*() {
      for (const exit of [Exit.succeed(1), Exit.fail("bad"), Exit.die("bug")]) {
        assert.deepStrictEqual(yield* Effect.exit(patient(exit)), exit)
        const fiber = yield* fork(patient(Effect.andThen(Effect.sleep("999 millis"), exit)))
        yield* TestClock.adjust("999 millis")
        assert.deepStrictEqual(yield* Fiber.join(fiber), exit)
      }
      assert.isTrue(Exit.hasInterrupts(yield* Effect.exit(patient(Effect.interrupt))))
    }))

  it.effect("goes on with the other at exactly its time, when the work has been cleaned up", () =>
    Effect.gen(function*() {
      const order: Array<string> = []
      const note = (what: string) => Effect.map(Clock.currentTimeMillis, (now) => void order.push(`${what} at ${now}`))
      const work = Effect.onInterrupt(Effect.never, () => Effect.andThen(Effect.sleep("1 second"), note("clean")))
      const limited = work.pipe(
        Deadline.timeoutOrElse({
          duration: "1 second",
          orElse: () => Effect.andThen(note("other"), Effect.fail("late"))
        })
      )
      const fiber = yield* fork(limited)
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(yield* Fiber.join(fiber), Exit.fail("late"))
      assert.deepStrictEqual(order, ["clean at 2000", "other at 2000"])
    }))

  it.effect("drops what work that cannot be interrupted answers too late, but not its defect", () =>
    Effect.gen(function*() {
      const late = (exit: Exit.Exit<string>) =>
        fork(patient(Effect.uninterruptible(Effect.andThen(Effect.sleep("3 seconds"), exit))))
      const answered = yield* late(Exit.succeed("answer"))
      const died = yield* late(Exit.die("bug"))
      yield* TestClock.adjust("3 seconds")
      assert.deepStrictEqual(yield* Fiber.join(answered), Exit.succeed("instead"))
      assert.deepStrictEqual(yield* Fiber.join(died), Exit.die("bug"))
    }))

  it.effect("interrupts the work when it is interrupted itself, and waits for its finalizers", () =>
    Effect.gen(function*() {
      let cleaned = 0
      const work = Effect.onInterrupt(
        Effect.never,
        () => Effect.andThen(Effect.sleep("1 second"), Effect.sync(() => cleaned++))
      )
      const fiber = yield* fork(patient(work))
      fiber.interruptUnsafe()
      yield* TestClock.adjust("999 millis")
      assert.isUndefined(fiber.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(fiber)))
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(cleaned, 1)
    }))

  it.effect("goes on with the other where it is interrupted as well", () =>
    Effect.gen(function*() {
      let interrupted = false
      const never = Effect.onInterrupt(Effect.never, () => Effect.sync(() => interrupted = true))
      const fiber = yield* fork(
        Effect.never.pipe(Deadline.timeoutOrElse({ duration: "1 second", orElse: () => never }))
      )
      yield* TestClock.adjust("2 seconds")
      yield* Fiber.interrupt(fiber)
      assert.isTrue(interrupted)
    }))

  it.effect("limits each of many at once by its own time", () =>
    Effect.gen(function*() {
      const calls = Array.from({ length: 100 }, (_, i) =>
        Effect.sleep(`${i * 20 + 10} millis`).pipe(Effect.as("answer"), patient, Effect.delay(`${i} millis`)))
      const fiber = yield* fork(Effect.all(calls, { concurrency: "unbounded" }))
      yield* TestClock.adjust("1 minute")
      const exit = yield* Fiber.join(fiber)
      assert.deepStrictEqual(
        exit,
        Exit.succeed(calls.map((_, i) =>
          i < 50 ? "answer" : "instead"
        ))
      )
    }))

  it.effect("is no deadline: inside is no other than outside, and the one outside ends it", () =>
    Effect.gen(function*() {
      assert.isUndefined(yield* patient(Deadline.remaining))
      assert.deepStrictEqual(yield* Deadline.remaining.pipe(patient, Deadline.within("1 minute")), Duration.minutes(1))
      const breaker = yield* CircuitBreaker.make({ name: "model" })
      const fiber = yield* fork(Effect.never.pipe(patient, breaker.protect, Deadline.within("500 millis")))
      yield* TestClock.adjust("500 millis")
      isExceeded(yield* Fiber.join(fiber), "total", "500 millis")
      assert.strictEqual((yield* breaker.snapshot).calls, 0)
    }))

  it.effect("without an end is none", () =>
    Effect.gen(function*() {
      const work = Effect.sleep("10 days")
      assert.strictEqual(Deadline.timeoutOrElse({ duration: "Infinity", orElse: () => Effect.void })(work), work)
      for (const duration of [0, -1, NaN]) {
        assert.throws(() => Deadline.timeoutOrElse({ duration, orElse: () => Effect.void }), RangeError, "duration")
      }
    }))
})

describe("deadlines inside deadlines", () => {
  it.effect("narrow and never widen", () =>
    Effect.gen(function*() {
      const left = Deadline.remaining
      assert.isUndefined(yield* left)
      assert.deepStrictEqual(
        yield* left.pipe(Deadline.within("1 minute"), Deadline.within("2 seconds")),
        Duration.seconds(2)
      )
      assert.deepStrictEqual(
        yield* left.pipe(Deadline.within("2 seconds"), Deadline.within("1 minute")),
        Duration.seconds(2)
      )
      assert.deepStrictEqual(
        yield* left.pipe(Deadline.attempt("2 seconds"), Deadline.within("1 minute")),
        Duration.seconds(2)
      )
    }))

  it.effect("let the innermost tell, so that a breaker in between counts a time-out and not an interruption", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ name: "model" })
      const call = Effect.never.pipe(Deadline.attempt("10 seconds"), breaker.protect, Deadline.within("1 second"))
      const fiber = yield* fork(call)
      yield* TestClock.adjust("1 second")
      isExceeded(yield* Fiber.join(fiber), "total", "1 second")
      const { calls, failed } = yield* breaker.snapshot
      assert.deepStrictEqual({ calls, failed }, { calls: 1, failed: 1 })
    }))

  it.effect("wait for slow finalizers further in before they interrupt further out", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ name: "model" })
      const work = Effect.onInterrupt(Effect.never, () => Effect.sleep("300 millis"))
      const call = work.pipe(Deadline.attempt("10 seconds"), breaker.protect, Deadline.within("1 second"))
      const fiber = yield* fork(call)
      yield* TestClock.adjust("1300 millis")
      isExceeded(yield* Fiber.join(fiber), "total", "1 second")
      assert.strictEqual((yield* breaker.snapshot).failed, 1)
    }))

  it.effect("let the innermost tell also where limits in between follow the nearest one", () =>
    Effect.gen(function*() {
      for (const before of [Effect.void, Effect.yieldNow, Effect.sleep("100 millis")]) {
        const breaker = yield* CircuitBreaker.make({ name: "model" })
        const call = Effect.andThen(before, Effect.never).pipe(
          Deadline.attempt("10 seconds"),
          breaker.protect,
          Deadline.within("30 seconds"),
          Deadline.within("1 second")
        )
        const fiber = yield* Effect.forkChild(Effect.flip(call), { startImmediately: true })
        yield* TestClock.adjust("1 second")
        const error = yield* Fiber.join(fiber)
        assert.strictEqual(error._tag === "DeadlineExceeded" && error.limit, "total")
        assert.strictEqual((yield* breaker.snapshot).failed, 1)
      }
    }))

  it.effect("still cut short what goes on after the innermost has told", () =>
    Effect.gen(function*() {
      const call = Effect.never.pipe(
        Deadline.attempt("10 seconds"),
        Effect.catch(() => Effect.never),
        Deadline.within("1 second")
      )
      const fiber = yield* fork(call)
      yield* TestClock.adjust("1 second")
      isExceeded(yield* Fiber.join(fiber), "total", "1 second")
      assert.strictEqual(yield* Clock.currentTimeMillis, 1000)
    }))

  it.effect("hold also where the deadline around was given by somebody else", () =>
    Effect.gen(function*() {
      const given = { limit: "total", at: 1000 } as const
      const breaker = yield* CircuitBreaker.make({ name: "model" })
      const call = Effect.never.pipe(
        Deadline.attempt("10 seconds"),
        breaker.protect,
        Effect.provideService(Deadline.CurrentDeadline, given)
      )
      const fiber = yield* fork(call)
      yield* TestClock.adjust("1 second")
      isExceeded(yield* Fiber.join(fiber), "total", "1 second")
      assert.strictEqual((yield* breaker.snapshot).failed, 1)
    }))

  it.effect("do not begin an attempt when no time is left", () =>
    Effect.gen(function*() {
      let begun = false
      const late = Effect.andThen(
        Effect.sleep("1500 millis"),
        Effect.sync(() => begun = true).pipe(Deadline.attempt("1 second"))
      )
      const fiber = yield* fork(Effect.uninterruptible(late).pipe(Deadline.within("1 second")))
      yield* TestClock.adjust("2 seconds")
      isExceeded(yield* Fiber.join(fiber), "total", "1 second")
      assert.isFalse(begun)
    }))
})

describe("what goes on when its time is over", () => {
  it.effect("may throw, which is a defect of the call", () =>
    Effect.gen(function*() {
      const orElse = (): Effect.Effect<never> => {
        throw new Error("bug")
      }
      const fiber = yield* fork(Effect.never.pipe(Deadline.timeoutOrElse({ duration: "1 second", orElse })))
      yield* TestClock.adjust("1 second")
      const exit = fiber.pollUnsafe()
      assert.isTrue(exit !== undefined && Exit.isSuccess(exit) && Exit.hasDies(exit.value))
    }))
})

describe("thousands of limits inside of each other", () => {
  const nested = <A>(work: Effect.Effect<A>): Effect.Effect<A, Deadline.DeadlineExceeded> => {
    let all: Effect.Effect<A, Deadline.DeadlineExceeded> = work
    for (let n = 0; n < 5000; n++) all = Effect.andThen(Effect.yieldNow, Deadline.attempt("1 minute")(all))
    return all
  }

  it.effect("end with their work, without growing the stack", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* nested(Effect.as(Effect.yieldNow, "answer")), "answer")
    }))

  it.effect("end at the deadline around them", () =>
    Effect.gen(function*() {
      const begun = yield* Deferred.make<void>()
      const work = Effect.andThen(Deferred.succeed(begun, undefined), Effect.never)
      const fiber = yield* fork(nested(work).pipe(Deadline.within("1 second")))
      yield* Deferred.await(begun)
      yield* TestClock.adjust("1 second")
      isExceeded(yield* Fiber.join(fiber), "total", "1 second")
    }))

  it.effect("end when they are interrupted, after the finalizers of their work", () =>
    Effect.gen(function*() {
      let ended = false
      const begun = yield* Deferred.make<void>()
      const work = Effect.andThen(Deferred.succeed(begun, undefined), Effect.never)
      const fiber = yield* fork(nested(Effect.onInterrupt(work, () => Effect.sync(() => ended = true))))
      yield* Deferred.await(begun)
      yield* Fiber.interrupt(fiber)
      assert.isTrue(ended)
    }))
})
