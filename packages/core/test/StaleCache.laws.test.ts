/**
 * Laws of the cache on random programs: an invalidation wins over whatever is under way and whatever the store does, and
 * nobody waits beyond their own time.
 */
import { assert, describe, it } from "@effect/vitest"
import { Attempts, Bulkhead, Deadline, StaleCache, type StaleCacheStore } from "@switchgear/core"
import { Cause, Clock, Effect, Exit, Fiber, Schema } from "effect"
import { TestClock } from "effect/testing"
import { interruptAtEveryStep } from "./support/yieldAt.ts"

const runs = Number(process.env.SWITCHGEAR_RUNS ?? 100)
const arbitrary = { arbitrary: { runs, size: 100 }, timeout: 5000 + 30 * runs }

const start = <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.forkDetach(self, { startImmediately: true })

describe("an invalidation wins", () => {
  const Behaviour = Schema.Literals([
    "works",
    "works",
    "slow",
    "fails",
    "fails afterwards",
    "throws",
    "hangs",
    "slow",
    "too slow",
    "cannot be interrupted",
    "goes on when interrupted"
  ])
  type Behaviour = typeof Behaviour.Type
  const Key = Schema.Literals(["a", "b"])
  const Operation = Schema.Union([
    Schema.TaggedStruct("Ask", {
      key: Key,
      way: Schema.Literals(["through", "through", "refresh", "fails", "after"]),
      millis: Schema.Literals([0, 20, 100])
    }),
    Schema.TaggedStruct("Ask", {
      key: Key,
      way: Schema.Literals(["through", "lastGood", "lastGood"]),
      millis: Schema.Literals([0, 20])
    }),
    Schema.TaggedStruct("Set", { key: Key }),
    Schema.TaggedStruct("Invalidate", { key: Key }),
    Schema.TaggedStruct("Clear", {}),
    Schema.TaggedStruct("Advance", { millis: Schema.Literals([1, 10, 40, 60, 100]) }),
    Schema.TaggedStruct("Advance", { millis: Schema.Literals([1, 10, 40, 60, 100]) })
  ])
  const Scene = Schema.Struct({
    store: Schema.UndefinedOr(Schema.Array(Behaviour).check(Schema.isMinLength(1), Schema.isMaxLength(12))),
    timeToLive: Schema.Literals([0, 50, 100_000]),
    history: Schema.Array(Operation).check(Schema.isMinLength(5), Schema.isMaxLength(40))
  })

  /** Does something to the store, in one of the ways in which stores behave. */
  const behave = <A>(behaviour: Behaviour, step: () => A): Effect.Effect<A, string> => {
    switch (behaviour) {
      case "works":
        return Effect.sync(step)
      case "fails":
        return Effect.fail("busy")
      case "fails afterwards":
        return Effect.andThen(Effect.sync(step), Effect.fail("the answer was lost"))
      case "throws":
        throw new Error("bug")
      case "hangs":
        return Effect.never
      case "slow":
        return Effect.andThen(Effect.sleep(30), Effect.sync(step))
      case "too slow":
        return Effect.andThen(Effect.sleep(80), Effect.sync(step))
      case "cannot be interrupted":
        return Effect.uninterruptible(Effect.andThen(Effect.sleep(80), Effect.sync(step)))
      case "goes on when interrupted":
        return Effect.flatMap(start(Effect.andThen(Effect.sleep(80), Effect.sync(step))), Fiber.join)
    }
  }

  const storeOf = (behaviours: ReadonlyArray<Behaviour>): StaleCacheStore.StaleCacheStore<Value> => {
    const entries = new Map<string, StaleCacheStore.Stored<Value>>()
    let turn = 0
    const next = () => behaviours[turn++ % behaviours.length]!
    return {
      get: (key) => {
        // What it answers is what was there when it was asked.
        const found = entries.get(key)
        return behave(next(), () => found)
      },
      set: (key, stored) => behave(next(), () => void entries.set(key, stored)),
      remove: (key) => behave(next(), () => void entries.delete(key)),
      clear: Effect.suspend(() => behave(next(), () => entries.clear()))
    }
  }

  /** Of a call, the turn in which it began; of a value set by hand, that in which it was set. */
  interface Value {
    readonly key: string
    readonly turn: number
  }

  it.effect.prop(
    "over calls in flight, reads and writes under way, and a store that does not do what it is told",
    { scene: Scene },
    ({ scene: { history, store, timeToLive } }) =>
      Effect.gen(function*() {
        const cache = yield* StaleCache.make<Value>({
          name: "laws",
          // Small, so that the store is asked again for what was kept.
          capacity: 1,
          timeToLive,
          staleFor: 100_000,
          store: store && storeOf(store)
        })
        let turn = 0
        // From which turn on values of the key are true.
        const trueFrom = new Map<string, number>()
        const asked: Array<Fiber.Fiber<unknown>> = []
        for (const operation of history) {
          turn++
          switch (operation._tag) {
            case "Ask": {
              const { key, millis, way } = operation
              const call = Effect.suspend(() => {
                const value = { key, turn }
                return Effect.andThen(
                  Effect.sleep(millis),
                  way === "fails" ? Effect.fail("503") : Effect.succeed(value)
                )
              })
              const floor = trueFrom.get(key) ?? 0
              const answer: Effect.Effect<StaleCache.Cached<Value> | undefined, string> = way === "through"
                ? call.pipe(cache.through(key))
                : way === "refresh"
                ? call.pipe(cache.through(key, { mode: "refresh" }))
                : way === "lastGood"
                ? cache.lastGood(key)
                : call.pipe(cache.orStale(key, { after: way === "after" ? 10 : "Infinity" }))
              const ended = yield* start(Effect.map(Effect.exit(answer), (exit) => {
                if (Exit.isFailure(exit) || exit.value === undefined) return
                assert.strictEqual(exit.value.value.key, key)
                assert.isAtLeast(exit.value.value.turn, floor, `${way} of ${key}`)
              }))
              asked.push(ended)
              break
            }
            case "Set":
              trueFrom.set(operation.key, turn)
              yield* start(cache.set(operation.key, { key: operation.key, turn }))
              break
            case "Invalidate":
              trueFrom.set(operation.key, turn)
              yield* start(cache.invalidate(operation.key))
              break
            case "Clear":
              for (const key of ["a", "b"]) trueFrom.set(key, turn)
              yield* start(cache.clear)
              break
            case "Advance":
              yield* TestClock.adjust(operation.millis)
          }
        }
        yield* TestClock.adjust(1000)
        for (const fiber of asked) {
          const exit = fiber.pollUnsafe()
          assert.isDefined(exit, "everybody is answered")
          yield* exit!
        }
      }),
    arbitrary
  )
})

