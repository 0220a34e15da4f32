import { Attempts, Bulkhead, Deadline, RetryBudget, StaleCache, type StaleCacheStore } from "@switchgear/core"
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

  it.effect("tells callers which call they share, before it runs, and nothing where no call is needed", () =>
    Effect.gen(function*() {
      const cache = yield* StaleCache.make<string>(minute)
      const heard: Array<string> = []
      const names = new Map<object, string>()
      const nameOf = (call: object) => {
        if (!names.has(call)) names.set(call, `call ${names.size + 1}`)
        return names.get(call)!
      }
      const ask = (caller: string, mode: StaleCache.Mode = "use") =>
        fork(
          Effect.andThen(Effect.sync(() => heard.push(`run for ${caller}`)), Effect.as(Effect.sleep("1 second"), "v"))
            .pipe(
              cache.through("k", { mode, onCall: (call) => heard.push(`${caller} ${nameOf(call)}`) })
            )
        )
      const fibers = [
        yield* ask("a"),
        yield* ask("b"),
        yield* ask("c", "refresh"),
        yield* ask("d"),
        yield* ask("e", "bypass")
      ]
      yield* TestClock.adjust("1 second")
      for (const fiber of fibers) yield* Fiber.join(fiber)
      yield* Fiber.join(yield* ask("f"))
      assert.deepStrictEqual(heard, [
        "a call 1",
        "run for a",
        "b call 1",
        "c call 2",
        "run for c",
        "d call 2",
        "run for e"
      ])
    }))

  it.effect("dies for a caller whose onCall throws, and leaves its key as it was", () =>
    Effect.gen(function*() {
      const cache = yield* StaleCache.make<string>(minute)
      const thrown = yield* Effect.exit(
        Effect.succeed("v").pipe(cache.through("k", {
          onCall: () => {
            throw new Error("thrown")
          }
        }))
      )
      assert.strictEqual(thrown._tag === "Failure" && Cause.hasDies(thrown.cause), true)
      assert.strictEqual((yield* Effect.succeed("w").pipe(cache.through("k"))).value, "w")
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
    [{ capacity: 1e12 }, "capacity must be a whole number from 1 to 16777216, got 1000000000000"],
    [{ maxBytes: 0 }, "maxBytes must be a whole number of at least 1, got 0"],
    [{ maxBytes: 1.5 }, "maxBytes must be a whole number of at least 1, got 1.5"],
    [{ after: -1 }, "after must be a duration of zero or more, got -1"],
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

const slow = (value: string) => Effect.as(Effect.sleep("1 second"), value)
const now = <A, E>(fiber: Fiber.Fiber<Exit.Exit<StaleCache.Cached<A>, E>>) => {
  const exit = fiber.pollUnsafe()
  if (exit === undefined || Exit.isFailure(exit)) return exit === undefined ? "still waits" : "was interrupted"
  return Exit.isSuccess(exit.value) ? exit.value.value.value : String(Cause.squash(exit.value.cause))
}

describe("An invalidation during a call", () => {
  for (const way of ["invalidate", "clear"] as const) {
    it.effect(`${way}: the answer is neither kept nor given to those who ask later, and still told to those before`, () =>
      Effect.gen(function*() {
        const cache = yield* StaleCache.make<string>(minute)
        const before = yield* fork(slow("old").pipe(cache.through("k")))
        yield* TestClock.adjust("500 millis")
        yield* way === "clear" ? cache.clear : cache.invalidate("k")
        const after = yield* fork(slow("new").pipe(cache.through("k")))
        yield* TestClock.adjust("500 millis")
        assert.deepStrictEqual([now(before), now(after)], ["old", "still waits"])
        assert.isUndefined(yield* cache.lastGood("k"))
        yield* TestClock.adjust("500 millis")
        assert.strictEqual(now(after), "new")
        assert.strictEqual((yield* cache.lastGood("k"))?.value, "new")
      }))
  }

  it.effect("set: the value stays, and is served to those who ask later", () =>
    Effect.gen(function*() {
      const cache = yield* StaleCache.make<string>(minute)
      const before = yield* fork(slow("old").pipe(cache.through("k")))
      yield* cache.set("k", "set")
      assert.strictEqual((yield* slow("new").pipe(cache.through("k"))).value, "set")
      yield* TestClock.adjust("1 second")
      assert.strictEqual(now(before), "old")
      assert.strictEqual((yield* cache.lastGood("k"))?.value, "set")
    }))
})

describe("expire", () => {
  it.effect("makes all values stale: the next caller makes a call, and gets the stale value if that fails", () =>
    Effect.gen(function*() {
      const cache = yield* StaleCache.make<string>(minute)
      const ask = (call: Effect.Effect<string, string>) =>
        Effect.map(call.pipe(cache.orStale("k")), ({ freshness, value }) => `${value} ${freshness}`)
      yield* cache.set("k", "old")
      yield* cache.expire
      assert.strictEqual(yield* ask(Effect.fail("503")), "old stale")
      // In the millisecond in which it was made stale.
      assert.strictEqual(yield* ask(Effect.succeed("new")), "new loaded")
      assert.strictEqual(yield* ask(Effect.fail("503")), "new fresh")
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(yield* ask(Effect.fail("503")), "new stale")
    }))

  it.effect("keeps the answer of no call that began before, and still gives it to its callers", () =>
    Effect.gen(function*() {
      const cache = yield* StaleCache.make<string>(minute)
      const before = yield* fork(slow("old").pipe(cache.through("k")))
      yield* cache.expire
      const after = yield* fork(slow("new").pipe(cache.through("k")))
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual([now(before), now(after)], ["old", "new"])
      assert.strictEqual((yield* cache.lastGood("k"))?.value, "new")
    }))
})

describe("A shared call", () => {
  it.effect("that is being interrupted is not joined: a new caller makes a new one, and is not held back", () =>
    Effect.gen(function*() {
      const cache = yield* StaleCache.make<string>(minute)
      const counter = counted(Effect.onInterrupt(slow("a"), () => Effect.sleep("1 hour")))
      const first = yield* fork(counter.call.pipe(cache.through("k")))
      yield* Fiber.interrupt(first)
      const second = yield* fork(counter.call.pipe(cache.through("k")))
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual([now(second), counter.calls], ["a", 2])
    }))

  it.effect("outlives the deadline of the caller that began it, who leaves in time although the call's cleanup is slow", () =>
    Effect.gen(function*() {
      const cache = yield* StaleCache.make<string>(minute)
      const call = Effect.never.pipe(
        Effect.onInterrupt(() => Effect.sleep("20 seconds")),
        Deadline.attempt("10 seconds")
      )
      const leader = yield* fork(call.pipe(cache.through("k"), Deadline.within("5 seconds")))
      const follower = yield* fork(slow("a").pipe(cache.through("k"), Deadline.within("7 seconds")))
      yield* TestClock.adjust("5 seconds")
      assert.include(now(leader), "DeadlineExceeded")
      assert.strictEqual(now(follower), "still waits")
      yield* TestClock.adjust("2 seconds")
      assert.include(now(follower), "DeadlineExceeded")
    }))

  it.effect("keeps its own time-out when the caller that began it is gone", () =>
    Effect.gen(function*() {
      const cache = yield* StaleCache.make<string>(minute)
      const call = Effect.never.pipe(Deadline.attempt("10 seconds"))
      const leader = yield* fork(call.pipe(cache.through("k"), Deadline.within("5 seconds")))
      const follower = yield* fork(call.pipe(cache.through("k")))
      yield* Fiber.interrupt(leader)
      yield* TestClock.adjust("10 seconds")
      assert.include(now(follower), "DeadlineExceeded")
    }))

  it.effect("has none of its first caller's budgets, and its other services", () =>
    Effect.gen(function*() {
      const cache = yield* StaleCache.make<unknown>(minute)
      const budget = yield* RetryBudget.make({ name: "model" })
      const seen = yield* Effect.gen(function*() {
        return {
          deadline: yield* Deadline.CurrentDeadline,
          attempts: yield* Attempts.left,
          priority: yield* Bulkhead.CurrentPriority,
          key: yield* Bulkhead.CurrentKey,
          budget: yield* RetryBudget.CurrentBudget
        }
      }).pipe(
        cache.through("k"),
        Deadline.within("1 second"),
        Attempts.within(1),
        Effect.provideService(Bulkhead.CurrentPriority, -10),
        Effect.provideService(Bulkhead.CurrentKey, "tenant"),
        RetryBudget.within(budget)
      )
      assert.deepStrictEqual(seen.value, {
        deadline: undefined,
        attempts: Infinity,
        priority: 0,
        key: "tenant",
        budget
      })
    }))

  it.effect("tells its callers in the order in which they came", () =>
    Effect.gen(function*() {
      const cache = yield* StaleCache.make<string>(minute)
      const told: Array<number> = []
      for (const i of [0, 1, 2, 3]) {
        yield* fork(Effect.tap(slow("a").pipe(cache.through("k")), () => Effect.sync(() => told.push(i))))
      }
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(told, [0, 1, 2, 3])
    }))

  it.effect("that asks for its own key dies with a message, directly, by way of others, and across caches", () =>
    Effect.gen(function*() {
      const cache = yield* StaleCache.make<string>({ ...minute, name: "one" })
      const other = yield* StaleCache.make<string>({ ...minute, name: "two" })
      const ask = (cache: StaleCache.StaleCache<string>, key: string, call: Effect.Effect<string>) =>
        Effect.map(call.pipe(Effect.delay("1 millis"), cache.through(key)), ({ value }) => value)
      const circles = [
        ask(cache, "a", ask(cache, "a", Effect.succeed("v"))),
        ask(cache, "b", ask(cache, "c", ask(cache, "b", Effect.succeed("v")))),
        ask(cache, "d", ask(other, "d", ask(cache, "d", Effect.succeed("v"))))
      ]
      for (const circle of circles) {
        const fiber = yield* fork(circle)
        yield* TestClock.adjust("1 second")
        assert.match(
          String(fiber.pollUnsafe()),
          /StaleCache \\*"one\\*": the call for key \\*"[abd]\\*" asks for itself/
        )
      }
      const straight = yield* fork(ask(cache, "e", ask(other, "e", Effect.succeed("v"))))
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(straight.pollUnsafe(), Exit.succeed(Exit.succeed("v")))
    }))

  it.effect("that meets another one which asks for it dies, too, instead of both waiting for ever", () =>
    Effect.gen(function*() {
      const cache = yield* StaleCache.make<string>(minute)
      const ask = (key: string, inside: string) =>
        cache.through(key)(Effect.delay(
          Effect.map(Effect.succeed("v").pipe(cache.through(inside)), ({ value }) => value),
          "1 millis"
        ))
      const [one, another] = [yield* fork(ask("a", "b")), yield* fork(ask("b", "a"))]
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual([now(one), now(another)].filter((told) => !told.includes("asks for itself")), [])
    }))

  it.effect("may ask for its own key when the value is fresh, or without the cache", () =>
    Effect.gen(function*() {
      const cache = yield* StaleCache.make<string>(minute)
      const bypass = Effect.succeed("v").pipe(cache.through("k", { mode: "bypass" }))
      assert.strictEqual((yield* Effect.map(bypass, ({ value }) => value).pipe(cache.through("k"))).value, "v")
      const inside = Effect.andThen(cache.set("k", "set"), Effect.die("is not called").pipe(cache.through("k")))
      assert.strictEqual(
        (yield* Effect.map(inside, ({ value }) => value).pipe(cache.through("k", { mode: "refresh" }))).value,
        "set"
      )
    }))

  it.effect("that begins the next one in a detached fiber goes on so for ever", () =>
    Effect.gen(function*() {
      const cache = yield* StaleCache.make<number>({ ...minute, timeToLive: 0 })
      let calls = 0
      const again: Effect.Effect<number> = Effect.suspend(() =>
        Effect.as(Effect.forkDetach(Effect.delay(Effect.suspend(() => next), "1 millis")), ++calls)
      )
      const next = Effect.suspend(() => again.pipe(cache.through("k")))
      yield* next
      yield* TestClock.adjust("1 second")
      assert.isAtLeast(calls, 1000)
    }))
})

describe("What throws", () => {
  it.effect("changes no answer: storeWhen and sizeOf keep nothing then, and when allows nothing", () =>
    Effect.gen(function*() {
      const bug = () => assert.fail("bug")
      // An async function: its failure would end the process.
      const later = () => Promise.reject(new Error("too late")) as never
      const sizes = [bug, later, () => NaN, () => -1, () => Infinity].map((sizeOf) => ({ sizeOf }))
      for (const options of [{ storeWhen: bug }, { storeWhen: later }, ...sizes]) {
        const cache = yield* StaleCache.make<string>({ ...minute, ...options })
        assert.strictEqual((yield* Effect.succeed("a").pipe(cache.through("k"))).value, "a")
        assert.isUndefined(yield* cache.lastGood("k"))
      }
      const cache = yield* StaleCache.make<string>({ ...minute, timeToLive: 0 })
      yield* cache.set("k", "old")
      for (const when of [bug, later])
        assert.strictEqual(yield* Effect.flip(Effect.fail("503").pipe(cache.orStale("k", { when }))), "503")
    }))
})

describe("storeWhen and sizeOf", () => {
  it.effect("may invalidate or set the key that they are asked about: that wins over the answer of the call", () =>
    Effect.gen(function*() {
      for (const option of ["storeWhen", "sizeOf"] as const) {
        for (const value of [undefined, "set"]) {
          const changed = (): unknown =>
            Effect.runSync(value === undefined ? cache.invalidate("k") : cache.set("k", value))
          const judge = (given: string) => given === "set" || changed() === undefined
          const options = option === "storeWhen"
            ? { storeWhen: judge }
            : { sizeOf: (given: string) => Number(judge(given)) }
          const cache: StaleCache.StaleCache<string> = yield* StaleCache.make({ ...minute, ...options })
          assert.strictEqual((yield* Effect.succeed("loaded").pipe(cache.through("k"))).value, "loaded")
          assert.strictEqual((yield* cache.lastGood("k"))?.value, value)
        }
      }
    }))
})

describe("copy", () => {
  interface Value {
    words: Array<string>
    note?: string | undefined
  }
  const copy = (value: Value, way: "in" | "out"): Value => ({
    words: [...value.words],
    ...way === "out" && { note: value.note }
  })
  const spoil = (value: Value) => value.words.push("spoilt")

  it.effect("gives each caller a value of its own, whichever way it is served", () =>
    Effect.gen(function*() {
      const cache = yield* StaleCache.make<Value>({ ...minute, copy })
      const given: Value = { words: ["a"], note: "told once" }
      const load = Effect.as(Effect.sleep("1 second"), given)
      const served: Array<StaleCache.Cached<Value> | undefined> = []
      const take = (cached: StaleCache.Cached<Value> | undefined) => {
        served.push(structuredClone({ ...cached!, age: Duration.zero }))
        spoil(cached!.value)
      }
      const sharing = yield* Effect.forEach([1, 2], () => fork(load.pipe(cache.through("k"))))
      yield* TestClock.adjust("1 second")
      for (const fiber of sharing) take(yield* yield* Fiber.join(fiber))
      take(yield* load.pipe(cache.through("k")))
      take(yield* cache.lastGood("k"))
      yield* TestClock.adjust("2 minutes")
      take(yield* Effect.fail("503").pipe(cache.orStale("k")))
      take(yield* cache.lastGood("k"))
      assert.deepStrictEqual(served.map((cached) => cached!.value.words), served.map(() => ["a"]))
      // What is left out on the way in is told to those who share the call only.
      assert.deepStrictEqual(served.map((cached) => cached!.value.note), [
        "told once",
        "told once",
        undefined,
        undefined,
        undefined,
        undefined
      ])
      assert.deepStrictEqual(given.words, ["a"])
    }))

  it.effect("takes a value of its own from `set`", () =>
    Effect.gen(function*() {
      const cache = yield* StaleCache.make<Value>({ ...minute, copy })
      const given: Value = { words: ["a"] }
      yield* cache.set("k", given)
      spoil(given)
      assert.deepStrictEqual((yield* cache.lastGood("k"))?.value.words, ["a"])
    }))

  it.effect("gives a store what is kept in memory, and callers copies of what a store has", () =>
    Effect.gen(function*() {
      const stored = new Map<string, StaleCacheStore.Stored<Value>>()
      const store: StaleCacheStore.StaleCacheStore<Value> = {
        get: (key) => Effect.sync(() => stored.get(key)),
        set: (key, value) => Effect.sync(() => void stored.set(key, value)),
        remove: (key) => Effect.sync(() => void stored.delete(key)),
        clear: Effect.sync(() => stored.clear())
      }
      const cache = yield* StaleCache.make<Value>({ ...minute, copy, store })
      const { value } = yield* Effect.succeed<Value>({ words: ["a"], note: "n" }).pipe(cache.through("k"))
      yield* Effect.yieldNow
      spoil(value)
      assert.deepStrictEqual(stored.get("k")?.value, { words: ["a"] })
      const another = yield* StaleCache.make<Value>({ ...minute, copy, store })
      spoil((yield* another.lastGood("k"))!.value)
      assert.deepStrictEqual((yield* another.lastGood("k"))?.value.words, ["a"])
    }))

  it.effect("that throws on the way in keeps nothing, and changes no answer", () =>
    Effect.gen(function*() {
      const cache = yield* StaleCache.make<Value>({
        ...minute,
        copy: (value, way) => way === "in" ? assert.fail("bug") : value
      })
      assert.deepStrictEqual((yield* Effect.succeed<Value>({ words: ["a"] }).pipe(cache.through("k"))).value.words, [
        "a"
      ])
      assert.isUndefined(yield* cache.lastGood("k"))
    }))
})

describe("The stale answer when the new one is slow", () => {
  const stale = (options: Partial<StaleCache.Options<string>> = {}) =>
    Effect.gen(function*() {
      const cache = yield* StaleCache.make<string>({ ...minute, after: "300 millis", ...options })
      yield* cache.set("k", "old")
      yield* TestClock.adjust("1 minute")
      return cache
    })

  it.effect("is served after so long, exactly, and the call goes on and is kept", () =>
    Effect.gen(function*() {
      const cache = yield* stale()
      const counter = counted(slow("new"))
      const fiber = yield* fork(counter.call.pipe(cache.orStale("k")))
      yield* TestClock.adjust("299 millis")
      assert.strictEqual(now(fiber), "still waits")
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(now(fiber), "old")
      // At most one call for the key goes on.
      const second = yield* fork(counter.call.pipe(cache.orStale("k", { after: 0 })))
      assert.strictEqual(now(second), "old")
      yield* TestClock.adjust("700 millis")
      assert.strictEqual((yield* cache.lastGood("k"))?.value, "new")
      assert.strictEqual(counter.calls, 1)
      assert.deepStrictEqual((yield* cache.snapshot).served, { loaded: 0, fresh: 1, stale: 2 })
    }))

  it.effect("is not served when there is none, when the call is in time, nor by through", () =>
    Effect.gen(function*() {
      const cache = yield* stale()
      const fibers = [
        yield* fork(slow("new").pipe(cache.orStale("other"))),
        yield* fork(slow("new").pipe(cache.through("k"))),
        yield* fork(Effect.delay(Effect.succeed("quick"), "200 millis").pipe(cache.orStale("third")))
      ]
      yield* TestClock.adjust("300 millis")
      assert.deepStrictEqual(fibers.map(now), ["still waits", "still waits", "quick"])
      yield* TestClock.adjust("700 millis")
      assert.deepStrictEqual(fibers.map(now), ["new", "new", "quick"])
    }))

  it.effect("is there for one call by its own option, and zero serves it at once", () =>
    Effect.gen(function*() {
      const cache = yield* stale({ after: undefined })
      const patient = yield* fork(slow("new").pipe(cache.orStale("k")))
      const hasty = yield* fork(slow("new").pipe(cache.orStale("k", { after: 0 })))
      assert.deepStrictEqual([now(patient), now(hasty)], ["still waits", "old"])
      yield* TestClock.adjust("1 second")
      assert.strictEqual(now(patient), "new")
      assert.throws(
        () => cache.orStale("k", { after: -1 }),
        /StaleCache.orStale: after must be a duration of zero or more/
      )
    }))

  it.effect("leaves a call that hangs to the next caller, who ends it when nothing is there to serve any more", () =>
    Effect.gen(function*() {
      const cache = yield* stale()
      let interrupted = 0
      const hangs = Effect.onInterrupt(Effect.never, () => Effect.sync(() => interrupted++))
      const first = yield* fork(hangs.pipe(cache.orStale("k")))
      yield* TestClock.adjust("300 millis")
      assert.strictEqual(now(first), "old")
      yield* Fiber.interrupt(yield* fork(hangs.pipe(cache.orStale("k"))))
      assert.strictEqual(interrupted, 0)
      yield* TestClock.adjust("1 hour")
      const later = yield* fork(hangs.pipe(cache.orStale("k"), Deadline.within("1 second")))
      yield* TestClock.adjust("1 second")
      assert.include(now(later), "DeadlineExceeded")
      assert.strictEqual(interrupted, 1)
    }))

  it.effect("is not served after an invalidation, which ends the call that nobody waits for", () =>
    Effect.gen(function*() {
      const cache = yield* stale()
      let interrupted = 0
      const hangs = Effect.onInterrupt(Effect.never, () => Effect.sync(() => interrupted++))
      yield* hangs.pipe(cache.orStale("k", { after: 0 }))
      yield* cache.invalidate("k")
      assert.strictEqual(interrupted, 1)
      assert.isUndefined(yield* cache.lastGood("k"))
    }))

  it.effect("leaves at most one call that goes on by itself for a key, also when callers of a refresh leave", () =>
    Effect.gen(function*() {
      const cache = yield* stale({ after: 0 })
      let running = 0
      const hangs = Effect.suspend(() => {
        running++
        return Effect.never
      }).pipe(Effect.onInterrupt(() => Effect.sync(() => running--)))
      yield* hangs.pipe(cache.orStale("k"))
      for (let i = 0; i < 3; i++) {
        const refresh = yield* fork(hangs.pipe(cache.orStale("k", { mode: "refresh" })))
        yield* hangs.pipe(cache.orStale("k"))
        const another = yield* fork(hangs.pipe(cache.orStale("k", { mode: "refresh" })))
        yield* hangs.pipe(cache.orStale("k"))
        yield* Fiber.interrupt(refresh)
        yield* Fiber.interrupt(another)
        assert.strictEqual(running, 1)
      }
      yield* cache.invalidate("k")
      yield* Effect.yieldNow
      assert.strictEqual(running, 0)
    }))
})

describe("A bound in bytes", () => {
  it.effect("lets go of the least recently used values, serves what is larger, and tells what it holds", () =>
    Effect.gen(function*() {
      const asked: Array<string> = []
      const cache = yield* StaleCache.make<string>({
        ...minute,
        maxBytes: 10,
        sizeOf: (value, key) => {
          asked.push(key)
          return value.length
        }
      })
      yield* cache.set("a", "1234")
      yield* cache.set("b", "1234")
      yield* cache.lastGood("a")
      yield* cache.set("c", "1234")
      assert.isUndefined(yield* cache.lastGood("b"))
      assert.deepInclude(yield* cache.snapshot, { size: 2, bytes: 8, maxBytes: 10 })
      assert.strictEqual((yield* Effect.succeed("12345678901").pipe(cache.through("d"))).value, "12345678901")
      assert.isUndefined(yield* cache.lastGood("d"))
      // What is set is the value from now on, also when it is too large to keep.
      yield* cache.set("a", "12345678901")
      assert.isUndefined(yield* cache.lastGood("a"))
      yield* cache.set("c", "1234567890")
      assert.deepInclude(yield* cache.snapshot, { size: 1, bytes: 10 })
      yield* cache.clear
      assert.deepInclude(yield* cache.snapshot, { size: 0, bytes: 0 })
      assert.deepStrictEqual(asked, ["a", "b", "c", "d", "a", "c"])
    }))

  it.effect("is kept when sizes are fractions: nothing is left over of what has gone, and the largest value still fits", () =>
    Effect.gen(function*() {
      const cache = yield* StaleCache.make<number>({ ...minute, maxBytes: 1000, sizeOf: (value) => value })
      for (let round = 1; round <= 15; round++) {
        yield* cache.set(`k${round % 3}`, (round * 7919 % 3000) / 7 + 0.1)
        if (round % 3 === 0) yield* Effect.forEach(["k0", "k1", "k2"], cache.invalidate)
      }
      assert.deepInclude(yield* cache.snapshot, { size: 0, bytes: 0 })
      const asked = yield* fork(Effect.delay(Effect.succeed(1000), "1 second").pipe(cache.through("largest")))
      yield* TestClock.adjust("1 second")
      assert.isTrue(Exit.isSuccess(yield* Fiber.join(asked)))
      assert.deepInclude(yield* cache.snapshot, { size: 1, bytes: 1000 })
    }))

  const shared = { text: "ab" }
  const circle: { self?: unknown } = {}
  circle.self = circle
  const sizes: ReadonlyArray<readonly [string, unknown, number]> = [
    ["a text", "abc", 6],
    ["a number", 42, 8],
    ["an object", { text: "ab" }, 16 + 8 + 8 + 4],
    ["what is there twice", [shared, shared], 16 + 16 + 16 + 8 + 8 + 4],
    ["a circle", circle, 16 + 8 + 8],
    ["a buffer", new Uint8Array(1000), 16 + 8 + 16 + 1000],
    ["a map", new Map([["a", 1]]), 16 + 16 + 2 + 8],
    ["a set", new Set(["a"]), 16 + 8 + 2],
    ["a big integer", 1n, 16],
    ["nothing", undefined, 8]
  ]
  it.effect("is an estimate of the key and the value when nothing else is said, and measures nothing without it", () =>
    Effect.gen(function*() {
      for (const [name, value, size] of sizes) {
        const cache = yield* StaleCache.make<unknown>({ ...minute, maxBytes: 1_000_000 })
        yield* cache.set("key", value)
        assert.strictEqual((yield* cache.snapshot).bytes, 6 + size, name)
      }
      const cache = yield* StaleCache.make<string>(minute)
      yield* cache.set("k", "a")
      assert.strictEqual((yield* cache.snapshot).bytes, 0)
    }))
})

describe("One call that uses the cache in another way", () => {
  it.effect("refresh: makes a call although the value is fresh, and keeps what it answers", () =>
    Effect.gen(function*() {
      const cache = yield* StaleCache.make<string>(minute)
      yield* cache.set("k", "old")
      const served = yield* Effect.succeed("new").pipe(cache.through("k", { mode: "refresh" }))
      assert.deepStrictEqual([served.value, served.freshness], ["new", "loaded"])
      assert.strictEqual((yield* cache.lastGood("k"))?.value, "new")
      assert.strictEqual((yield* Effect.fail("503").pipe(cache.orStale("k", { mode: "refresh" }))).value, "new")
    }))

  it.effect("refresh: joins no call begun before, is joined by those who come, and wins over the older answer", () =>
    Effect.gen(function*() {
      const cache = yield* StaleCache.make<string>(minute)
      const older = yield* fork(Effect.as(Effect.sleep("2 seconds"), "older").pipe(cache.through("k")))
      const refresh = yield* fork(slow("newer").pipe(cache.through("k", { mode: "refresh" })))
      const follower = yield* fork(Effect.die("is not called").pipe(cache.through("k")))
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual([older, refresh, follower].map(now), ["still waits", "newer", "newer"])
      yield* TestClock.adjust("1 second")
      assert.strictEqual(now(older), "older")
      assert.strictEqual((yield* cache.lastGood("k"))?.value, "newer")
    }))

  it.effect("refresh: the older answer is kept when the refresh fails", () =>
    Effect.gen(function*() {
      const cache = yield* StaleCache.make<string>(minute)
      yield* fork(slow("older").pipe(cache.through("k")))
      yield* Effect.exit(Effect.fail("503").pipe(cache.through("k", { mode: "refresh" })))
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* cache.lastGood("k"))?.value, "older")
    }))

  it.effect("bypass: neither reads nor keeps, shares its call with nobody, and does not fall back", () =>
    Effect.gen(function*() {
      const cache = yield* StaleCache.make<string>({ ...minute, after: 0 })
      const counter = counted(slow("new"))
      yield* cache.set("k", "old")
      const fibers = [1, 2].map(() => fork(counter.call.pipe(cache.orStale("k", { mode: "bypass" }))))
      const both = yield* Effect.all(fibers)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual([...both.map(now), counter.calls], ["new", "new", 2])
      assert.strictEqual((yield* cache.lastGood("k"))?.value, "old")
      const failing = Effect.fail("503").pipe(cache.orStale("k", { mode: "bypass" }))
      assert.strictEqual(yield* Effect.flip(failing), "503")
    }))

  it.effect("refuses a mode that there is not", () =>
    Effect.gen(function*() {
      const cache = yield* StaleCache.make<string>(minute)
      assert.throws(
        () => cache.through("k", { mode: "reload" as never }),
        "StaleCache.through: mode must be one of use, refresh, bypass, got \"reload\""
      )
    }))
})
