import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import { assert, describe, it } from "@effect/vitest"
import { CircuitBreaker, Deadline, StaleCache, StaleCacheStore } from "@switchgear/core"
import { Duration, Effect, Exit, Fiber, FileSystem, Layer, Schema, type Scope } from "effect"
import { KeyValueStore, Persistence } from "effect/persistence"
import { TestClock } from "effect/testing"
import { expectTypeOf } from "vitest"
import { contract, patiently } from "./support/staleCacheContract.ts"
import { interruptAtEveryStep } from "./support/yieldAt.ts"

type Store = StaleCacheStore.StaleCacheStore<string>

const fromPersistence = StaleCacheStore.fromPersistence({ storeId: "answers", schema: Schema.String })

/** Two caches, as of two processes, over one persistence. */
const twoProcesses = <E>(layer: Layer.Layer<Persistence.Persistence, E>) => (options: StaleCache.Options<string>) =>
  Effect.gen(function*() {
    const context = yield* Effect.orDie(Layer.build(layer))
    const process = Effect.gen(function*() {
      return yield* StaleCache.make({ ...options, store: yield* Effect.provideContext(fromPersistence, context) })
    })
    return { writer: yield* process, reader: yield* process }
  })

const oneProcess = (store?: Store) => (options: StaleCache.Options<string>) =>
  Effect.map(StaleCache.make({ ...options, store }), (cache) => ({ writer: cache, reader: cache }))

const always = (outcome: Effect.Effect<never, unknown>): Store => ({
  get: () => outcome,
  set: () => outcome,
  remove: () => outcome,
  clear: outcome
})

/** A backing that answers whatever is asked with the same thing. */
const nonsense = (value: unknown): Layer.Layer<Persistence.Persistence> => {
  const backing: Persistence.BackingPersistenceStore = {
    get: () => Effect.succeed(value as object),
    getMany: () => Effect.die("is not used"),
    set: () => Effect.void,
    setMany: () => Effect.die("is not used"),
    remove: () => Effect.void,
    clear: Effect.void
  }
  return Layer.provide(
    Persistence.layer,
    Layer.succeed(Persistence.BackingPersistence, { make: () => Effect.succeed(backing) })
  )
}

const files = Layer.unwrap(
  Effect.map(
    FileSystem.FileSystem.use((fs) => fs.makeTempDirectoryScoped()),
    (directory) => Persistence.layerKvs.pipe(Layer.provide(KeyValueStore.layerFileSystem(directory)))
  )
).pipe(Layer.provide([NodeFileSystem.layer, NodePath.layer]))

contract({ name: "no store", store: "none", make: oneProcess() })
contract({ name: "a store in memory", store: "works", make: twoProcesses(Persistence.layerMemory) })
contract({
  name: "a store in a key-value store",
  store: "works",
  make: twoProcesses(Layer.provide(Persistence.layerKvs, KeyValueStore.layerMemory))
})
contract({
  name: "a store on disk",
  store: "works",
  // The clock goes on while the disk is waited for.
  make: (options) => twoProcesses(files)({ ...options, storeTimeout: "1 minute" })
})
contract({ name: "a store that fails", store: "fails", make: oneProcess(always(Effect.fail("down"))) })
contract({ name: "a store that dies", store: "fails", make: oneProcess(always(Effect.die("bug"))) })
contract({ name: "a store that interrupts itself", store: "fails", make: oneProcess(always(Effect.interrupt)) })
contract({ name: "a store that hangs", store: "fails", make: oneProcess(always(Effect.never)) })
contract({
  name: "a store that hangs and cannot be interrupted",
  store: "fails",
  make: oneProcess(always(Effect.uninterruptible(Effect.never)))
})
contract({
  name: "a store that throws",
  store: "fails",
  make: oneProcess(
    new Proxy(always(Effect.void as never), {
      get: (_, property) => {
        if (property === "clear") return Effect.sync(() => assert.fail("bug"))
        return () => assert.fail("bug")
      }
    })
  )
})
for (
  const value of [
    null,
    "text",
    [],
    {},
    { _tag: "Success", value: { value: 42, storedAt: 0 } },
    { _tag: "Success", value: { value: "undated", storedAt: "NaN" } },
    { _tag: "Failure", cause: [{ _tag: "Die", defect: "bug" }] }
  ]
) {
  contract({
    name: `a store that answers ${JSON.stringify(value)}`,
    store: "holds nonsense",
    make: (options) => Effect.map(twoProcesses(nonsense(value))(options), ({ reader }) => ({ writer: reader, reader }))
  })
}

