import { assert, describe, it } from "@effect/vitest"
import { Bulkhead, CircuitBreaker, Deadline, Outcome, Pipeline, RateLimiter, Retry } from "@switchgear/core"
import { Cause, Duration, Effect, Exit, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { expectTypeOf } from "vitest"

const ok = Effect.succeed("ok")

const fork = <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.forkChild(Effect.exit(self), { startImmediately: true })

const tagOf = (exit: Exit.Exit<unknown, { readonly _tag: string } | string>) => {
  if (Exit.isSuccess(exit)) return "success"
  const error = Cause.squash(exit.cause)
  return typeof error === "string" ? error : (error as { readonly _tag: string })._tag
}

const all = Effect.gen(function*() {
  const parts = {
    deadline: "30 seconds",
    retry: yield* Retry.make({ maxAttempts: 2, baseDelay: "1 second", jitter: "none" }),
    rateLimiter: yield* RateLimiter.make({ name: "model", limits: [RateLimiter.requests(100, "1 second")] }),
    bulkhead: yield* Bulkhead.make({ name: "model", concurrency: 2, queue: 1 }),
    breaker: yield* CircuitBreaker.make({ name: "model", window: CircuitBreaker.lastCalls(4), minimumCalls: 4 }),
    attemptTimeout: "10 seconds"
  } as const
  return { ...parts, pipeline: yield* Pipeline.make(parts) }
})

describe("Pipeline", () => {
  it.effect("passes success, failure, defect and interruption through unchanged", () =>
    Effect.gen(function*() {
      const { pipeline } = yield* all
      const run = <A, E>(self: Effect.Effect<A, E>) => Effect.exit(pipeline.protect(self))
      assert.deepStrictEqual(yield* run(ok), Exit.succeed("ok"))
      assert.deepStrictEqual(yield* run(Effect.fail({ isRetryable: false })), Exit.fail({ isRetryable: false }))
      assert.deepStrictEqual(yield* run(Effect.die("bug")), Exit.die("bug"))
      assert.isTrue(Exit.hasInterrupts(yield* run(Effect.interrupt)))
    }))

  it.effect("without parts is the identity: the very effect", () =>
    Effect.gen(function*() {
      const { protect } = yield* Pipeline.make({})
      assert.strictEqual(protect(ok), ok)
    }))

  it.effect("asks each attempt anew, and counts each on the circuit and on the limiter", () =>
    Effect.gen(function*() {
      const { breaker, rateLimiter, pipeline } = yield* all
      const fiber = yield* fork(pipeline.protect(Effect.fail("503")))
      yield* TestClock.adjust("1 second")
      assert.strictEqual(tagOf(yield* Fiber.join(fiber)), "503")
      assert.strictEqual((yield* breaker.snapshot).failed, 2)
      assert.strictEqual((yield* rateLimiter.snapshot).admitted, 2)
    }))

  it.effect("spends no token and no place in the queue on an open circuit", () =>
    Effect.gen(function*() {
      const { breaker, bulkhead, rateLimiter, pipeline } = yield* all
      yield* fork(bulkhead.protect(Effect.never))
      yield* fork(bulkhead.protect(Effect.never))
      yield* breaker.control.forceOpen
      assert.strictEqual(tagOf(yield* Effect.exit(pipeline.protect(ok))), "CircuitOpen")
      assert.strictEqual((yield* bulkhead.snapshot).queued, 0)
      assert.strictEqual((yield* rateLimiter.snapshot).limits[0]!.available, 100)
    }))

  it.effect("gives the token back when the circuit opened while the call was queued", () =>
    Effect.gen(function*() {
      const { breaker, bulkhead, rateLimiter, pipeline } = yield* all
      const holders = [yield* fork(bulkhead.protect(Effect.never)), yield* fork(bulkhead.protect(Effect.never))]
      const queued = yield* fork(pipeline.protect(ok))
      assert.strictEqual((yield* bulkhead.snapshot).queued, 1)
      yield* breaker.control.forceOpen
      yield* Fiber.interruptAll(holders)
      assert.strictEqual(tagOf(yield* Fiber.join(queued)), "CircuitOpen")
      assert.strictEqual((yield* rateLimiter.snapshot).limits[0]!.available, 100)
      assert.strictEqual((yield* bulkhead.snapshot).inFlight, 0)
    }))

  it.effect("does not let time spent in the queue look like a slow dependency", () =>
    Effect.gen(function*() {
      const bulkhead = yield* Bulkhead.make({ name: "model", concurrency: 1, queue: 1 })
      const breaker = yield* CircuitBreaker.make({ name: "model", slowCallDuration: "5 seconds" })
      const pipeline = yield* Pipeline.make({ breaker, bulkhead })
      yield* fork(bulkhead.protect(Effect.sleep("9 seconds")))
      const queued = yield* fork(pipeline.protect(ok))
      yield* TestClock.adjust("9 seconds")
      assert.strictEqual(tagOf(yield* Fiber.join(queued)), "success")
      assert.strictEqual((yield* breaker.snapshot).slow, 0)
    }))

  it.effect("interrupts an attempt that hangs, counts it, and stays within the deadline with what follows", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ name: "model" })
      const retry = yield* Retry.make({ maxAttempts: 9, baseDelay: "1 second", jitter: "none" })
      const pipeline = yield* Pipeline.make({ breaker, retry, deadline: "25 seconds", attemptTimeout: "10 seconds" })
      const fiber = yield* fork(pipeline.protect(Effect.never))
      yield* TestClock.adjust("24999 millis")
      assert.isUndefined(fiber.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      const error = Cause.squash(
        Exit.getCause(yield* Fiber.join(fiber)).pipe((cause) => cause._tag === "Some" ? cause.value : Cause.empty)
      ) as Deadline.DeadlineExceeded
      assert.deepStrictEqual([error._tag, error.limit], ["DeadlineExceeded", "total"])
      assert.strictEqual((yield* breaker.snapshot).failed, 3)
    }))

  it.effect("tells those whose deadlines come at the same moment in the order in which they began", () =>
    Effect.gen(function*() {
      const bulkhead = yield* Bulkhead.make({ name: "model", concurrency: 1, queue: 5, maxWait: "Infinity" })
      const retry = yield* Retry.make({ maxAttempts: 2, baseDelay: "500 millis", jitter: "none" })
      const pipeline = yield* Pipeline.make({ deadline: "3 seconds", retry, bulkhead })
      const told: Array<string> = []
      const begin = (name: string, work: Effect.Effect<unknown, string>) =>
        fork(Effect.onExit(pipeline.protect(work), () => Effect.sync(() => told.push(name))))
      // The first begins first, and joins the queue last: half a second later, with its second attempt.
      const first = yield* begin("first", Effect.fail("503"))
      const holder = yield* fork(bulkhead.protect(Effect.never))
      const others = yield* Effect.forEach(["second", "third"], (name) => begin(name, Effect.never))
      yield* TestClock.adjust("3 seconds")
      for (const fiber of [first, ...others]) assert.strictEqual(tagOf(yield* Fiber.join(fiber)), "BulkheadFull")
      assert.deepStrictEqual(told, ["first", "second", "third"])
      yield* Fiber.interrupt(holder)
    }))

  it.effect("tells the work inside of its deadline, and leaves the one outside as it was", () =>
    Effect.gen(function*() {
      const { pipeline } = yield* all
      const millis = Effect.map(Deadline.remaining, (left) => left && Duration.toMillis(left))
      assert.strictEqual(yield* pipeline.protect(millis), 10_000)
      assert.isUndefined(yield* millis)
    }))

  it.effect("tells, and counts, a defect that came to light while it was interrupted", () =>
    Effect.gen(function*() {
      const { breaker, bulkhead, pipeline } = yield* all
      const work = Effect.onInterrupt(Effect.never, () => Effect.andThen(Effect.sleep("1 second"), Effect.die("bug")))
      yield* TestClock.adjust("1 second")
      const fiber = yield* fork(pipeline.protect(work))
      fiber.interruptUnsafe()
      assert.strictEqual((yield* bulkhead.snapshot).inFlight, 1)
      yield* TestClock.adjust("1 second")
      const exit = yield* Fiber.await(fiber)
      assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause) && Cause.hasInterrupts(exit.cause))
      assert.strictEqual((yield* bulkhead.snapshot).inFlight, 0)
      assert.strictEqual((yield* breaker.snapshot).failed, 1)
    }))

  it.effect("takes another cost and another judge for one kind of call", () =>
    Effect.gen(function*() {
      const rateLimiter = yield* RateLimiter.make({ name: "model", limits: [RateLimiter.tokens(100, "1 minute")] })
      const breaker = yield* CircuitBreaker.make({ name: "model", minimumCalls: 1 })
      const pipeline = yield* Pipeline.make({ breaker, rateLimiter })
      const call = pipeline.protectWith<string, string>({
        costs: { tokens: 80 },
        settle: () => ({ tokens: 30 }),
        classify: (exit) => Exit.isSuccess(exit) && exit.value === "empty" ? Outcome.failure : Outcome.success
      })
      yield* ok.pipe(call)
      assert.strictEqual((yield* rateLimiter.snapshot).limits[0]!.available, 70)
      yield* Effect.exit(Effect.succeed("empty").pipe(pipeline.protectWith({ classify: () => Outcome.failure })))
      assert.strictEqual(yield* breaker.state, "Open")
    }))

  it.effect("works with parts that are wrapped or not of this library", () =>
    Effect.gen(function*() {
      const bulkhead = yield* Bulkhead.make({ name: "model", concurrency: 1 })
      let entered = 0
      const counting: Bulkhead.Bulkhead = {
        ...bulkhead,
        protect: (self) => Effect.andThen(Effect.sync(() => entered++), bulkhead.protect(self))
      }
      const breaker = yield* CircuitBreaker.make({ name: "model" })
      const pipeline = yield* Pipeline.make({ breaker, bulkhead: counting })
      assert.strictEqual(yield* pipeline.protect(ok), "ok")
      yield* breaker.control.forceOpen
      assert.strictEqual(tagOf(yield* Effect.exit(pipeline.protect(ok))), "CircuitOpen")
      assert.strictEqual(entered, 1)
    }))

  for (
    const [parts, message] of [
      [{ deadline: 0 }, "Pipeline.make: deadline must be a finite duration above zero, got 0"],
      [{ attemptTimeout: NaN }, "Pipeline.make: attemptTimeout must be a finite duration above zero, got NaN"]
    ] as const
  ) {
    it.effect(`refuses nonsense: ${message}`, () =>
      Effect.gen(function*() {
        const exit = yield* Effect.exit(Pipeline.make(parts))
        const defect = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
        assert.strictEqual((defect as RangeError).message, message)
      }))
  }

  it.effect("refuses a part that is misspelt, instead of running without it", () =>
    Effect.gen(function*() {
      const parts: object = { attemptTimout: "10 seconds" }
      const exit = yield* Effect.exit(Pipeline.make(parts))
      const defect = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
      assert.strictEqual(
        (defect as RangeError).message,
        "Pipeline.make: there is no attemptTimout. There are: deadline, retry, hedge, rateLimiter, bulkhead, breaker, attemptTimeout, guards"
      )
    }))

  it("adds to the error type exactly the rejections of the parts that are there", () => {
    const typed = <const P extends Pipeline.Parts>(_parts: P) => undefined as unknown as Pipeline.Rejections<P>
    const breaker = undefined as unknown as CircuitBreaker.CircuitBreaker
    const bulkhead = undefined as unknown as Bulkhead.Bulkhead
    const rateLimiter = undefined as unknown as RateLimiter.RateLimiter
    const retry = undefined as unknown as Retry.Retry
    type Exceeded = Deadline.DeadlineExceeded
    type Full = Bulkhead.BulkheadFull
    type Limited = RateLimiter.RateLimited
    type Open = CircuitBreaker.CircuitOpen
    expectTypeOf(typed({})).toEqualTypeOf<never>()
    expectTypeOf(typed({ retry })).toEqualTypeOf<never>()
    expectTypeOf(typed({ deadline: "1 second" })).toEqualTypeOf<Exceeded>()
    expectTypeOf(typed({ attemptTimeout: 5 })).toEqualTypeOf<Exceeded>()
    expectTypeOf(typed({ breaker })).toEqualTypeOf<Open>()
    expectTypeOf(typed({ bulkhead, deadline: undefined })).toEqualTypeOf<Full>()
    expectTypeOf(typed({ rateLimiter })).toEqualTypeOf<Limited>()
    expectTypeOf(typed({ breaker, bulkhead })).toEqualTypeOf<Open | Full>()
    expectTypeOf(typed({ breaker, rateLimiter, retry })).toEqualTypeOf<Open | Limited>()
    expectTypeOf(typed({ bulkhead, rateLimiter, attemptTimeout: 1 })).toEqualTypeOf<Full | Limited | Exceeded>()
    expectTypeOf(typed({ breaker, bulkhead, rateLimiter, retry, deadline: 9, attemptTimeout: 1 })).toEqualTypeOf<
      Open | Full | Limited | Exceeded
    >()
    expectTypeOf<Pipeline.Rejections<Omit<Pipeline.Parts, "guards">>>().toEqualTypeOf<
      Open | Full | Limited | Exceeded
    >()
    const protect = (pipeline: Pipeline.Pipeline<Open>) => pipeline.protect(Effect.fail("mine" as const))
    expectTypeOf(protect).returns.toEqualTypeOf<Effect.Effect<never, "mine" | Open, never>>()
  })
})
