/** What a `StaleCache` promises wherever its values are kept, and however badly that place behaves. */
import { assert, describe, it } from "@effect/vitest"
import { StaleCache } from "@switchgear/core"
import { Deferred, Effect, Exit, Fiber, type Scope } from "effect"
import { TestClock } from "effect/testing"

export interface Subject {
  readonly name: string
  /** Values are set through one cache and read through the other, which is the same one unless a store works. */
  readonly make: (options: StaleCache.Options<string>) => Effect.Effect<
    { readonly writer: StaleCache.StaleCache<string>; readonly reader: StaleCache.StaleCache<string> },
    never,
    Scope.Scope
  >
  readonly store: "none" | "works" | "fails" | "holds nonsense"
}

export const storeTimeout = 1

/** Runs something to its end, and the clock with it for as long as a store hangs. */
export const patiently = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.gen(function*() {
    const fiber = yield* Effect.forkChild(Effect.exit(self), { startImmediately: true })
    while (fiber.pollUnsafe() === undefined) {
      yield* TestClock.adjust(storeTimeout)
      // A store on disk is served by the event loop.
      yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
    }
    return yield* yield* Fiber.join(fiber)
  })

export const contract = ({ make, name, store }: Subject): void => {
  // A store that hangs takes its time, so claims about time are made with a second to spare.
  const caches = (options: Partial<StaleCache.Options<string>> = {}) =>
    patiently(make({ name: "answers", timeToLive: "1 minute", staleFor: "1 hour", storeTimeout, ...options }))
  const counted = <A, E>(call: Effect.Effect<A, E>) => {
    const counter = { calls: 0, call: Effect.andThen(Effect.sync(() => void counter.calls++), call) }
    return counter
  }

  describe(`a cache with ${name}`, () => {
    it.effect("serves a fresh value without a call, and calls when its time is over", () =>
      Effect.gen(function*() {
        const { reader, writer } = yield* caches()
        yield* patiently(writer.set("k", "kept"))
        const { call } = counted(Effect.succeed("new"))
        yield* TestClock.adjust("58 seconds")
        const fresh = yield* patiently(call.pipe(reader.through("k")))
        assert.deepStrictEqual([fresh.value, fresh.freshness], ["kept", "fresh"])
        yield* TestClock.adjust("2 seconds")
        const loaded = yield* patiently(call.pipe(reader.through("k")))
        assert.deepStrictEqual([loaded.value, loaded.freshness], ["new", "loaded"])
      }))

    it.effect("falls back on the stale value when the call fails, until it is too old", () =>
      Effect.gen(function*() {
        const { reader, writer } = yield* caches()
        yield* patiently(writer.set("k", "kept"))
        yield* TestClock.adjust("60 minutes")
        const stale = yield* patiently(Effect.fail("503").pipe(reader.orStale("k")))
        assert.deepStrictEqual([stale.value, stale.freshness], ["kept", "stale"])
        assert.strictEqual((yield* patiently(reader.lastGood("k")))?.value, "kept")
        yield* TestClock.adjust("61 seconds")
        assert.strictEqual(yield* patiently(Effect.flip(Effect.fail("503").pipe(reader.orStale("k")))), "503")
        assert.isUndefined(yield* patiently(reader.lastGood("k")))
      }))

    it.effect("tells failures and defects of the call as they are, calls once for each, and keeps neither", () =>
      Effect.gen(function*() {
        const { reader } = yield* caches()
        for (const exit of [Exit.fail("503"), Exit.die("bug")]) {
          const counter = counted(exit)
          for (const use of [reader.through("k"), reader.orStale<string>("k")]) {
            assert.deepStrictEqual(yield* patiently(Effect.exit(use(counter.call))), exit)
          }
          assert.strictEqual(counter.calls, 2)
        }
        assert.isUndefined(yield* patiently(reader.lastGood("k")))
      }))

    it.effect("makes one call for equal keys in flight", () =>
      Effect.gen(function*() {
        const { reader } = yield* caches()
        const slow = counted(Effect.as(Effect.sleep("1 second"), "a"))
        const callers = Effect.all(Array.from({ length: 20 }, () => slow.call.pipe(reader.through("k"))), {
          concurrency: "unbounded"
        })
        const served = yield* patiently(callers)
        assert.isTrue(served.every(({ freshness, value }) => freshness === "loaded" && value === "a"))
        assert.strictEqual(slow.calls, 1)
      }))

    it.effect("lets a caller go at once, and interrupts the call with its last caller", () =>
      Effect.gen(function*() {
        const { reader } = yield* caches()
        let interrupted = 0
        const started = yield* Deferred.make<void>()
        const work = Effect.andThen(Deferred.succeed(started, undefined), Effect.never).pipe(
          Effect.onInterrupt(() => Effect.sync(() => interrupted++))
        )
        const leaving = Effect.gen(function*() {
          const fiber = yield* Effect.forkChild(work.pipe(reader.through("k")), { startImmediately: true })
          yield* Deferred.await(started)
          yield* Fiber.interrupt(fiber)
        })
        yield* patiently(leaving)
        assert.strictEqual(interrupted, 1)
      }))

    it.effect("forgets what is invalidated, and everything when cleared", () =>
      Effect.gen(function*() {
        const { reader, writer } = yield* caches()
        for (const key of ["a", "b", "c"]) yield* patiently(writer.set(key, key))
        yield* patiently(writer.invalidate("a"))
        assert.isUndefined(yield* patiently(reader.lastGood("a")))
        assert.strictEqual((yield* patiently(reader.lastGood("b")))?.value, "b")
        yield* patiently(writer.clear)
        assert.isUndefined(yield* patiently(writer.lastGood("b")))
        assert.isUndefined(yield* patiently(reader.lastGood("c")))
      }))

    it.effect("keeps only what storeWhen wants kept", () =>
      Effect.gen(function*() {
        const { reader, writer } = yield* caches({ storeWhen: (value) => value !== "cut off" })
        yield* patiently(writer.set("k", "cut off"))
        assert.strictEqual((yield* patiently(Effect.succeed("cut off").pipe(reader.through("k")))).value, "cut off")
        assert.isUndefined(yield* patiently(reader.lastGood("k")))
      }))

    it.effect("tells how often its store failed", () =>
      Effect.gen(function*() {
        const { reader } = yield* caches()
        yield* patiently(Effect.succeed("a").pipe(reader.through("k")))
        yield* patiently(reader.invalidate("k"))
        yield* patiently(reader.lastGood("k"))
        yield* patiently(reader.clear)
        // Two reads, a write, a removal and a clearing.
        assert.strictEqual((yield* reader.snapshot).storeFailures, store === "fails" ? 5 : 0)
      }))
  })
}