describe("nobody waits beyond their own time, and nothing is left behind", () => {
  const Millis = Schema.Literals([1, 5, 20, 50, 200])
  const Key = Schema.Literals(["a", "a", "b"])
  const Wrap = Schema.Union([
    Schema.TaggedStruct("Within", { millis: Millis }),
    Schema.TaggedStruct("Attempt", { millis: Millis }),
    Schema.TaggedStruct("TimeoutOrElse", { millis: Millis }),
    Schema.TaggedStruct("Cached", {
      key: Key,
      cache: Schema.Literals([0, 0, 1]),
      way: Schema.Literals(["through", "orStale", "refresh"])
    }),
    Schema.TaggedStruct("Cached", {
      key: Key,
      cache: Schema.Literals([0, 0, 1]),
      way: Schema.Literals(["through", "orStale"])
    }),
    Schema.TaggedStruct("Delayed", { millis: Millis }),
    Schema.TaggedStruct("Forked", {}),
    Schema.TaggedStruct("Invalidating", { key: Key, cache: Schema.Literals([0, 0, 1]) })
  ])
  type Wrap = typeof Wrap.Type
  const Leaf = Schema.Struct({
    millis: Schema.Literals([0, 1, 10, 30, 100, 100_000]),
    end: Schema.Literals(["answers", "answers", "fails"]),
    cleanup: Schema.Literals([0, 0, 300])
  })
  type Leaf = typeof Leaf.Type
  const Branch = Schema.Struct({ leaf: Leaf, wraps: Schema.Array(Wrap).check(Schema.isMaxLength(2)) })
  const Client = Schema.Struct({
    at: Schema.Literals([0, 0, 1, 5, 10]),
    branches: Schema.Array(Branch).check(Schema.isMinLength(1), Schema.isMaxLength(3)),
    together: Schema.Literals(["all", "race"]),
    wraps: Schema.Array(Wrap).check(Schema.isMaxLength(3)),
    /** How long it waits in all. */
    patience: Schema.UndefinedOr(Millis),
    interruptedAfter: Schema.UndefinedOr(Schema.Literals([0, 3, 15]))
  })

  it.effect.prop(
    "over programs of deadlines, races and caches within caches",
    { clients: Schema.Array(Client).check(Schema.isMinLength(2), Schema.isMaxLength(6)) },
    ({ clients }) =>
      Effect.gen(function*() {
        const options = { timeToLive: 5, staleFor: 1000 }
        const caches = [
          yield* StaleCache.make<string>({ ...options, name: "one" }),
          yield* StaleCache.make<string>({ ...options, name: "two" })
        ]
        let running = 0
        const toLeaf = ({ cleanup, end, millis }: Leaf): Effect.Effect<string, any> =>
          Effect.acquireUseRelease(
            Effect.sync(() => void running++),
            () =>
              Effect.andThen(Effect.sleep(millis), end === "answers" ? Effect.succeed("answer") : Effect.fail("503")),
            (_, exit) =>
              Effect.andThen(
                Exit.isFailure(exit) ? Effect.sleep(cleanup) : Effect.void,
                Effect.sync(() => void running--)
              )
          )
        const wrapped = (self: Effect.Effect<string, any>, wrap: Wrap): Effect.Effect<string, any> => {
          switch (wrap._tag) {
            case "Within":
              return Deadline.within(wrap.millis)(self)
            case "Attempt":
              return Deadline.attempt(wrap.millis)(self)
            case "TimeoutOrElse":
              return Deadline.timeoutOrElse({ duration: wrap.millis, orElse: () => Effect.succeed("late") })(self)
            case "Cached": {
              const cache = caches[wrap.cache]!
              const use = wrap.way === "orStale"
                ? cache.orStale(wrap.key)
                : cache.through(wrap.key, { mode: wrap.way === "refresh" ? "refresh" : "use" })
              return Effect.map(use(self), ({ value }) => value)
            }
            case "Delayed":
              return Effect.delay(self, wrap.millis)
            case "Forked":
              return Effect.flatMap(Effect.forkChild(self, { startImmediately: true }), Fiber.join)
            case "Invalidating":
              return Effect.andThen(caches[wrap.cache]!.invalidate(wrap.key), self)
          }
        }
        const ended: Array<
          {
            readonly fiber: Fiber.Fiber<Exit.Exit<string, unknown>>
            readonly took: () => number | undefined
            readonly limit: number
          }
        > = []
        yield* Effect.forEach(clients, ({ at, branches, interruptedAfter, patience, together, wraps }) => {
          // A call has a limit of its own, so that nobody waits for ever.
          const limit = Deadline.attempt(50)
          const all = branches.map(({ leaf, wraps }) => wraps.reduce(wrapped, limit(toLeaf(leaf))))
          const whole: Effect.Effect<string, any> = together === "all"
            ? Effect.map(Effect.all(all, { concurrency: "unbounded" }), (values) => values.join())
            : Effect.raceAll(all)
          // Their own cleanups do hold callers back, the more the deeper they are.
          const cleanups = branches.reduce((sum, { leaf, wraps }) => sum + (wraps.some(isCached) ? 0 : leaf.cleanup), 0)
          const own = wraps.some(isCached) ? 0 : cleanups
          const asked = wraps.reduce(wrapped, whole)
          const program = patience === undefined ? asked : Deadline.within(patience)(asked)
          return start(Effect.gen(function*() {
            yield* Effect.sleep(at)
            const began = yield* Clock.currentTimeMillis
            let took: number | undefined
            const fiber = yield* start(
              Effect.exit(program).pipe(Effect.ensuring(
                Effect.map(Clock.currentTimeMillis, (now) => took = now - began)
              ))
            )
            ended.push({ fiber, took: () => took, limit: patience === undefined ? 10_000 : patience + own })
            if (interruptedAfter !== undefined) {
              yield* Effect.sleep(interruptedAfter)
              fiber.interruptUnsafe()
            }
          }))
        })
        yield* TestClock.adjust(10_000)
        for (const { fiber, limit, took } of ended) {
          const exit = fiber.pollUnsafe()
          assert.isDefined(exit, "it has ended")
          assert.isAtMost(took()!, limit, "in its own time")
          // Beside a defect, `raceAll` tells the other failures as defects, too.
          const defects = defectsOf(exit!).filter((defect) => defect !== "503")
          for (const defect of defects) assert.match(String(defect), /asks for itself|"?DeadlineExceeded/)
        }
        assert.strictEqual(running, 0)
        for (const cache of caches) {
          for (const key of ["a", "b"]) {
            const again = yield* start(Effect.succeed("new").pipe(cache.through(key, { mode: "refresh" })))
            const exit = again.pollUnsafe()
            assert.isTrue(exit !== undefined && Exit.isSuccess(exit) && exit.value.value === "new")
          }
        }
      }),
    arbitrary
  )

  const Sharer = Schema.Struct({
    at: Schema.Literals([0, 0, 1, 5, 10, 20, 60]),
    patience: Schema.UndefinedOr(Millis),
    interruptedAfter: Schema.UndefinedOr(Schema.Literals([0, 1, 3, 15])),
    priority: Schema.Literals([0, 10]),
    attempts: Schema.Literals([1, 5])
  })

  it.effect.prop(
    "over callers of one call, which comes and goes with none of their deadlines, attempts and priorities",
    { sharers: Schema.Array(Sharer).check(Schema.isMinLength(2), Schema.isMaxLength(6)) },
    ({ sharers }) =>
      Effect.gen(function*() {
        const cache = yield* StaleCache.make<string>({ name: "answers" })
        const limit = 50
        const call = Effect.gen(function*() {
          assert.isUndefined(yield* Deadline.CurrentDeadline)
          assert.strictEqual(yield* Attempts.left, Infinity)
          assert.strictEqual(yield* Bulkhead.CurrentPriority, 0)
          return yield* Effect.never.pipe(Deadline.attempt(limit))
        })
        const fibers = yield* Effect.forEach(sharers, ({ at, attempts, interruptedAfter, patience, priority }) =>
          start(Effect.gen(function*() {
            yield* Effect.sleep(at)
            const asked = call.pipe(
              cache.through("k"),
              Attempts.within(attempts),
              Effect.provideService(Bulkhead.CurrentPriority, priority)
            )
            const began = yield* Clock.currentTimeMillis
            const own = patience === undefined ? asked : Deadline.within(patience)(asked)
            const fiber = yield* start(Effect.flatMap(Effect.exit(own), (exit) =>
              Effect.map(Clock.currentTimeMillis, (now) => ({ exit, took: now - began }))))
            if (interruptedAfter !== undefined)
              yield* Effect.andThen(Effect.sleep(interruptedAfter), Fiber.interrupt(fiber))
            const ended = yield* Fiber.await(fiber)
            if (Exit.isFailure(ended))
              return
            assert.isAtMost(ended.value.took, Math.min(limit, patience ?? Infinity))
            assert.include(String(ended.value.exit), "DeadlineExceeded")
          })))
        yield* TestClock.adjust(1000)
        for (const fiber of fibers) {
          const exit = fiber.pollUnsafe()
          assert.isDefined(exit, "it has ended")
          yield* exit!
        }
      }),
    arbitrary
  )

  const isCached = ({ _tag }: Wrap) => _tag === "Cached"
  const defectsOf = (exit: Exit.Exit<Exit.Exit<string, unknown>>): ReadonlyArray<unknown> => {
    const whole: Exit.Exit<unknown, unknown> = Exit.isSuccess(exit) ? exit.value : exit
    return Exit.isFailure(whole) ? whole.cause.reasons.filter(Cause.isDieReason).map(({ defect }) => defect) : []
  }
})

describe("an interrupt at any step", () => {
  const works = {
    "that answers": Effect.succeed("new"),
    "that yields": Effect.andThen(Effect.yieldNow, Effect.succeed("new")),
    "that hangs": Effect.never,
    "that fails": Effect.fail("503"),
    "with a slow finalizer": Effect.onInterrupt(Effect.never, () => Effect.sleep("1 hour"))
  } satisfies { readonly [name: string]: Effect.Effect<string, string> }

  for (const [name, work] of Object.entries(works) as ReadonlyArray<[string, Effect.Effect<string, string>]>) {
    const ways: { readonly [way: string]: (cache: StaleCache.StaleCache<string>) => Effect.Effect<unknown, unknown> } =
      {
        through: (cache) => work.pipe(cache.through("k")),
        refresh: (cache) => work.pipe(cache.through("k", { mode: "refresh" })),
        orStale: (cache) => work.pipe(cache.orStale("k")),
        "orStale with after": (cache) => work.pipe(cache.orStale("k", { after: 0 })),
        "two callers": (cache) =>
          Effect.all([work.pipe(cache.through("k")), work.pipe(cache.orStale("k"))], { concurrency: 2 }),
        "two callers that race": (cache) => Effect.race(work.pipe(cache.through("k")), work.pipe(cache.orStale("k")))
      }
    for (const [way, use] of Object.entries(ways)) {
      it.effect(`of ${way} around work ${name} ends the caller at once and leaves the key free`, () =>
        Effect.gen(function*() {
          const cache = yield* StaleCache.make<string>({ name: "answers", timeToLive: 0 })
          const struck = yield* interruptAtEveryStep({
            program: () => Effect.andThen(cache.set("k", "old"), use(cache)),
            check: (_, step) =>
              Effect.gen(function*() {
                // A flight that goes on by itself is ended by this.
                yield* cache.invalidate("k")
                const next = yield* start(Effect.succeed("next").pipe(cache.through("k")))
                const exit = next.pollUnsafe()
                assert.isTrue(
                  exit !== undefined && Exit.isSuccess(exit) && exit.value.value === "next",
                  `at step ${step}`
                )
              })
          })
          assert.isAbove(struck, 5)
        }))
    }
  }

  it.effect("of one of several callers takes nothing from the others", () =>
    Effect.gen(function*() {
      const cache = yield* StaleCache.make<string>({ name: "answers", timeToLive: 0 })
      const slow = Effect.as(Effect.sleep("1 second"), "answer")
      const struck = yield* interruptAtEveryStep({
        program: () => slow.pipe(cache.through("k")),
        check: (_, step) =>
          Effect.gen(function*() {
            const other = yield* start(slow.pipe(cache.through("k")))
            yield* TestClock.adjust("1 second")
            const exit = other.pollUnsafe()
            assert.isTrue(exit !== undefined && Exit.isSuccess(exit), `at step ${step}`)
          })
      })
      assert.isAbove(struck, 5)
      const first = yield* start(slow.pipe(cache.through("k")))
      yield* interruptAtEveryStep({ program: () => slow.pipe(cache.through("k")), check: () => Effect.void })
      yield* TestClock.adjust("1 second")
      assert.isTrue(Exit.isSuccess(yield* Fiber.await(first)))
    }))
})