/** A store in a map, whose contents the test can see, and whose steps it can hold up. */
const visible = () => {
  const entries = new Map<string, StaleCacheStore.Stored<string>>()
  const store = {
    entries,
    reads: 0,
    timesToLive: [] as Array<Duration.Duration>,
    reading: Effect.void as Effect.Effect<void>,
    writing: Effect.void as Effect.Effect<void>,
    get: (key: string) =>
      Effect.suspend(() => {
        store.reads++
        const found = entries.get(key)
        return Effect.as(store.reading, found)
      }),
    set: (key: string, stored: StaleCacheStore.Stored<string>, timeToLive: Duration.Duration) =>
      Effect.andThen(
        store.writing,
        Effect.sync(() => {
          entries.set(key, stored)
          store.timesToLive.push(timeToLive)
        })
      ),
    remove: (key: string) => Effect.sync(() => entries.delete(key)).pipe(Effect.asVoid),
    clear: Effect.sync(() => entries.clear())
  }
  return store
}

const minute = { name: "answers", timeToLive: "1 minute", staleFor: "1 hour" } as const
const fork = <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.forkChild(Effect.exit(self), { startImmediately: true })

describe("StaleCache with a store", () => {
  it.effect("serves what another process has loaded, with its age", () =>
    Effect.gen(function*() {
      const { reader, writer } = yield* twoProcesses(Persistence.layerMemory)(minute)
      yield* Effect.succeed("a").pipe(writer.through("k"))
      yield* TestClock.adjust("40 seconds")
      const never = Effect.die("is not called")
      assert.deepStrictEqual(yield* never.pipe(reader.through("k")), {
        value: "a",
        freshness: "fresh",
        age: Duration.seconds(40)
      })
      // Now it is in memory, with the age that it had.
      yield* TestClock.adjust("20 seconds")
      assert.strictEqual((yield* reader.lastGood("k"))?.freshness, "stale")
    }))

  it.effect("asks the store once for equal keys in flight, and not at all for what is fresh in memory", () =>
    Effect.gen(function*() {
      const store = visible()
      const cache = yield* StaleCache.make({ ...minute, store })
      const slow = Effect.as(Effect.sleep("1 second"), "a")
      const fiber = yield* fork(
        Effect.all([1, 2, 3].map(() => slow.pipe(cache.through("k"))), { concurrency: "unbounded" })
      )
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(fiber)
      yield* slow.pipe(cache.through("k"))
      yield* cache.lastGood("k")
      assert.strictEqual(store.reads, 1)
      assert.deepStrictEqual(store.timesToLive, [Duration.minutes(61)])
    }))

  it.effect("waits for a store that hangs as long as storeTimeout, exactly, and for its writes not at all", () =>
    Effect.gen(function*() {
      const cache = yield* StaleCache.make({ ...minute, store: always(Effect.never) })
      const fiber = yield* fork(Effect.timed(Effect.succeed("a").pipe(cache.through("k"))))
      yield* TestClock.adjust("49 millis")
      assert.isUndefined(fiber.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      const exit = fiber.pollUnsafe()
      assert.isTrue(exit && Exit.isSuccess(exit) && Exit.isSuccess(exit.value))
      assert.strictEqual((yield* cache.snapshot).storeFailures, 1)
      yield* TestClock.adjust("50 millis")
      assert.strictEqual((yield* cache.snapshot).storeFailures, 2)
    }))

  it.effect("interrupts what takes too long, and what nobody waits for any more, and holds nobody back meanwhile", () =>
    Effect.gen(function*() {
      const store = visible()
      let interrupted = 0
      store.reading = Effect.onInterrupt(Effect.never, () => Effect.sync(() => interrupted++))
      const cache = yield* StaleCache.make({ ...minute, store })
      const reading = yield* fork(cache.lastGood("k"))
      yield* TestClock.adjust("50 millis")
      assert.deepStrictEqual(yield* Fiber.join(reading), Exit.succeed(undefined))
      assert.strictEqual(interrupted, 1)

      for (const read of [cache.lastGood("k"), Effect.succeed("a").pipe(cache.through("k"))]) {
        yield* Fiber.interrupt(yield* fork(read))
      }
      assert.strictEqual(interrupted, 3)
      assert.strictEqual((yield* cache.snapshot).storeFailures, 1)
    }))

  it.effect("gives the call all of its deadline, and its answer also when the store is slow to take it", () =>
    Effect.gen(function*() {
      const store = visible()
      store.writing = Effect.sleep("40 millis")
      const cache = yield* StaleCache.make({ ...minute, store })
      const call = Effect.as(Effect.sleep("990 millis"), "a")
      const fiber = yield* fork(call.pipe(cache.through("k"), Deadline.within("1 second")))
      yield* TestClock.adjust("990 millis")
      assert.isTrue(Exit.isSuccess(yield* Fiber.join(fiber)))
      yield* TestClock.adjust("40 millis")
      assert.strictEqual(store.entries.get("k")?.value, "a")
    }))

  it.effect("writes for a key arrive in the order in which they were begun", () =>
    Effect.gen(function*() {
      const store = visible()
      const cache = yield* StaleCache.make({ ...minute, store })
      store.writing = Effect.sleep("40 millis")
      yield* Effect.succeed("a").pipe(cache.through("k"))
      store.writing = Effect.void
      const later = yield* fork(Effect.andThen(cache.set("k", "b"), Effect.sync(() => store.entries.get("k")?.value)))
      yield* TestClock.adjust("40 millis")
      assert.deepStrictEqual(yield* Fiber.join(later), Exit.succeed("b"))

      store.writing = Effect.sleep("20 millis")
      yield* Effect.all([fork(cache.set("k", "c")), fork(cache.set("k", "d"))])
      yield* TestClock.adjust("30 millis")
      store.writing = Effect.void
      const last = yield* fork(cache.set("k", "e"))
      yield* TestClock.adjust("10 millis")
      yield* Fiber.join(last)
      assert.strictEqual(store.entries.get("k")?.value, "e")

      for (const forget of [cache.invalidate("k"), cache.clear]) {
        store.writing = Effect.sleep("40 millis")
        yield* TestClock.adjust("1 minute")
        yield* fork(Effect.succeed("c").pipe(cache.through("k")))
        const forgotten = yield* fork(forget)
        yield* TestClock.adjust("40 millis")
        yield* Fiber.join(forgotten)
        assert.strictEqual(store.entries.size, 0)
      }
    }))

  it.effect("does not bring back what was invalidated while it was read, and keeps the rest", () =>
    Effect.gen(function*() {
      const store = visible()
      const writer = yield* StaleCache.make({ ...minute, store })
      store.reading = Effect.sleep("10 millis")
      for (const forget of ["other", "k", "all"]) {
        yield* writer.set("k", "a")
        const cache = yield* StaleCache.make({ ...minute, store })
        const reading = yield* fork(cache.lastGood("k"))
        yield* forget === "all" ? cache.clear : cache.invalidate(forget)
        yield* TestClock.adjust("10 millis")
        const found = yield* yield* Fiber.join(reading)
        assert.strictEqual(found?.value, forget === "other" ? "a" : undefined)
        assert.strictEqual((yield* cache.snapshot).size, forget === "other" ? 1 : 0)
      }
    }))

  it.effect("has nothing fresh that was stored before all values were made stale", () =>
    Effect.gen(function*() {
      const store = visible()
      const [one, another] = [
        yield* StaleCache.make({ ...minute, store }),
        yield* StaleCache.make({ ...minute, store })
      ]
      yield* another.set("k", "old")
      yield* one.expire
      assert.strictEqual((yield* one.lastGood("k"))?.freshness, "stale")
      assert.strictEqual((yield* Effect.succeed("new").pipe(one.through("k"))).value, "new")
      yield* TestClock.adjust("1 millis")
      yield* another.set("k", "newer")
      assert.strictEqual((yield* one.lastGood("k"))?.freshness, "fresh")
    }))

  it.effect("serves the younger of what memory and store have", () =>
    Effect.gen(function*() {
      const store = visible()
      const [one, another] = [
        yield* StaleCache.make({ ...minute, store }),
        yield* StaleCache.make({ ...minute, store })
      ]
      yield* one.set("k", "old")
      yield* TestClock.adjust("2 minutes")
      yield* another.set("k", "new")
      assert.strictEqual((yield* one.lastGood("k"))?.value, "new")
      store.entries.set("k", { value: "ancient", storedAt: 0 })
      yield* TestClock.adjust("2 minutes")
      assert.strictEqual((yield* one.lastGood("k"))?.value, "new")
    }))

  it.effect("takes a value from the future for a new one, and does not serve one that the store kept too long", () =>
    Effect.gen(function*() {
      const store = visible()
      const cache = yield* StaleCache.make({ ...minute, capacity: 1, store })
      yield* TestClock.adjust("2 hours")
      store.entries.set("future", { value: "a", storedAt: Duration.toMillis("3 hours") })
      const found = yield* cache.lastGood("future")
      assert.deepStrictEqual([found?.freshness, found?.age], ["fresh", Duration.zero])
      store.entries.delete("future")
      yield* TestClock.adjust("1 minute")
      assert.strictEqual((yield* cache.lastGood("future"))?.freshness, "stale")
      store.entries.set("old", { value: "a", storedAt: 0 })
      assert.isUndefined(yield* cache.lastGood("old"))
      store.entries.set("undated", { value: "a", storedAt: NaN })
      assert.isUndefined(yield* cache.lastGood("undated"))
      assert.isDefined(yield* cache.lastGood("future"), "neither has pushed it out")
    }))

  it.effect("finds in the store what was pushed out of memory while the call was made", () =>
    Effect.gen(function*() {
      const cache = yield* StaleCache.make({ ...minute, capacity: 1, store: visible() })
      yield* cache.set("k", "a")
      yield* TestClock.adjust("1 minute")
      const call = Effect.andThen(cache.set("another", "b"), Effect.fail("503"))
      assert.strictEqual((yield* call.pipe(cache.orStale("k"))).value, "a")
    }))

  it.effect("passes over entries of an older schema and writes new ones over them", () =>
    Effect.gen(function*() {
      const context = yield* Layer.build(Persistence.layerMemory)
      const cacheOf = <A, I>(schema: Schema.Codec<A, I>) =>
        StaleCacheStore.fromPersistence({ storeId: "answers", schema }).pipe(
          Effect.provideContext(context),
          Effect.flatMap((store) => StaleCache.make({ ...minute, store }))
        )
      const old = yield* cacheOf(Schema.String)
      yield* old.set("k", "a")
      const Answer = Schema.Struct({ text: Schema.String, at: Schema.Date })
      const answer = { text: "b", at: new Date(0) }
      const cache = yield* cacheOf(Answer)
      assert.strictEqual((yield* Effect.succeed(answer).pipe(cache.through("k"))).freshness, "loaded")
      assert.deepStrictEqual((yield* (yield* cacheOf(Answer)).lastGood("k"))?.value, answer)
      assert.strictEqual((yield* cache.snapshot).storeFailures, 0)
    }))

  it.effect("counts a value that does not fit its schema, and serves it", () =>
    Effect.gen(function*() {
      const store = yield* StaleCacheStore.fromPersistence({ storeId: "answers", schema: Schema.NonEmptyString })
      const cache = yield* StaleCache.make({ ...minute, store })
      assert.strictEqual((yield* Effect.succeed("").pipe(cache.through("k"))).value, "")
      assert.strictEqual((yield* cache.snapshot).storeFailures, 1)
    }).pipe(Effect.provide(Persistence.layerMemory)))

  it.effect("with a circuit breaker around its store waits for a dead one no longer", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ name: "store", consecutiveFailures: 2 })
      const guard = <A>(work: Effect.Effect<A, unknown>) => breaker.protect(Effect.timeout(work, "20 millis"))
      const dead = always(Effect.never)
      const store: Store = {
        get: (key) => guard(dead.get(key)),
        set: (key, stored, timeToLive) => guard(dead.set(key, stored, timeToLive)),
        remove: (key) => guard(dead.remove(key)),
        clear: guard(dead.clear)
      }
      const cache = yield* StaleCache.make({ ...minute, store })
      yield* patiently(Effect.succeed("a").pipe(cache.through("a")))
      yield* TestClock.adjust("20 millis")
      const fiber = yield* fork(Effect.succeed("b").pipe(cache.through("b")))
      assert.isDefined(fiber.pollUnsafe())
      assert.strictEqual((yield* cache.snapshot).storeFailures, 4)
    }))

  it.effect("is interrupted at any step without losing sight of a write", () =>
    Effect.gen(function*() {
      let cache: StaleCache.StaleCache<string> | undefined
      let store = visible()
      const pause = Effect.forEach(Array(10), () => Effect.yieldNow, { discard: true })
      const struck = yield* interruptAtEveryStep({
        program: () =>
          Effect.gen(function*() {
            store = visible()
            cache = yield* StaleCache.make({ ...minute, timeToLive: 0, store })
            yield* Effect.fail("503").pipe(cache.orStale("k"), Effect.ignore)
            yield* Effect.succeed("a").pipe(cache.through("k"))
            yield* cache.lastGood("k")
            yield* cache.invalidate("k")
            store.writing = pause
            yield* cache.set("k", "c")
          }),
        check: () =>
          Effect.gen(function*() {
            if (cache === undefined) return
            store.writing = Effect.void
            yield* cache.set("k", "b")
            // A write that was begun before must have ended before.
            yield* Effect.andThen(pause, pause)
            assert.strictEqual(store.entries.get("k")?.value, "b")
            assert.strictEqual((yield* cache.lastGood("k"))?.value, "b")
            yield* cache.clear
            assert.strictEqual(store.entries.size, 0)
          })
      })
      assert.isAbove(struck, 100)
    }))

  it.effect("is interrupted at any step without leaving a read behind", () =>
    Effect.gen(function*() {
      let underWay = 0
      const reading = Effect.callback<never>(() => {
        underWay++
        return Effect.sync(() => void underWay--)
      })
      const program = Effect.flatMap(
        StaleCache.make({ ...minute, store: { ...visible(), get: () => reading } }),
        (cache) => cache.lastGood("k")
      )
      const check = () => Effect.andThen(Effect.yieldNow, Effect.sync(() => assert.strictEqual(underWay, 0)))
      assert.isAbove(yield* interruptAtEveryStep({ program: () => program, check }), 10)
    }))

  const removals: ReadonlyArray<readonly [string, Effect.Effect<never, unknown>]> = [
    ["fails", Effect.fail("busy")],
    ["dies", Effect.die("bug")],
    ["hangs", Effect.never],
    ["hangs and cannot be interrupted", Effect.uninterruptible(Effect.never)]
  ]
  for (const [name, outcome] of removals) {
    it.effect(`does not get back what was invalidated or cleared when the store ${name} instead of removing it`, () =>
      Effect.gen(function*() {
        const store = { ...visible(), remove: () => outcome, clear: outcome }
        for (const way of ["invalidate", "clear"] as const) {
          const cache = yield* StaleCache.make({ ...minute, store })
          yield* cache.set("k", "secret")
          yield* patiently(way === "clear" ? cache.clear : cache.invalidate("k"))
          assert.isDefined(store.entries.get("k"))
          assert.isUndefined(yield* cache.lastGood("k"))
          assert.strictEqual(yield* Effect.flip(Effect.fail("503").pipe(cache.orStale("k"))), "503")
          yield* TestClock.adjust("1 second")
          const loaded = yield* Effect.succeed("new").pipe(cache.through("k"))
          assert.deepStrictEqual([loaded.value, loaded.freshness], ["new", "loaded"])
          assert.strictEqual((yield* cache.snapshot).storeFailures, 1)
          // What is written afterwards is served again, by another process and by this one.
          yield* TestClock.adjust("1 minute")
          assert.strictEqual((yield* (yield* StaleCache.make({ ...minute, store })).lastGood("k"))?.value, "new")
        }
      }))
  }

  it.effect("does not get back an older value that the store kept when it failed to take the one that was set", () =>
    Effect.gen(function*() {
      const store = visible()
      const cache = yield* StaleCache.make({ ...minute, capacity: 1, store })
      yield* cache.set("k", "old")
      yield* TestClock.adjust("1 second")
      store.writing = Effect.fail("busy") as never
      yield* cache.set("k", "set")
      store.writing = Effect.void
      yield* cache.set("another", "pushes it out of memory")
      assert.isUndefined(yield* cache.lastGood("k"))
    }))

  it.effect("writes nothing after a removal that was begun before it, however long that takes", () =>
    Effect.gen(function*() {
      const store = visible()
      const cache = yield* StaleCache.make({ ...minute, store })
      store.writing = Effect.uninterruptible(Effect.sleep("1 second"))
      yield* Effect.succeed("old").pipe(cache.through("k"))
      const removing = yield* fork(cache.invalidate("k"))
      yield* TestClock.adjust("50 millis")
      assert.isDefined(removing.pollUnsafe(), "the caller waits for the time-out and no longer")
      yield* TestClock.adjust("1 second")
      assert.strictEqual(store.entries.size, 0)
    }))

  it.effect("does not believe a write that arrives after the removal, although it was interrupted before", () =>
    Effect.gen(function*() {
      const store = visible()
      const cache = yield* StaleCache.make({ ...minute, store })
      // As a command that is on its way to a server.
      store.writing = Effect.flatMap(Effect.forkDetach(Effect.sleep("1 second")), Fiber.join)
      const set = store.set
      store.set = (key, stored, timeToLive) =>
        Effect.flatMap(Effect.forkDetach(set(key, stored, timeToLive), { startImmediately: true }), Fiber.join)
      for (const forget of [cache.invalidate("k"), cache.clear]) {
        yield* Effect.succeed("old").pipe(cache.through("k"))
        yield* TestClock.adjust("100 millis")
        yield* forget
        yield* TestClock.adjust("1 second")
        assert.strictEqual(store.entries.get("k")?.value, "old")
        assert.isUndefined(yield* cache.lastGood("k"))
        store.entries.clear()
      }
    }))

  it.effect("does not believe a read that was begun before the store had done the removal", () =>
    Effect.gen(function*() {
      const store = visible()
      const cache = yield* StaleCache.make({ ...minute, store })
      const { clear, remove } = store
      store.remove = (key) => Effect.delay(remove(key), "10 millis")
      store.clear = Effect.delay(clear, "10 millis")
      for (const forget of [cache.invalidate("k"), cache.clear]) {
        yield* cache.set("k", "old")
        yield* TestClock.adjust("1 second")
        const forgetting = yield* fork(forget)
        store.reading = Effect.sleep("30 millis")
        const reading = yield* fork(cache.lastGood("k"))
        yield* TestClock.adjust("30 millis")
        assert.isDefined(forgetting.pollUnsafe())
        assert.deepStrictEqual(yield* Fiber.join(reading), Exit.succeed(undefined))
        assert.strictEqual((yield* cache.snapshot).size, 0)
        store.reading = Effect.void
      }
    }))

  it.effect("does not keep what a call answers after the key was invalidated, in the store either", () =>
    Effect.gen(function*() {
      const store = visible()
      const cache = yield* StaleCache.make({ ...minute, store })
      const call = yield* fork(Effect.as(Effect.sleep("1 second"), "old").pipe(cache.through("k")))
      yield* cache.invalidate("k")
      yield* TestClock.adjust("1 second")
      assert.isTrue(Exit.isSuccess(yield* Fiber.join(call)))
      assert.strictEqual(store.entries.size, 0)
    }))

  const nonsensical: ReadonlyArray<readonly [string, () => unknown]> = [
    ["a date that is a BigInt", () => Effect.succeed({ value: "v", storedAt: 0n })],
    ["a date that is not a number", () => Effect.succeed({ value: "v", storedAt: NaN })],
    ["no date", () => Effect.succeed({ value: "v" })],
    ["a text", () => Effect.succeed("v")],
    ["an entry that throws when it is read", () =>
      Effect.succeed({
        get value() {
          return assert.fail("bug")
        },
        storedAt: 0
      })],
    ["no effect", () => undefined],
    ["a promise", () => Promise.resolve({ value: "v", storedAt: 0 })],
    ["an exception", () => assert.fail("bug")]
  ]
  it.effect("takes nonsense for a miss and counts it", () =>
    Effect.gen(function*() {
      for (const [name, get] of nonsensical) {
        const cache = yield* StaleCache.make<string>({ ...minute, store: { ...visible(), get: get as never } })
        assert.strictEqual((yield* Effect.succeed("loaded").pipe(cache.through("k"))).value, "loaded", name)
        assert.strictEqual((yield* cache.snapshot).storeFailures, 1, name)
      }
      for (const nothing of [undefined, null]) {
        const store = { ...visible(), get: () => Effect.succeed(nothing) as never }
        const cache = yield* StaleCache.make<string>({ ...minute, store })
        yield* Effect.succeed("loaded").pipe(cache.through("k"))
        assert.strictEqual((yield* cache.snapshot).storeFailures, 0)
      }
    }))

  it.effect("serves a value from the future fresh for timeToLive since it first saw it, however often it is read", () =>
    Effect.gen(function*() {
      const store = visible()
      const cache = yield* StaleCache.make({ ...minute, capacity: 2, store })
      store.entries.set("k", { value: "poisoned", storedAt: Duration.toMillis("1000 days") })
      assert.strictEqual((yield* cache.lastGood("k"))?.freshness, "fresh")
      yield* TestClock.adjust("30 seconds")
      // Pushed out of memory, and read again.
      yield* cache.set("a", "a")
      yield* cache.set("b", "b")
      assert.deepStrictEqual(yield* cache.lastGood("k"), {
        value: "poisoned",
        freshness: "fresh",
        age: Duration.seconds(30)
      })
      yield* TestClock.adjust("30 seconds")
      assert.strictEqual((yield* Effect.succeed("new").pipe(cache.through("k"))).value, "new")
    }))

  it.effect("does not ask a store that hangs while sixteen operations are stuck in it, and asks again afterwards", () =>
    Effect.gen(function*() {
      const store = visible()
      let begun = 0
      let stuck = Effect.sleep("1 hour")
      store.get = () =>
        Effect.suspend(() => {
          begun++
          return Effect.as(Effect.uninterruptible(stuck), undefined)
        })
      const cache = yield* StaleCache.make({ ...minute, store })
      for (let i = 0; i < 100; i++) {
        yield* patiently(cache.lastGood(`key ${i}`))
      }
      assert.strictEqual(begun, 16)
      assert.strictEqual((yield* cache.snapshot).storeFailures, 100)
      const quick = yield* fork(Effect.succeed("a").pipe(cache.through("k")))
      assert.isDefined(quick.pollUnsafe(), "nobody waits for it")
      yield* TestClock.adjust("1 hour")
      stuck = Effect.void
      yield* cache.lastGood("other")
      assert.strictEqual(begun, 17)
    }))

  it.effect("serves the stale value of the store when the call is slow, also when the store is slower than after", () =>
    Effect.gen(function*() {
      const store = visible()
      store.entries.set("k", { value: "old", storedAt: 0 })
      yield* TestClock.adjust("1 minute")
      store.reading = Effect.sleep("20 millis")
      const cache = yield* StaleCache.make({ ...minute, store })
      const fiber = yield* fork(
        Effect.as(Effect.sleep("1 second"), "new").pipe(cache.orStale("k", { after: "10 millis" }))
      )
      yield* TestClock.adjust("19 millis")
      assert.isUndefined(fiber.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      const served = yield* yield* Fiber.join(fiber)
      assert.deepStrictEqual([served.value, served.freshness], ["old", "stale"])
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* cache.lastGood("k"))?.value, "new")
    }))

  it.effect("serves from the store what is too large for memory", () =>
    Effect.gen(function*() {
      const store = visible()
      store.entries.set("k", { value: "large", storedAt: 0 })
      const cache = yield* StaleCache.make({ ...minute, maxBytes: 4, sizeOf: ({ length }) => length, store })
      assert.strictEqual((yield* Effect.die("is not called").pipe(cache.through("k"))).value, "large")
      assert.strictEqual((yield* cache.snapshot).size, 0)
    }))

  it.effect("does not store a value of more bytes than maxValueBytes, and serves it from memory", () =>
    Effect.gen(function*() {
      const store = yield* StaleCacheStore.fromPersistence({
        storeId: "answers",
        schema: Schema.String,
        maxValueBytes: 20
      })
      const cache = yield* StaleCache.make({ ...minute, store })
      // With its quotes, 20 bytes; in letters of three bytes, 23.
      for (const value of ["a".repeat(18), "词".repeat(7)]) {
        yield* cache.set(value, value)
        assert.strictEqual((yield* cache.lastGood(value))?.value, value)
      }
      const [fits, isTooLarge] = yield* Effect.all([store.get("a".repeat(18)), store.get("词".repeat(7))])
      assert.deepStrictEqual([fits?.value, isTooLarge], ["a".repeat(18), undefined])
      assert.strictEqual((yield* cache.snapshot).storeFailures, 1)
      const error = yield* Effect.flip(store.set("k", { value: "词".repeat(7), storedAt: 0 }, Duration.minutes(1)))
      assert.match(String(error), /"answers" does not store a value of 23 bytes. Raise maxValueBytes, now 20/)
      const none = StaleCacheStore.fromPersistence({ storeId: "answers", schema: Schema.String, maxValueBytes: 0 })
      assert.match(String(yield* Effect.exit(none)), /maxValueBytes must be a whole number of at least 1, got 0/)
    }).pipe(Effect.scoped, Effect.provide(Persistence.layerMemory)))

  it.effect("refuses a time-out that is none", () =>
    Effect.gen(function*() {
      for (const storeTimeout of [0, -1, Infinity]) {
        const exit = yield* Effect.exit(StaleCache.make({ ...minute, storeTimeout }))
        assert.match(String(Exit.isFailure(exit) && exit.cause), /storeTimeout must be a finite duration above zero/)
      }
    }))

  it("has its type of value from its store, and asks for what the store is made of", () => {
    const store = StaleCacheStore.fromPersistence({ storeId: "answers", schema: Schema.Date })
    expectTypeOf(store).toExtend<
      Effect.Effect<StaleCacheStore.StaleCacheStore<Date>, never, Persistence.Persistence | Scope.Scope>
    >()
    const cache = Effect.flatMap(store, (store) => StaleCache.make({ name: "answers", store }))
    expectTypeOf<Effect.Success<typeof cache>>().toEqualTypeOf<StaleCache.StaleCache<Date>>()
    expectTypeOf<StaleCacheStore.StaleCacheStore<Date>>().not.toExtend<Store>()
  })
})
