/** Who waits in a pipeline: not for a circuit that has opened meanwhile, and for as long as the kind of call allows. */
import { Bulkhead, CircuitBreaker, Pipeline, RateLimiter, Retry, RetryBudget } from "@switchgear/core"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber } from "effect"
import { TestClock } from "effect/testing"

const detach = <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.forkDetach(self, { startImmediately: true })

const bulkheadOf = (queue: number) => Bulkhead.make({ name: "model", concurrency: 1, queue, maxWait: "1 minute" })

const limiterOf = RateLimiter.make({ name: "model", limits: [RateLimiter.requests(2, "1 hour")], maxWait: "3 hours" })

const available = (limiter: RateLimiter.RateLimiter) =>
  Effect.map(limiter.snapshot, ({ limits }) => Math.round(limits[0]!.available))

/** What makes a circuit open while others wait. */
const openings: { readonly [how: string]: (breaker: CircuitBreaker.CircuitBreaker) => Effect.Effect<unknown> } = {
  "by its failures": ({ protect }) => Effect.exit(protect(Effect.fail("503"))),
  "by hand": ({ control }) => control.trip(),
  "by hand, for good": ({ control }) => control.forceOpen
}

const circuits: { readonly [name: string]: Effect.Effect<CircuitBreaker.CircuitBreaker> } = {
  "a circuit": CircuitBreaker.make({ name: "model", minimumCalls: 1 }),
  "a circuit of a family": Effect.flatMap(
    CircuitBreaker.Family.make({ name: "models", minimumCalls: 1 }),
    ({ get }) => get("gpt")
  )
}

for (const [circuit, make] of Object.entries(circuits)) {
  for (const [how, open] of Object.entries(openings)) {
    describe(`when ${circuit} opens ${how}`, () => {
      it.effect("those who wait for a slot are told at once, and their tokens are given back", () =>
        Effect.gen(function*() {
          const breaker = yield* make
          const bulkhead = yield* bulkheadOf(10)
          const rateLimiter = yield* RateLimiter.make({ name: "model", limits: [RateLimiter.requests(10, "1 hour")] })
          const { protect } = yield* Pipeline.make({ rateLimiter, bulkhead, breaker })
          const running = yield* detach(protect(Effect.never))
          const waiting = yield* Effect.forEach([1, 2, 3], () => detach(Effect.flip(protect(Effect.never))))
          assert.strictEqual(yield* available(rateLimiter), 6)
          yield* open(breaker)
          yield* TestClock.adjust(0)
          const errors = yield* Effect.forEach(waiting, Fiber.join)
          assert.deepStrictEqual(errors.map(({ _tag }) => _tag), ["CircuitOpen", "CircuitOpen", "CircuitOpen"])
          const { inFlight, queued, rejected } = yield* bulkhead.snapshot
          assert.deepStrictEqual([inFlight, queued, yield* available(rateLimiter)], [1, 0, 9])
          assert.deepStrictEqual(rejected, { "queue-full": 0, "wait-timeout": 0, "deadline": 0 })
          assert.strictEqual((yield* breaker.snapshot).rejected, 3)
          assert.isUndefined(running.pollUnsafe())
        }))

      it.effect("those who wait for a turn are told at once", () =>
        Effect.gen(function*() {
          const breaker = yield* make
          const rateLimiter = yield* limiterOf
          const { protect } = yield* Pipeline.make({ rateLimiter, breaker, attemptTimeout: "1 hour" })
          for (let n = 0; n < 2; n++) yield* detach(protect(Effect.never))
          const waiting = yield* detach(Effect.flip(protect(Effect.never)))
          assert.strictEqual((yield* rateLimiter.snapshot).waiting, 1)
          yield* open(breaker)
          yield* TestClock.adjust(0)
          assert.strictEqual((yield* Fiber.join(waiting))._tag, "CircuitOpen")
          assert.strictEqual((yield* rateLimiter.snapshot).waiting, 0)
        }))

      it.effect("those who wait in the same queue for another target wait on", () =>
        Effect.gen(function*() {
          const breaker = yield* make
          const bulkhead = yield* bulkheadOf(10)
          const { protect } = yield* Pipeline.make({ bulkhead, breaker })
          const holder = yield* detach(bulkhead.protect(Effect.never))
          const other = yield* detach(bulkhead.protect(Effect.succeed("other")))
          const waiting = yield* detach(Effect.flip(protect(Effect.never)))
          yield* open(breaker)
          yield* TestClock.adjust(0)
          assert.strictEqual((yield* Fiber.join(waiting))._tag, "CircuitOpen")
          yield* Fiber.interrupt(holder)
          assert.strictEqual(yield* Fiber.join(other), "other")
        }))
    })
  }
}

it.effect("a call that was given its slot in the step in which the circuit opens is refused by the circuit", () =>
  Effect.gen(function*() {
    const breaker = yield* CircuitBreaker.make({ name: "model", minimumCalls: 1 })
    const bulkhead = yield* bulkheadOf(10)
    const { protect } = yield* Pipeline.make({ bulkhead, breaker })
    const fail = yield* detach(Effect.exit(protect(Effect.delay(Effect.fail("503"), "1 second"))))
    let made = 0
    const waiting = yield* detach(Effect.flip(protect(Effect.sync(() => ++made))))
    yield* TestClock.adjust("1 second")
    yield* Fiber.join(fail)
    assert.deepStrictEqual([(yield* Fiber.join(waiting))._tag, made], ["CircuitOpen", 0])
    assert.strictEqual((yield* bulkhead.snapshot).inFlight, 0)
  }))

