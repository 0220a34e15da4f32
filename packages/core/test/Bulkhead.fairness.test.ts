/** Who is next, who waits how long, and that nobody pays for another: neither with time nor with a place. */
import { Bulkhead, Deadline, Pipeline } from "@switchgear/core"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber } from "effect"
import { TestClock } from "effect/testing"

const detach = <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.forkDetach(self, { startImmediately: true })

const hold = (bulkhead: Bulkhead.Bulkhead) => detach(bulkhead.protect(Effect.sleep("20 seconds")))

describe("a call that ends", () => {
  it.effect("has its answer before the work of the next one begins", () =>
    Effect.gen(function*() {
      const bulkhead = yield* Bulkhead.make({ name: "model", concurrency: 1, queue: 100 })
      const log: Array<string> = []
      const call = (name: string) =>
        Effect.sync(() => log.push(`${name} works`)).pipe(
          Effect.andThen(Effect.sleep("1 millis")),
          bulkhead.protect,
          Effect.andThen(Effect.sync(() => log.push(`${name} is answered`)))
        )
      const all = yield* detach(Effect.all(["a", "b", "c"].map(call), { concurrency: "unbounded" }))
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(all)
      assert.deepStrictEqual(log, ["a", "b", "c"].flatMap((name) => [`${name} works`, `${name} is answered`]))
    }))

  it.effect("is not kept by what a resize or a pause of others lets go on", () =>
    Effect.gen(function*() {
      const bulkhead = yield* Bulkhead.make({ name: "model", concurrency: 1, queue: 100 })
      yield* hold(bulkhead)
      const log: Array<string> = []
      yield* detach(bulkhead.protect(Effect.sync(() => log.push("waiter"))))
      yield* bulkhead.resize(2)
      log.push("resized")
      yield* TestClock.adjust(0)
      assert.deepStrictEqual(log, ["resized", "waiter"])
    }))

  it.effect("makes no call lose the slot that it was given, when that is interrupted before it goes on", () =>
    Effect.gen(function*() {
      const bulkhead = yield* Bulkhead.make({ name: "model", concurrency: 1, queue: 100 })
      const holder = yield* detach(bulkhead.protect(Effect.never))
      const first = yield* detach(bulkhead.protect(Effect.never))
      const second = yield* detach(bulkhead.protect(Effect.succeed("in")))
      holder.interruptUnsafe()
      first.interruptUnsafe()
      yield* TestClock.adjust(0)
      assert.deepStrictEqual(yield* Fiber.join(second), "in")
      const { inFlight, queued } = yield* bulkhead.snapshot
      assert.deepStrictEqual([inFlight, queued], [0, 0])
    }))
})

/** Ways in which several waiting calls of one request leave together. */
const together = {
  "Effect.all": (calls: ReadonlyArray<Effect.Effect<number, unknown>>) =>
    Effect.all(calls, { concurrency: "unbounded" }),
  "Effect.forEach": (calls: ReadonlyArray<Effect.Effect<number, unknown>>) =>
    Effect.forEach(calls, (call) => call, { concurrency: calls.length }),
  "Effect.race": ([one, ...others]: ReadonlyArray<Effect.Effect<number, unknown>>) =>
    others.reduce((all, other) => Effect.race(all, other), one!),
  "Effect.raceAllFirst": (calls: ReadonlyArray<Effect.Effect<number, unknown>>) => Effect.raceAllFirst(calls)
} as const

for (const [name, run] of Object.entries(together)) {
  for (const others of [0, 3]) {
    for (const how of ["a bulkhead", "a pipeline"] as const) {
      it.effect(`calls of ${name} that wait for ${how} leave together at their deadline and take ${others} others along nowhere`, () =>
        Effect.gen(function*() {
          const bulkhead = yield* Bulkhead.make({ name: "model", concurrency: 1, queue: 100, maxWait: "1 hour" })
          const pipeline = yield* Pipeline.make({ bulkhead, deadline: "30 seconds" })
          yield* hold(bulkhead)
          const protect = how === "a bulkhead" ? bulkhead.protect : pipeline.protect
          const calls = [1, 2, 3].map((n) => protect(Effect.succeed(n)))
          const request = yield* detach(
            Effect.exit((run(calls) as Effect.Effect<unknown, unknown>).pipe(Deadline.within("5 seconds")))
          )
          const rest = yield* Effect.forEach(
            Array.from({ length: others }, (_, n) => n),
            (n) => detach(bulkhead.protect(Effect.succeed(n)))
          )
          yield* TestClock.adjust("5 seconds")
          assert.isTrue(Exit.isFailure(yield* Fiber.join(request)))
          assert.strictEqual((yield* bulkhead.snapshot).queued, others)
          yield* TestClock.adjust("15 seconds")
          assert.deepStrictEqual(yield* Effect.forEach(rest, Fiber.join), rest.map((_, n) => n))
          assert.strictEqual(yield* bulkhead.protect(Effect.succeed("late")), "late")
          const { inFlight, queued } = yield* bulkhead.snapshot
          assert.deepStrictEqual([inFlight, queued], [0, 0])
        }))
    }
  }
}

