import { Bulkhead, Deadline } from "@switchgear/core"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Duration, Effect, Exit, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"

const fork = <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.forkChild(Effect.exit(self), { startImmediately: true })

const second = Effect.as(Effect.sleep("1 second"), "answered")

/** A caller with a priority and a key, who tells that it is served and stays for a second. */
const callers = (bulkhead: Bulkhead.Bulkhead) => {
  const served: Array<string> = []
  const call = (name: string, who: { readonly priority?: number; readonly key?: string } = {}) =>
    Effect.andThen(Effect.sync(() => served.push(name)), Effect.sleep("1 second")).pipe(
      bulkhead.protect,
      Effect.provideService(Bulkhead.CurrentPriority, who.priority ?? 0),
      Effect.provideService(Bulkhead.CurrentKey, who.key),
      fork
    )
  return { served, call }
}

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

  it.effect("serves the highest priority first, and equals in the order in which they came", () =>
    Effect.gen(function*() {
      const { call, served } = callers(yield* Bulkhead.make({ name: "model", concurrency: 1, queue: 20 }))
      yield* call("first")
      for (const priority of [0, 5, -3, NaN, 5, Infinity, 0, -Infinity, 0.5]) {
        yield* call(`${priority}`, { priority })
      }
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(served, ["first", "Infinity", "5", "5", "0.5", "0", "NaN", "0", "-3", "-Infinity"])
    }))

  it.effect("refuses the most urgent, too, when the queue is full", () =>
    Effect.gen(function*() {
      const bulkhead = yield* Bulkhead.make({ name: "model", concurrency: 1, queue: 1 })
      const { call } = callers(bulkhead)
      yield* call("running")
      yield* call("waiting")
      const urgent = yield* call("urgent", { priority: 9 })
      assert.strictEqual(reasonOf(yield* Fiber.join(urgent)), "queue-full")
      assert.strictEqual((yield* bulkhead.snapshot).queued, 1)
    }))

  it.effect("gives no key more than its share, and lets the others pass", () =>
    Effect.gen(function*() {
      const bulkhead = yield* Bulkhead.make({ name: "model", concurrency: 4, queue: 20, share: 0.5 })
      const { call, served } = callers(bulkhead)
      for (const name of ["a1", "a2", "a3", "a4", "a5"]) yield* call(name, { key: "a" })
      yield* call("b1", { key: "b" })
      yield* call("free")
      assert.deepStrictEqual(served, ["a1", "a2", "b1", "free"])
      const { inFlight, queued } = yield* bulkhead.snapshot
      assert.deepStrictEqual({ inFlight, queued }, { inFlight: 4, queued: 3 })
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(served.slice(4), ["a3", "a4"])
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(served.slice(6), ["a5"])
    }))

  it.effect("lets what has no key take every slot", () =>
    Effect.gen(function*() {
      const bulkhead = yield* Bulkhead.make({ name: "model", concurrency: 3, share: 0.34 })
      const { call } = callers(bulkhead)
      for (const name of ["1", "2", "3"]) yield* call(name)
      assert.strictEqual((yield* bulkhead.snapshot).inFlight, 3)
    }))

  it.effect("does not look at keys without a share", () =>
    Effect.gen(function*() {
      const bulkhead = yield* Bulkhead.make({ name: "model", concurrency: 3 })
      const { call } = callers(bulkhead)
      for (const name of ["1", "2", "3"]) yield* call(name, { key: "a" })
      assert.strictEqual((yield* bulkhead.snapshot).inFlight, 3)
    }))

  it.effect("serves the urgent calls of a key before those of the same key that came earlier", () =>
    Effect.gen(function*() {
      const { call, served } = callers(
        yield* Bulkhead.make({ name: "model", concurrency: 2, queue: 20, share: 0.5 })
      )
      yield* call("x", { key: "x" })
      yield* call("y", { key: "y" })
      yield* call("calm", { key: "a" })
      yield* call("calmer", { key: "a", priority: -1 })
      yield* call("other", { key: "b" })
      yield* call("urgent", { key: "a", priority: 1 })
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(served, ["x", "y", "urgent", "other", "calm", "calmer"])
    }))

  it.effect("serves hundreds of keys in order, whoever leaves in between", () =>
    Effect.gen(function*() {
      const bulkhead = yield* Bulkhead.make({
        name: "model",
        concurrency: 1,
        queue: 1000,
        share: 1,
        maxWait: "Infinity"
      })
      const { call, served } = callers(bulkhead)
      let seed = 1
      const draw = (n: number) => (seed = (seed * 48_271) % 2_147_483_647) % n
      yield* call("first")
      const waiting: Array<{ readonly name: string; readonly priority: number; readonly leave: Effect.Effect<void> }> =
        []
      for (let n = 0; n < 600; n++) {
        const [name, priority] = [`call ${n}`, draw(50)]
        const fiber = yield* call(name, { key: `tenant ${draw(300)}`, priority })
        waiting.push({ name, priority, leave: Fiber.interrupt(fiber) })
        if (draw(3) === 0) yield* waiting.splice(draw(waiting.length), 1)[0]!.leave
      }
      yield* TestClock.adjust("10 minutes")
      const inOrder = waiting.sort((a, b) => b.priority - a.priority).map(({ name }) => name)
      assert.deepStrictEqual(served, ["first", ...inOrder])
    }))

  const shares: ReadonlyArray<readonly [share: number, concurrency: number, slots: number]> = [
    [0.29, 100, 29],
    [0.07, 100, 7],
    [0.001, 100, 1],
    [0.5, 5, 2],
    [1, 5, 5]
  ]
  for (const [share, concurrency, slots] of shares) {
    it.effect(`a share of ${share} of ${concurrency} slots is ${slots}`, () =>
      Effect.gen(function*() {
        const bulkhead = yield* Bulkhead.make({ name: "model", concurrency, share, queue: 100 })
        const { call } = callers(bulkhead)
        for (let n = 0; n < concurrency; n++) yield* call("a", { key: "a" })
        assert.strictEqual((yield* bulkhead.snapshot).inFlight, slots)
      }))
  }

  it.effect("hands out at once what a resize adds, by priority and within the shares of the new size", () =>
    Effect.gen(function*() {
      const bulkhead = yield* Bulkhead.make({ name: "model", concurrency: 1, queue: 20, share: 0.5 })
      const { call, served } = callers(bulkhead)
      for (const name of ["a1", "a2", "a3"]) yield* call(name, { key: "a" })
      yield* call("b1", { key: "b", priority: 1 })
      yield* bulkhead.resize(4)
      assert.strictEqual((yield* bulkhead.snapshot).inFlight, 3)
      yield* TestClock.adjust(0)
      assert.deepStrictEqual(served, ["a1", "b1", "a2"])
      assert.strictEqual((yield* bulkhead.snapshot).concurrency, 4)
      yield* bulkhead.resize(6)
      yield* TestClock.adjust(0)
      assert.deepStrictEqual(served, ["a1", "b1", "a2", "a3"])
    }))

  it.effect("lets everybody finish after a resize to fewer, and nobody in until there is room", () =>
    Effect.gen(function*() {
      const bulkhead = yield* Bulkhead.make({ name: "model", concurrency: 3, queue: 20 })
      const { call, served } = callers(bulkhead)
      yield* call("1")
      yield* TestClock.adjust("400 millis")
      yield* call("2")
      yield* call("3")
      yield* call("4")
      yield* bulkhead.resize(1)
      assert.strictEqual((yield* bulkhead.snapshot).inFlight, 3)
      yield* TestClock.adjust("600 millis")
      assert.deepStrictEqual(served, ["1", "2", "3"])
      assert.strictEqual((yield* bulkhead.snapshot).inFlight, 2)
      yield* TestClock.adjust("400 millis")
      assert.deepStrictEqual(served, ["1", "2", "3", "4"])
      assert.strictEqual((yield* bulkhead.snapshot).inFlight, 1)
    }))

  it.effect("can be resized by the very call that is being let in", () =>
    Effect.gen(function*() {
      const bulkhead = yield* Bulkhead.make({ name: "model", concurrency: 1, queue: 20 })
      const { call, served } = callers(bulkhead)
      yield* call("first")
      const resizing = yield* fork(bulkhead.protect(Effect.andThen(bulkhead.resize(3), Effect.sleep("1 second"))))
      for (const name of ["1", "2", "3"]) yield* call(name)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(served, ["first", "1", "2"])
      yield* TestClock.adjust("1 second")
      assert.isTrue(Exit.isSuccess(yield* Fiber.join(resizing)))
    }))

  it.effect("lets no call that begins while slots are handed out overtake those who wait", () =>
    Effect.gen(function*() {
      const bulkhead = yield* Bulkhead.make({ name: "model", concurrency: 1, queue: 20 })
      const { call, served } = callers(bulkhead)
      yield* call("first")
      yield* fork(bulkhead.protect(Effect.andThen(call("newcomer"), Effect.never)))
      yield* call("second")
      yield* bulkhead.resize(3)
      yield* TestClock.adjust(0)
      assert.deepStrictEqual(served, ["first", "second"])
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(served, ["first", "second", "newcomer"])
    }))

  it.effect("dies when it is resized to nonsense, and stays as it was", () =>
    Effect.gen(function*() {
      const bulkhead = yield* Bulkhead.make({ name: "model", concurrency: 2 })
      for (const concurrency of [0, -1, 1.5, NaN, Infinity]) {
        const exit = yield* Effect.exit(bulkhead.resize(concurrency))
        assert.deepStrictEqual(
          Exit.isFailure(exit) && Cause.squash(exit.cause),
          new RangeError(`Bulkhead.resize: concurrency must be a whole number of at least 1, got ${concurrency}`)
        )
      }
      assert.strictEqual((yield* bulkhead.snapshot).concurrency, 2)
    }))

  it.effect("drains fifty thousand waiters with keys and priorities, who finish at once, without growing the stack", () =>
    Effect.gen(function*() {
      const bulkhead = yield* Bulkhead.make({
        name: "model",
        concurrency: 2,
        queue: 60_000,
        maxWait: "Infinity",
        share: 0.5
      })
      const served: Array<number> = []
      yield* fork(bulkhead.protect(second))
      yield* fork(bulkhead.protect(second))
      const fibers = yield* Effect.forEach(
        Array.from({ length: 50_000 }, (_, n) => n),
        (n) =>
          Effect.sync(() => served.push(n % 3)).pipe(
            bulkhead.protect,
            Effect.provideService(Bulkhead.CurrentPriority, n % 3),
            Effect.provideService(Bulkhead.CurrentKey, `tenant ${n % 1000}`),
            fork
          )
      )
      yield* TestClock.adjust("1 second")
      yield* Effect.forEach(fibers, Fiber.join)
      assert.strictEqual(served.length, 50_000)
      assert.deepStrictEqual(served, [...served].sort((a, b) => b - a))
      assert.strictEqual((yield* bulkhead.snapshot).inFlight, 0)
    }))

  it.effect("keeps nothing of a key whose calls have ended, left the queue or been refused", () =>
    Effect.gen(function*() {
      setFlagsFromString("--expose-gc")
      const collectGarbage: () => void = runInNewContext("gc")
      const heapAfter = (calls: number) =>
        Effect.gen(function*() {
          for (let n = 0; n < calls; n++) {
            yield* Effect.provideService(bulkhead.protect(Effect.void), Bulkhead.CurrentKey, `served ${n}`)
          }
          const occupants = [yield* fork(bulkhead.protect(Effect.never)), yield* fork(bulkhead.protect(Effect.never))]
          for (let n = 0; n < calls; n++) {
            const waiting = yield* fork(
              Effect.provideService(bulkhead.protect(Effect.void), Bulkhead.CurrentKey, `waits ${n}`)
            )
            const refused = Effect.provideService(bulkhead.protect(Effect.void), Bulkhead.CurrentKey, `refused ${n}`)
            yield* Effect.exit(refused)
            yield* Fiber.interrupt(waiting)
          }
          for (const occupant of occupants) yield* Fiber.interrupt(occupant)
          collectGarbage()
          return process.memoryUsage().heapUsed
        })
      const bulkhead = yield* Bulkhead.make({
        name: "model",
        concurrency: 2,
        queue: 1,
        share: 0.5,
        maxWait: "Infinity"
      })
      const before = yield* heapAfter(100)
      const { rejected } = yield* bulkhead.snapshot
      assert.strictEqual(rejected["queue-full"], 100)
      // A key that is kept takes some three hundred bytes: thirty thousand of them would be nine megabytes.
      assert.isBelow(yield* heapAfter(30_000), before + 2_000_000)
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
    [{ queue: 1e12 }, "queue must be at most 1000000, got 1000000000000"],
    [{ maxWait: Duration.millis(-1) }, "maxWait must be a duration of zero or more, got -1ms"],
    [{ maxWait: NaN }, "maxWait must be a duration of zero or more, got NaN"],
    [{ share: 0 }, "share must be above 0 and at most 1, got 0"],
    [{ share: 1.01 }, "share must be above 0 and at most 1, got 1.01"],
    [{ share: NaN }, "share must be above 0 and at most 1, got NaN"]
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
