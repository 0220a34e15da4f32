/** Whoever observes a fiber may throw: that is the end of nobody else, and keeps nothing from being put in order. */
import { Bulkhead, Deadline, Pipeline, RateLimiter, StaleCache, type StaleCacheStore } from "@switchgear/core"
import { afterAll, assert, beforeAll, describe, it, vi } from "@effect/vitest"
import { Effect, Exit, type Fiber, Schema } from "effect"
import { TestClock } from "effect/testing"

const hang: Effect.Effect<string> = Effect.never

/** Runs a call as a process does that has an observer of its own for each. */
const observed = <A, E>(self: Effect.Effect<A, E>, throws: boolean): Effect.Effect<Fiber.Fiber<unknown, unknown>> =>
  Effect.map(Effect.context<never>(), (context) => {
    const fiber = Effect.runForkWith(context)(self)
    if (throws) {
      fiber.addObserver(() => {
        throw new Error("an observer")
      })
    }
    return fiber
  })

const endOf = (fiber: Fiber.Fiber<unknown, unknown>) => {
  const exit = fiber.pollUnsafe()
  return exit === undefined ? "running" : Exit.isSuccess(exit) ? "answered" : "failed"
}

describe("an observer that throws", () => {
  // What they throw is logged, by the hundred.
  const silenced = [vi.spyOn(console, "log"), vi.spyOn(console, "error")]
  beforeAll(() => {
    for (const spy of silenced) spy.mockImplementation(() => {})
  })
  afterAll(() => vi.restoreAllMocks())

  it.effect("keeps no other call from ending at the deadline that they share, nor the call that set it", () =>
    Effect.gen(function*() {
      const calls: Array<Fiber.Fiber<unknown, unknown>> = []
      const request = Effect.gen(function*() {
        for (const throws of [false, true, false, true])
          calls.push(yield* observed(hang.pipe(Deadline.attempt("10 seconds")), throws))
        return yield* hang
      })
      calls.push(yield* observed(request.pipe(Deadline.within("5 seconds")), false))
      yield* TestClock.adjust("5 seconds")
      assert.deepStrictEqual(calls.map(endOf), Array(5).fill("failed"))
    }))

  it.effect("keeps nobody from the turn that another gave up, and no wait from ending", () =>
    Effect.gen(function*() {
      const bulkhead = yield* Bulkhead.make({ name: "model", concurrency: 1, queue: 10, maxWait: "1 minute" })
      const first = yield* observed(bulkhead.protect(hang), true)
      const calls: Array<Fiber.Fiber<unknown, unknown>> = []
      for (const throws of [true, true, false]) calls.push(yield* observed(bulkhead.protect(Effect.void), throws))
      try {
        first.interruptUnsafe()
      } catch {
        // It is told to whoever interrupts.
      }
      for (const _ of calls) yield* TestClock.adjust(0)
      assert.deepStrictEqual(calls.map(endOf), Array(3).fill("answered"))
    }))

  const slow = (kept: Map<string, unknown>): StaleCacheStore.StaleCacheStore<string> => {
    const later = (task: () => unknown) => Effect.asVoid(Effect.delay(Effect.sync(task), "5 millis"))
    return {
      get: (key) => Effect.sync(() => kept.get(key) as StaleCacheStore.Stored<string> | undefined),
      set: (key, stored) => later(() => kept.set(key, stored)),
      remove: (key) => later(() => kept.delete(key)),
      clear: later(() => kept.clear())
    }
  }

  for (
    const [what, write] of Object.entries({
      set: (cache: StaleCache.StaleCache<string>) => cache.set("k", "old"),
      invalidate: (cache: StaleCache.StaleCache<string>) => cache.invalidate("k"),
      clear: (cache: StaleCache.StaleCache<string>) => cache.clear
    })
  ) {
    it.effect(`after ${what} leaves the store of a cache open for what comes after`, () =>
      Effect.gen(function*() {
        const kept = new Map<string, unknown>()
        const cache = yield* StaleCache.make<string>({ name: "answers", store: slow(kept) })
        yield* observed(write(cache), true)
        yield* TestClock.adjust("5 millis")
        yield* observed(cache.set("k", "new"), false)
        yield* TestClock.adjust("1 second")
        assert.deepStrictEqual(kept.get("k"), { value: "new", storedAt: 5 })
        yield* observed(cache.invalidate("k"), false)
        yield* TestClock.adjust("1 second")
        assert.isFalse(kept.has("k"))
      }))
  }

  it.effect("of a caller that is served a stale value of the store ends the call of nobody else", () =>
    Effect.gen(function*() {
      const kept = new Map<string, unknown>([["k", { value: "old", storedAt: 0 }]])
      yield* TestClock.adjust("1 minute")
      const get = (key: string) =>
        Effect.delay(Effect.sync(() => kept.get(key) as StaleCacheStore.Stored<string> | undefined), "5 millis")
      const store = { ...slow(kept), get }
      const cache = yield* StaleCache.make<string>({ name: "answers", timeToLive: "1 second", store })
      const call = Effect.delay(Effect.succeed("new"), "1 second")
      const soon = yield* observed(call.pipe(cache.orStale("k", { after: "1 millis" })), true)
      const patient = yield* observed(call.pipe(cache.through("k")), false)
      yield* TestClock.adjust("10 millis")
      assert.deepStrictEqual([soon, patient].map(endOf), ["answered", "running"])
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual([soon, patient].map(endOf), ["answered", "answered"])
    }))

  it.effect("of the work itself keeps neither a limit from ending the call, nor a slot, nor the key of a cache", () =>
    Effect.gen(function*() {
      const bulkhead = yield* Bulkhead.make({ name: "model", concurrency: 1 })
      const pipeline = yield* Pipeline.make({ bulkhead, attemptTimeout: "1 second" })
      const cache = yield* StaleCache.make<string>({ name: "answers" })
      const ways: { readonly [way: string]: (self: Effect.Effect<string>) => Effect.Effect<unknown, unknown> } = {
        within: Deadline.within("1 second"),
        timeoutOrElse: Deadline.timeoutOrElse({ duration: "1 second", orElse: () => Effect.fail("late") }),
        pipeline: pipeline.protect,
        cache: cache.through("k")
      }
      for (const [way, around] of Object.entries(ways)) {
        for (const answers of [true, false]) {
          let answer: (exit: Exit.Exit<string>) => void = () => {}
          const work = Effect.withFiber<string>((fiber) => {
            fiber.addObserver(() => {
              throw new Error("an observer")
            })
            return Effect.callback((resume) => void (answer = resume))
          })
          const call = yield* observed(around(work), false)
          try {
            answer(answers ? Exit.succeed("answer") : Exit.die("bug"))
          } catch {
            // It is told to whoever answers.
          }
          yield* TestClock.adjust("1 second")
          assert.strictEqual(endOf(call), answers ? "answered" : "failed", way)
          const hanging = yield* observed(around(Effect.andThen(Effect.yieldNow, work)), false)
          yield* TestClock.adjust("1 second")
          if (way === "cache") yield* cache.invalidate("k")
          else assert.strictEqual(endOf(hanging), "failed", way)
          const next = yield* observed(around(Effect.succeed("next")), false)
          assert.strictEqual(endOf(next), "answered", way)
          if (way === "cache") yield* cache.invalidate("k")
        }
      }
      assert.strictEqual((yield* bulkhead.snapshot).inFlight, 0)
    }))

  const Layer = Schema.Literals([
    "within 1 s",
    "within 1 s",
    "attempt 2 s",
    "within 1 minute",
    "timeoutOrElse 1 s",
    "bulkhead",
    "bulkhead",
    "limit",
    "pipeline",
    "cache a",
    "cache b",
    "stale b"
  ])
  const Call = Schema.Struct({
    throws: Schema.Literals([true, false]),
    under: Schema.Literals([0, 1]),
    layers: Schema.Array(Layer).check(Schema.isMinLength(1), Schema.isMaxLength(4)),
    interruptedAfter: Schema.UndefinedOr(Schema.Literals([0, 500, 2000]))
  })

  it.effect.prop(
    "is the end of nobody else, in programs of calls under shared deadlines that hang, wait and share",
    { calls: Schema.Array(Call).check(Schema.isMinLength(2), Schema.isMaxLength(10)) },
    ({ calls }) =>
      Effect.gen(function*() {
        const bulkhead = yield* Bulkhead.make({ name: "model", concurrency: 2, queue: 10, maxWait: "1 hour" })
        const limit = yield* RateLimiter.make({
          name: "model",
          limits: [RateLimiter.requests(3, "1 minute")],
          maxWait: "1 hour"
        })
        const pipeline = yield* Pipeline.make({ deadline: "2 seconds", bulkhead, attemptTimeout: "1 second" })
        const cache = yield* StaleCache.make<string>({ name: "answers" })
        const valued = (self: Effect.Effect<StaleCache.Cached<string>, unknown>) =>
          Effect.map(self, ({ value }) => value)
        const around: {
          readonly [L in typeof Layer.Type]: (self: Effect.Effect<string, unknown>) => Effect.Effect<string, unknown>
        } = {
          "within 1 s": Deadline.within("1 second"),
          "within 1 minute": Deadline.within("1 minute"),
          "attempt 2 s": Deadline.attempt("2 seconds"),
          "timeoutOrElse 1 s": Deadline.timeoutOrElse({ duration: "1 second", orElse: () => Effect.fail("late") }),
          bulkhead: bulkhead.protect,
          limit: limit.protect,
          pipeline: pipeline.protect,
          "cache a": (self) => valued(self.pipe(Deadline.attempt("2 seconds"), cache.through("a"))),
          "cache b": (self) => valued(self.pipe(Deadline.attempt("2 seconds"), cache.through("b"))),
          "stale b": (self) => valued(self.pipe(Deadline.attempt("2 seconds"), cache.orStale("b", { after: 500 })))
        }
        const work = hang.pipe(Deadline.attempt("10 seconds"))
        const fibers: Array<Fiber.Fiber<unknown, unknown>> = []
        const under = (number: number) =>
          Effect.gen(function*() {
            yield* Effect.yieldNow
            for (const call of calls) {
              if (call.under !== number) continue
              const fiber = yield* observed(
                call.layers.reduce<Effect.Effect<string, unknown>>((self, layer) => around[layer](self), work),
                call.throws
              )
              fibers.push(fiber)
              if (call.interruptedAfter === undefined) continue
              yield* Effect.forkDetach(Effect.delay(
                Effect.sync(() => {
                  try {
                    fiber.interruptUnsafe()
                  } catch {
                    // It is told to whoever interrupts.
                  }
                }),
                call.interruptedAfter
              ))
            }
            return yield* hang
          })
        for (const number of [0, 1]) {
          const request = under(number).pipe(Deadline.within(number === 0 ? "1 second" : "5 seconds"))
          fibers.push(yield* observed(request, number === 0))
        }
        for (let second = 0; second < 20; second++) yield* TestClock.adjust("1 second")
        assert.deepStrictEqual(fibers.map(endOf), fibers.map(() => "failed"))
        const { inFlight, queued } = yield* bulkhead.snapshot
        assert.deepStrictEqual({ inFlight, queued }, { inFlight: 0, queued: 0 })
        assert.strictEqual((yield* limit.snapshot).waiting, 0)
      }),
    { arbitrary: { runs: 200, size: 100 } }
  )
})