it.effect("nobody listens to the circuit any more when nobody waits", () =>
  Effect.gen(function*() {
    const breaker = yield* CircuitBreaker.make({ name: "model" })
    const bulkhead = yield* bulkheadOf(10)
    for (let n = 0; n < 100; n++) {
      const { protect } = yield* Pipeline.make({ bulkhead, breaker })
      const holder = yield* detach(bulkhead.protect(Effect.never))
      const waiting = yield* detach(protect(Effect.void))
      yield* Fiber.interrupt(n % 2 === 0 ? holder : waiting)
      yield* Fiber.interrupt(holder)
      yield* Fiber.await(waiting)
    }
    yield* breaker.control.trip()
    yield* TestClock.adjust(0)
    assert.strictEqual((yield* breaker.snapshot).rejected, 0)
  }))

it.effect("a kind of call waits for its turn and for its slot as long as it says", () =>
  Effect.gen(function*() {
    const bulkhead = yield* bulkheadOf(10)
    const rateLimiter = yield* limiterOf
    yield* detach(bulkhead.protect(Effect.never))
    for (
      const [parts, first, second] of [
        [{ bulkhead }, "BulkheadFull", "BulkheadFull"],
        [{ rateLimiter }, "RateLimited", "RateLimited"],
        [{ rateLimiter, bulkhead }, "RateLimited", "RateLimited"]
      ] as const
    ) {
      yield* Effect.ignore(Effect.replicateEffect(rateLimiter.protectWith({ costs: {}, maxWait: 0 })(Effect.void), 3))
      const { protect, protectWith } = yield* Pipeline.make(parts)
      const hasty: Effect.Effect<void, { readonly _tag: string }> = protectWith<void, never>({ maxWait: 0 })(
        Effect.void
      )
      assert.strictEqual((yield* Effect.flip(hasty))._tag, first)
      const patient = yield* detach(Effect.flip(protectWith<void, never>({ maxWait: "2 seconds" })(Effect.void)))
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual((yield* Fiber.join(patient))._tag, second)
      const waits = yield* detach(Effect.exit(protect(Effect.void)))
      yield* TestClock.adjust("30 seconds")
      assert.isUndefined(waits.pollUnsafe())
      yield* Fiber.interrupt(waits)
    }
  }))

describe("a retry budget that somebody else has written", () => {
  it.effect("does not hold a pipeline beyond its deadline when it does not answer", () =>
    Effect.gen(function*() {
      const told = yield* RetryBudget.make({ name: "shared" })
      const budget: RetryBudget.RetryBudget = { ...told, take: Effect.never }
      const retry = yield* Retry.make({ baseDelay: "1 millis", jitter: "none", budget })
      const { protect } = yield* Pipeline.make({ deadline: "1 second", retry })
      const fiber = yield* Effect.forkChild(Effect.exit(protect(Effect.fail("503"))), { startImmediately: true })
      yield* TestClock.adjust("999 millis")
      assert.isUndefined(fiber.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(yield* Fiber.join(fiber), Exit.fail("503"))
    }))
})

describe("a guard that throws after a wait", () => {
  class Tool extends CircuitBreaker.Service<Tool>()("Tool") {}
  const throwing = {
    protect: () => {
      throw new Error("bug")
    }
  } as unknown as CircuitBreaker.CircuitBreaker
  const call = Effect.succeed("answer").pipe(Tool.protect)

  const waits = (protect: <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, unknown, R>) =>
    Effect.gen(function*() {
      const first = yield* Effect.forkChild(protect(Effect.sleep("1 second")), { startImmediately: true })
      const ended = Effect.exit(protect(call).pipe(Effect.provideService(Tool, throwing)))
      const second = yield* Effect.forkChild(ended, { startImmediately: true })
      const third = yield* Effect.forkChild(protect(Effect.succeed("answer")), { startImmediately: true })
      yield* TestClock.adjust("2 seconds")
      yield* Fiber.join(first)
      assert.isTrue(Exit.hasDies(yield* Fiber.join(second)))
      assert.strictEqual(yield* Fiber.join(third), "answer")
    })

  it.effect("for a slot is a defect of its call, which gives the slot to the next", () =>
    Effect.gen(function*() {
      const { protect, snapshot } = yield* Bulkhead.make({ name: "model", concurrency: 1, queue: 2 })
      yield* waits(protect)
      const { inFlight, queued } = yield* snapshot
      assert.deepStrictEqual([inFlight, queued], [0, 0])
    }))

  it.effect("for a turn is a defect of its call, which costs nothing", () =>
    Effect.gen(function*() {
      const limits = [RateLimiter.requests(1, "1 second")]
      const { protect, snapshot } = yield* RateLimiter.make({ name: "model", limits, maxWait: "1 minute" })
      yield* waits(protect)
      assert.strictEqual((yield* snapshot).waiting, 0)
    }))
})
