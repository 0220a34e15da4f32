import { Bulkhead, Deadline } from "@switchgear/core"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Duration, Effect, Exit, Fiber } from "effect"
import { TestClock } from "effect/testing"

const fork = <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.forkChild(Effect.exit(self), { startImmediately: true })

const second = Effect.as(Effect.sleep("1 second"), "answered")

const reasonOf = <E>(exit: Exit.Exit<unknown, E | Bulkhead.BulkheadFull>) =>
  Exit.isFailure(exit) ? (Cause.squash(exit.cause) as Bulkhead.BulkheadFull).reason : "passed"

describe("Bulkhead", () => {
  it.effect("passes success, failure, defect and interruption through unchanged and gives the slot back", () =>
    Effect.gen(function*() {
      const bulkhead = yield* Bulkhead.make({ name: "model", concurrency: 1 })
      const run = <A, E>(self: Effect.Effect<A, E>) => Effect.exit(bulkhead.protect(self))
      assert.deepStrictEqual(yield* run(Effect.succeed(1)), Exit.succeed(1))
      assert.deepStrictEqual(yield* run(Effect.fail("bad" as const)), Exit.fail("bad" as const))
      assert.deepStrictEqual(yield* run(Effect.die("bug")), Exit.die("bug"))
      assert.isTrue(Exit.hasInterrupts(yield* run(Effect.interrupt)))
      assert.strictEqual((yield* bulkhead.snapshot).inFlight, 0)
    }))

  it.effect("runs so many at once, lets so many wait, and refuses the rest at once", () =>
    Effect.gen(function*() {
      const bulkhead = yield* Bulkhead.make({ name: "model", concurrency: 2, queue: 3 })
      const fibers = yield* Effect.forEach(Array.from({ length: 7 }), () => fork(bulkhead.protect(second)))
      const { inFlight, queued, rejected } = yield* bulkhead.snapshot
      assert.deepStrictEqual({ inFlight, queued }, { inFlight: 2, queued: 3 })
      assert.deepStrictEqual(rejected, { "queue-full": 2, "wait-timeout": 0, "deadline": 0 })
      yield* TestClock.adjust("3 seconds")
      const reasons = (yield* Effect.forEach(fibers, Fiber.join)).map(reasonOf)
      assert.deepStrictEqual(reasons, [...Array.from({ length: 5 }, () => "passed"), "queue-full", "queue-full"])
    }))

  it.effect("captures no stack trace for a rejection", () =>
    Effect.gen(function*() {
      const bulkhead = yield* Bulkhead.make({ name: "model", concurrency: 1 })
      yield* fork(bulkhead.protect(Effect.never))
      const error = yield* Effect.flip(bulkhead.protect(second))
      assert.strictEqual(error._tag, "BulkheadFull")
      assert.notInclude(error.stack ?? "", "\n    at ")
    }))

  it.effect("serves waiters in the order in which they came", () =>
    Effect.gen(function*() {
      const bulkhead = yield* Bulkhead.make({ name: "model", concurrency: 1, queue: 10 })
      const order: Array<number> = []
      const fibers = yield* Effect.forEach([1, 2, 3, 4], (n) =>
        fork(bulkhead.protect(Effect.andThen(Effect.sync(() => order.push(n)), Effect.sleep("1 second")))))
      yield* TestClock.adjust("10 seconds")
      yield* Effect.forEach(fibers, Fiber.join)
      assert.deepStrictEqual(order, [1, 2, 3, 4])
    }))

  it.effect("refuses a waiter after maxWait and keeps the order of the others", () =>
    Effect.gen(function*() {
      const bulkhead = yield* Bulkhead.make({ name: "model", concurrency: 1, queue: 10, maxWait: "2 seconds" })
      const long = yield* fork(bulkhead.protect(Effect.sleep("3 seconds")))
      const early = yield* fork(bulkhead.protect(second))
      yield* TestClock.adjust("1500 millis")
      const late = yield* fork(bulkhead.protect(second))
      yield* TestClock.adjust("499 millis")
      assert.strictEqual((yield* bulkhead.snapshot).queued, 2)
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(reasonOf(yield* Fiber.join(early)), "wait-timeout")
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(yield* Fiber.join(late), Exit.succeed("answered"))
      yield* Fiber.join(long)
    }))

  it.effect("refuses a waiter whose deadline comes first, and at once one whose deadline has passed", () =>
    Effect.gen(function*() {
      const bulkhead = yield* Bulkhead.make({ name: "model", concurrency: 1, queue: 10 })
      yield* fork(bulkhead.protect(Effect.never))
      const waiting = Effect.gen(function*() {
        const first = yield* Effect.exit(bulkhead.protect(second))
        return [reasonOf(first), reasonOf(yield* Effect.exit(bulkhead.protect(second)))]
      })
      // What is left runs on uninterrupted, so that it sees the deadline pass.
      const fiber = yield* fork(Effect.uninterruptible(waiting).pipe(Deadline.within("1 second"), Effect.exit))
      yield* TestClock.adjust("1 second")
      assert.isDefined(fiber.pollUnsafe())
      assert.deepStrictEqual((yield* bulkhead.snapshot).rejected, { "queue-full": 0, "wait-timeout": 0, "deadline": 2 })
    }))

  it.effect("does not wait at all with a maxWait of zero", () =>
    Effect.gen(function*() {
      const bulkhead = yield* Bulkhead.make({ name: "model", concurrency: 1, queue: 1, maxWait: 0 })
      yield* fork(bulkhead.protect(Effect.never))
      assert.strictEqual((yield* Effect.flip(bulkhead.protect(second))).reason, "wait-timeout")
      assert.strictEqual((yield* bulkhead.snapshot).queued, 0)
    }))

  it.effect("lets an interrupted waiter leave its place in the queue", () =>
    Effect.gen(function*() {
      const bulkhead = yield* Bulkhead.make({ name: "model", concurrency: 1, queue: 2 })
      yield* fork(bulkhead.protect(second))
      const leaving = yield* fork(bulkhead.protect(second))
      const staying = yield* fork(bulkhead.protect(second))
      yield* Fiber.interrupt(leaving)
      assert.strictEqual((yield* bulkhead.snapshot).queued, 1)
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(yield* Fiber.join(staying), Exit.succeed("answered"))
      const { inFlight, queued } = yield* bulkhead.snapshot
      assert.deepStrictEqual({ inFlight, queued }, { inFlight: 0, queued: 0 })
    }))

  it.effect("keeps the slot until the finalizers of interrupted work have ended", () =>
    Effect.gen(function*() {
      const bulkhead = yield* Bulkhead.make({ name: "model", concurrency: 1 })
      // The first sleep of a test clock is interruptible everywhere; it must not be the one in the finalizer.
      yield* TestClock.adjust("1 second")
      const work = Effect.onInterrupt(Effect.never, () => Effect.sleep("1 second"))
      const fiber = yield* fork(bulkhead.protect(work))
      const interrupting = yield* fork(Fiber.interrupt(fiber))
      assert.strictEqual((yield* bulkhead.snapshot).inFlight, 1)
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(interrupting)
      assert.strictEqual((yield* bulkhead.snapshot).inFlight, 0)
    }))

  it.effect("drains fifty thousand waiters that finish at once without growing the stack", () =>
    Effect.gen(function*() {
      const bulkhead = yield* Bulkhead.make({ name: "model", concurrency: 1, queue: 50_000, maxWait: "Infinity" })
      let served = 0
      yield* fork(bulkhead.protect(second))
      const fibers = yield* Effect.forEach(
        Array.from({ length: 50_000 }),
        () => fork(bulkhead.protect(Effect.sync(() => served++)))
      )
      yield* TestClock.adjust("1 second")
      yield* Effect.forEach(fibers, Fiber.join)
      assert.strictEqual(served, 50_000)
      assert.strictEqual((yield* bulkhead.snapshot).inFlight, 0)
    }))

  it.effect("a service class shares its slots between everything its layer is provided to", () =>
    Effect.gen(function*() {
      class Model extends Bulkhead.Service<Model>()("test/Model", { concurrency: 1 }) {}
      const program = Effect.gen(function*() {
        yield* fork(Model.protect(Effect.never))
        return yield* Effect.flip(second.pipe(Model.protect))
      })
      assert.strictEqual((yield* Effect.provide(program, Model.layer)).bulkhead, "test/Model")
    }))

  const cases: ReadonlyArray<readonly [Partial<Bulkhead.Options>, string]> = [
    [{ concurrency: 0 }, "concurrency must be a whole number of at least 1, got 0"],
    [{ concurrency: NaN }, "concurrency must be a whole number of at least 1, got NaN"],
    [{ queue: -1 }, "queue must be a whole number of at least 0, got -1"],
    [{ maxWait: Duration.millis(-1) }, "maxWait must be a duration of zero or more, got -1ms"],
    [{ maxWait: NaN }, "maxWait must be a duration of zero or more, got NaN"]
  ]
  for (const [options, message] of cases) {
    it.effect(`refuses nonsense: ${message}`, () =>
      Effect.gen(function*() {
        const exit = yield* Effect.exit(Bulkhead.make({ name: "model", concurrency: 1, ...options }))
        const defect = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
        assert.instanceOf(defect, RangeError)
        assert.strictEqual((defect as RangeError).message, `Bulkhead.make: ${message}`)
      }))
  }
})