describe("with a share", () => {
  const callOf = (bulkhead: Bulkhead.Bulkhead, key: string | undefined) =>
    bulkhead.protect(Effect.sleep("1 second")).pipe(Effect.provideService(Bulkhead.CurrentKey, key))

  it.effect("the key that holds the fewest slots goes first: one call does not wait behind two hundred", () =>
    Effect.gen(function*() {
      const bulkhead = yield* Bulkhead.make({
        name: "model",
        concurrency: 4,
        queue: 1000,
        share: 0.5,
        maxWait: "1 hour"
      })
      for (const key of ["a", "b"]) for (let n = 0; n < 100; n++) yield* detach(callOf(bulkhead, key))
      const one = yield* detach(callOf(bulkhead, "c"))
      yield* TestClock.adjust("2 seconds")
      assert.isDefined(one.pollUnsafe())
    }))

  it.effect("a key has its share of the places in the queue and no more", () =>
    Effect.gen(function*() {
      const bulkhead = yield* Bulkhead.make({ name: "model", concurrency: 4, queue: 10, share: 0.5, maxWait: "1 hour" })
      for (let n = 0; n < 12; n++) yield* detach(callOf(bulkhead, "hog"))
      const { inFlight, queued, rejected } = yield* bulkhead.snapshot
      assert.deepStrictEqual([inFlight, queued, rejected["queue-full"]], [2, 5, 5])
      for (const key of ["b", "c", "d"]) yield* detach(callOf(bulkhead, key))
      const later = yield* bulkhead.snapshot
      assert.deepStrictEqual([later.inFlight, later.queued, later.rejected["queue-full"]], [4, 6, 5])
    }))

  it.effect("a higher priority goes first whatever its key holds", () =>
    Effect.gen(function*() {
      const bulkhead = yield* Bulkhead.make({
        name: "model",
        concurrency: 4,
        queue: 10,
        share: 0.75,
        maxWait: "1 hour"
      })
      for (let n = 0; n < 2; n++) yield* detach(callOf(bulkhead, "a"))
      for (let n = 0; n < 2; n++) yield* detach(callOf(bulkhead, "b"))
      const b = yield* detach(callOf(bulkhead, "c"))
      const urgent = yield* detach(Effect.provideService(callOf(bulkhead, "a"), Bulkhead.CurrentPriority, 1))
      yield* bulkhead.resize(5)
      assert.strictEqual((yield* bulkhead.snapshot).queued, 1)
      yield* TestClock.adjust("1 second")
      yield* TestClock.adjust("1 second")
      assert.isDefined(b.pollUnsafe())
      assert.isDefined(urgent.pollUnsafe())
    }))
})

describe("a kind of call", () => {
  it.effect("waits for as long as it says, longer or shorter than the others", () =>
    Effect.gen(function*() {
      const bulkhead = yield* Bulkhead.make({ name: "model", concurrency: 1, queue: 10, maxWait: "2 seconds" })
      yield* hold(bulkhead)
      const reasonAfter = (maxWait: number | undefined) =>
        Effect.gen(function*() {
          const protect = maxWait === undefined ? bulkhead.protect : bulkhead.protectWith({ maxWait })
          const fiber = yield* detach(Effect.flip(protect(Effect.void)))
          const ends: Array<number> = []
          for (let second = 0; second <= 5 && fiber.pollUnsafe() === undefined; second++) {
            ends.push(second)
            yield* TestClock.adjust("1 second")
          }
          return [ends.length, (yield* Fiber.join(fiber)).reason]
        })
      assert.deepStrictEqual(yield* reasonAfter(undefined), [2, "wait-timeout"])
      assert.deepStrictEqual(yield* reasonAfter(4000), [4, "wait-timeout"])
      assert.deepStrictEqual(yield* reasonAfter(0), [0, "wait-timeout"])
    }))

  it("refuses a wait that is none", () => {
    const { protectWith } = Effect.runSync(Bulkhead.make({ name: "model", concurrency: 1 }))
    assert.throws(() => protectWith({ maxWait: NaN }), RangeError, "Bulkhead.protectWith: maxWait")
  })
})

it.effect("two refused calls have two errors: what is marked on one is not on the other", () =>
  Effect.gen(function*() {
    const bulkhead = yield* Bulkhead.make({ name: "model", concurrency: 1 })
    yield* hold(bulkhead)
    const refused = Effect.flip(bulkhead.protect(Effect.void))
    const first = Object.assign(yield* refused, { marked: true })
    assert.notProperty(yield* refused, "marked")
    assert.isTrue(first.marked)
  }))
