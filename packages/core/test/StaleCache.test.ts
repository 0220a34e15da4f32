import { StaleCache } from "@switchgear/core"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Duration, Effect, Exit, Fiber } from "effect"
import { TestClock } from "effect/testing"

const minute = { name: "answers", timeToLive: "1 minute", staleFor: "1 hour" } as const

const fork = <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.forkChild(Effect.exit(self), { startImmediately: true })

/** A call that counts how often it is made. */
const counted = <A, E>(call: Effect.Effect<A, E>): { calls: number; readonly call: Effect.Effect<A, E> } => {
  const counter = {
    calls: 0,
    call: Effect.suspend(() => {
      counter.calls++
      return call
    }) as Effect.Effect<A, E>
  }
  return counter
}

describe("StaleCache", () => {
  it.effect("serves a fresh value without a call, and calls again when its time is over, exactly", () =>
    Effect.gen(function*() {
      const cache = yield* StaleCache.make<string>(minute)
      const counter = counted(Effect.succeed("a"))
      const get = Effect.map(counter.call.pipe(cache.through("k")), ({ freshness }) => freshness)
      assert.strictEqual(yield* get, "loaded")
      yield* TestClock.adjust("59999 millis")
      assert.strictEqual(yield* get, "fresh")
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(yield* get, "loaded")
      assert.strictEqual(counter.calls, 2)
      assert.deepStrictEqual((yield* cache.snapshot).served, { loaded: 2, fresh: 1, stale: 0 })
    }))

  it.effect("keeps successes only: failures and defects are told and tried anew", () =>
    Effect.gen(function*() {
      const cache = yield* StaleCache.make<string>(minute)
      const failing = counted(Effect.fail("503"))
      for (let i = 0; i < 2; i++) {
        assert.deepStrictEqual(yield* Effect.exit(failing.call.pipe(cache.through("k"))), Exit.fail("503"))
      }
      assert.strictEqual(failing.calls, 2)
      assert.deepStrictEqual(yield* Effect.exit(Effect.die("bug").pipe(cache.through("k"))), Exit.die("bug"))
      assert.strictEqual((yield* cache.snapshot).size, 0)
    }))

  it.effect("runs a failing call once per request, not twice", () =>
    Effect.gen(function*() {
      const cache = yield* StaleCache.make<string>(minute)
      const failing = counted(Effect.fail("503"))
      yield* Effect.exit(failing.call.pipe(cache.orStale("k")))
      assert.strictEqual(failing.calls, 1)
    }))

  it.effect("falls back on the stale value when the call fails, until it is too old, exactly", () =>
    Effect.gen(function*() {
      const cache = yield* StaleCache.make<string>(minute)
      yield* cache.set("k", "old")
      const failing = Effect.fail("503").pipe(cache.orStale("k"))
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(yield* failing, { value: "old", freshness: "stale", age: Duration.minutes(1) })
      yield* TestClock.adjust(Duration.millis(3_599_999))
      assert.strictEqual((yield* failing).freshness, "stale")
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(yield* Effect.flip(failing), "503")
      assert.isUndefined(yield* cache.lastGood("k"))
    }))

  it.effect("prefers the call to the stale value while the call succeeds, and keeps what it answered", () =>
    Effect.gen(function*() {
      const cache = yield* StaleCache.make<string>(minute)
      yield* cache.set("k", "old")
      yield* TestClock.adjust("2 minutes")
      assert.strictEqual((yield* Effect.succeed("new").pipe(cache.orStale("k"))).value, "new")
      assert.strictEqual((yield* cache.lastGood("k"))?.value, "new")
    }))

  it.effect("does not hide an error that is excepted, nor a defect, behind the stale value", () =>
    Effect.gen(function*() {
      const cache = yield* StaleCache.make<string>({ ...minute, timeToLive: 0 })
      yield* cache.set("k", "old")
      const when = { when: (error: string) => error !== "400" }
      assert.strictEqual(yield* Effect.flip(Effect.fail("400").pipe(cache.orStale("k", when))), "400")
      assert.strictEqual((yield* Effect.fail("503").pipe(cache.orStale("k", when))).value, "old")
      assert.deepStrictEqual(yield* Effect.exit(Effect.die("bug").pipe(cache.orStale("k"))), Exit.die("bug"))
    }))

  it.effect("keeps only what storeWhen wants kept", () =>
    Effect.gen(function*() {
      const cache = yield* StaleCache.make<string>({ ...minute, storeWhen: (value) => value !== "cut off" })
      assert.strictEqual((yield* Effect.succeed("cut off").pipe(cache.through("k"))).value, "cut off")
      assert.isUndefined(yield* cache.lastGood("k"))
    }))

  it.effect("makes one call for a hundred equal keys in flight, and one each for different keys", () =>
    Effect.gen(function*() {
      const cache = yield* StaleCache.make<string>(minute)
      const slow = counted(Effect.as(Effect.sleep("1 second"), "a"))
      const fibers = yield* Effect.forEach(
        Array.from({ length: 100 }, (_, i) => i),
        (i) => fork(slow.call.pipe(cache.through(i < 99 ? "same" : "other")))
      )
      yield* TestClock.adjust("1 second")
      const exits = yield* Effect.forEach(fibers, Fiber.join)
      assert.strictEqual(slow.calls, 2)
      assert.isTrue(exits.every(Exit.isSuccess))
    }))

  it.effect("tells everybody in the flight when the shared call fails", () =>
    Effect.gen(function*() {
      const cache = yield* StaleCache.make<string>(minute)
      const slow = counted(Effect.andThen(Effect.sleep("1 second"), Effect.fail("503")))
      const fibers = yield* Effect.forEach([1, 2, 3], () => fork(slow.call.pipe(cache.through("k"))))
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(
        yield* Effect.forEach(fibers, Fiber.join),
        Array.from({ length: 3 }, () => Exit.fail("503"))
      )
      assert.strictEqual(slow.calls, 1)
    }))

  it.effect("goes on for the others when one caller leaves, also the one who began, and stops with the last", () =>
    Effect.gen(function*() {
      const cache = yield* StaleCache.make<string>(minute)
      let interrupted = 0
      const work = Effect.onInterrupt(Effect.as(Effect.sleep("1 second"), "a"), () => Effect.sync(() => interrupted++))
      const [first, second] = [yield* fork(work.pipe(cache.through("k"))), yield* fork(work.pipe(cache.through("k")))]
      yield* Fiber.interrupt(first)
      assert.strictEqual(interrupted, 0)
      yield* TestClock.adjust("1 second")
      assert.isTrue(Exit.isSuccess(yield* Fiber.join(second)))

      const alone = yield* fork(work.pipe(cache.through("other")))
      yield* Fiber.interrupt(alone)
      assert.strictEqual(interrupted, 1)
    }))

  it.effect("lets go of the least recently used value when it is full", () =>
    Effect.gen(function*() {
      const cache = yield* StaleCache.make<string>({ ...minute, capacity: 2 })
      yield* cache.set("a", "A")
      yield* cache.set("b", "B")
      yield* cache.lastGood("a")
      yield* cache.set("c", "C")
      assert.isUndefined(yield* cache.lastGood("b"))
      assert.strictEqual((yield* cache.lastGood("a"))?.value, "A")
      assert.strictEqual((yield* cache.snapshot).size, 2)
      yield* cache.invalidate("a")
      assert.isUndefined(yield* cache.lastGood("a"))
      yield* cache.clear
      assert.strictEqual((yield* cache.snapshot).size, 0)
    }))

  const cases: ReadonlyArray<readonly [Partial<StaleCache.Options>, string]> = [
    [{ name: "" }, "name must be a text that is not empty, got \"\""],
    [{ capacity: 0 }, "capacity must be a whole number from 1 to 16777216, got 0"],
    [{ timeToLive: -1 }, "timeToLive must be a duration of zero or more, got -1"],
    [{ staleFor: NaN }, "staleFor must be a duration of zero or more, got NaN"]
  ]
  for (const [options, message] of cases) {
    it.effect(`refuses nonsense: ${message}`, () =>
      Effect.gen(function*() {
        const exit = yield* Effect.exit(StaleCache.make({ ...minute, ...options }))
        const defect = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
        assert.instanceOf(defect, RangeError)
        assert.strictEqual((defect as RangeError).message, `StaleCache.make: ${message}`)
      }))
  }
})
