/** What calls tell a concurrency limit, and what it makes of them. How far the algorithms move is in `concurrencyLimit/`. */
import {
  Bulkhead,
  CircuitBreaker,
  ConcurrencyLimit,
  Deadline,
  Pipeline,
  RateLimiter,
  Registry,
  Retry,
  StaleCache
} from "@switchgear/core"
import { assert, describe, it } from "@effect/vitest"
import * as AiError from "effect/ai/AiError"
import { Cause, Clock, Context, Deferred, Effect, Exit, Fiber } from "effect"
import { TestClock } from "effect/testing"

const aimd = (options: Partial<ConcurrencyLimit.Options> = {}) =>
  ConcurrencyLimit.make({ name: "model", algorithm: "aimd", initial: 10, min: 1, ...options })

const throwing = {
  get status(): number {
    throw new Error("bug")
  },
  get isOverload(): boolean {
    throw new Error("bug")
  }
}

const overloaded = Effect.fail({ status: 529 } as const)

/** The limit after one call. */
const after = (call: Effect.Effect<unknown, unknown>, options?: Partial<ConcurrencyLimit.Options>) =>
  Effect.gen(function*() {
    const limit = yield* aimd(options)
    const fiber = yield* Effect.forkChild(Effect.exit(limit.protect(call)), { startImmediately: true })
    yield* TestClock.adjust("1 minute")
    yield* Fiber.await(fiber)
    return yield* limit.snapshot
  })

/** Runs a call that takes this long, with something in the middle of it. */
const taking = (
  limit: ConcurrencyLimit.ConcurrencyLimit,
  millis: number,
  before: Effect.Effect<void> = Effect.void,
  from = 0
) =>
  Effect.gen(function*() {
    const work = Effect.sleep(from).pipe(Effect.andThen(before), Effect.andThen(Effect.sleep(millis - from)))
    const fiber = yield* Effect.forkChild(limit.protect(work), { startImmediately: true })
    yield* TestClock.adjust(millis)
    yield* Fiber.join(fiber)
  })

const gradient = (options: Partial<ConcurrencyLimit.Options> = {}) =>
  ConcurrencyLimit.make({ name: "model", minimumCalls: 3, window: 1, ...options })

describe("a concurrency limit", () => {
  it.effect("lets in as many calls as the whole number below its limit, and refuses the others as a bulkhead does", () =>
    Effect.gen(function*() {
      const limit = yield* aimd({ initial: 2, queue: 1, maxWait: "1 second" })
      const running = yield* Effect.forEach(
        [1, 2],
        () => Effect.forkChild(limit.protect(Effect.never), { startImmediately: true })
      )
      const waiting = yield* Effect.forkChild(Effect.flip(limit.protect(Effect.void)), { startImmediately: true })
      const refused = yield* Effect.flip(limit.protect(Effect.void))
      assert.deepStrictEqual([refused._tag, refused.bulkhead, refused.reason], ["BulkheadFull", "model", "queue-full"])
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* Fiber.join(waiting)).reason, "wait-timeout")
      const { concurrency, inFlight, rejected } = yield* limit.snapshot
      assert.deepStrictEqual([concurrency, inFlight], [2, 2])
      assert.deepStrictEqual(rejected, { "queue-full": 1, "wait-timeout": 1, "deadline": 0 })
      yield* Effect.forEach(running, Fiber.interrupt)
    }))

  it.effect("admits waiting calls in the step in which the limit grows, and interrupts nobody when it falls", () =>
    Effect.gen(function*() {
      const limit = yield* aimd({ initial: 2, queue: 5 })
      const ends = yield* Effect.forEach([1, 2], () => Deferred.make<void, { status: number }>())
      yield* Effect.forEach(
        ends,
        (end) => Effect.forkChild(Effect.exit(limit.protect(Deferred.await(end))), { startImmediately: true })
      )
      yield* Effect.forEach([1, 2, 3], () => Effect.forkChild(limit.protect(Effect.never), { startImmediately: true }))
      assert.strictEqual((yield* limit.snapshot).queued, 3)
      yield* Deferred.succeed(ends[0]!, undefined)
      yield* Effect.yieldNow
      const grown = yield* limit.snapshot
      assert.deepStrictEqual([grown.concurrency, grown.inFlight, grown.queued], [3, 3, 1])
      yield* Deferred.fail(ends[1]!, { status: 503 })
      yield* Effect.yieldNow
      const fallen = yield* limit.snapshot
      assert.deepStrictEqual([fallen.concurrency, fallen.inFlight, fallen.queued, fallen.reason], [2, 2, 1, "drop"])
    }))

  const signals: ReadonlyArray<
    readonly [end: string, call: Effect.Effect<unknown, unknown>, told: "successes" | "drops" | "ignored" | "nothing"]
  > = [
    ["a success", Effect.void, "successes"],
    ["an attempt that took too long", Deadline.attempt("1 second")(Effect.never), "drops"],
    ["a time-out of Effect", Effect.timeout(Effect.never, "1 second"), "drops"],
    ["a 503", Effect.fail({ status: 503 }), "drops"],
    ["a 529", overloaded, "drops"],
    ["the response of a client with status 503", Effect.fail({ response: { status: 503 } }), "drops"],
    ["an AiError of a 529", Effect.fail(aiErrorOf(529)), "drops"],
    ["an AiError of a 500", Effect.fail(aiErrorOf(500)), "ignored"],
    ["an error that says so", Effect.fail({ isOverload: true }), "drops"],
    ["a 503 that says it is none", Effect.fail({ status: 503, isOverload: false }), "ignored"],
    ["a 429", Effect.fail({ status: 429 }), "ignored"],
    ["a 500", Effect.fail({ status: 500 }), "ignored"],
    ["an error whose fields throw", Effect.fail(throwing), "ignored"],
    ["a defect", Effect.die("bug"), "ignored"],
    [
      "a defect beside an overload",
      Effect.failCause(Cause.combine(Cause.die("bug"), Cause.fail({ status: 503 }))),
      "ignored"
    ],
    ["an interruption", Effect.interrupt, "ignored"],
    ["a rejection of a guard further in", refusedInside(), "ignored"],
    [
      "a call without any time",
      Deadline.within("1 second")(Effect.andThen(TestClock.adjust("2 seconds"), Effect.void)),
      "drops"
    ]
  ]

  for (const [end, call, told] of signals) {
    it.effect(`takes ${end} for one of its ${told}`, () =>
      Effect.gen(function*() {
        const { concurrency, drops, ignored, inFlight, successes } = yield* after(call)
        assert.deepStrictEqual({ drops, ignored, successes }, { drops: 0, ignored: 0, successes: 0, [told]: 1 })
        assert.deepStrictEqual([concurrency, inFlight], [told === "drops" ? 9 : 10, 0])
      }))
  }

  it.effect("takes a call that its caller's deadline has cut for a drop, and one that the caller left for none", () =>
    Effect.gen(function*() {
      const limit = yield* aimd()
      const cut = yield* Effect.forkChild(Effect.exit(Deadline.within("1 second")(limit.protect(Effect.never))))
      const left = yield* Effect.forkChild(Effect.exit(Deadline.within("1 hour")(limit.protect(Effect.never))))
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(cut)
      yield* Fiber.interrupt(left)
      const { drops, ignored } = yield* limit.snapshot
      assert.deepStrictEqual({ drops, ignored }, { drops: 1, ignored: 1 })
    }))

  it.effect("judges by a function of its user, and by the default where that throws or answers something else", () =>
    Effect.gen(function*() {
      const answers: Array<() => ConcurrencyLimit.Signal> = [
        () => "drop",
        () => "ignore",
        () => {
          throw new Error("bug")
        },
        () => "nonsense" as never,
        (async () => "drop") as never
      ]
      const limit = yield* aimd({ signal: () => answers.shift()!() })
      yield* Effect.repeat(limit.protect(Effect.void), { times: 4 })
      const { drops, ignored, inFlight, successes } = yield* limit.snapshot
      assert.deepStrictEqual({ drops, ignored, inFlight, successes }, {
        drops: 1,
        ignored: 1,
        inFlight: 0,
        successes: 3
      })
    }))

  it.effect("counts nothing of a call that a guard inside refused, or that was left while it waited", () =>
    Effect.gen(function*() {
      const limit = yield* aimd({ initial: 1, queue: 1 })
      const breaker = yield* CircuitBreaker.make({ name: "model" })
      yield* breaker.control.forceOpen
      yield* Effect.exit(limit.protect(breaker.protect(Effect.void)))
      yield* Effect.forkChild(limit.protect(Effect.never), { startImmediately: true })
      const waiting = yield* Effect.forkChild(limit.protect(Effect.void), { startImmediately: true })
      yield* Fiber.interrupt(waiting)
      const { drops, ignored, queued, successes } = yield* limit.snapshot
      assert.deepStrictEqual({ drops, ignored, queued, successes }, { drops: 0, ignored: 0, queued: 0, successes: 0 })
    }))
})

describe("the time of a call", () => {
  const baselines = (limit: ConcurrencyLimit.ConcurrencyLimit) =>
    Effect.map(limit.snapshot, ({ baselines }) => baselines)

  it.effect("is that until its first token, which counts once", () =>
    Effect.gen(function*() {
      const limit = yield* gradient()
      const twice = Effect.andThen(ConcurrencyLimit.firstToken, ConcurrencyLimit.firstToken)
      for (let n = 0; n < 3; n++) yield* taking(limit, 5000, Effect.andThen(twice, Effect.sleep(0)), 200)
      assert.deepStrictEqual(yield* baselines(limit), [{ class: undefined, sample: "firstToken", millis: 200 }])
    }))

  it.effect("is that of a token, of an answer in which no first token is marked", () =>
    Effect.gen(function*() {
      const limit = yield* gradient()
      for (let n = 0; n < 3; n++) yield* taking(limit, 1400, ConcurrencyLimit.outputTokens(100))
      assert.deepStrictEqual(yield* baselines(limit), [{ class: undefined, sample: "perToken", millis: 10 }])
    }))

  it.effect("is none where the work tells nothing, or tells no count", () =>
    Effect.gen(function*() {
      const limit = yield* gradient()
      for (const count of [NaN, -1, Infinity, "many" as never]) {
        yield* taking(limit, 1400, ConcurrencyLimit.outputTokens(count))
      }
      yield* taking(limit, 1400)
      assert.deepStrictEqual(yield* baselines(limit), [])
      assert.strictEqual((yield* limit.snapshot).reason, "hold")
    }))

  it.effect("is its duration where that is asked for, and its time per token where that is", () =>
    Effect.gen(function*() {
      const seen: Array<unknown> = []
      for (const sample of ["duration", "perToken"] as const) {
        const limit = yield* gradient({ sample })
        const tell = Effect.andThen(ConcurrencyLimit.firstToken, ConcurrencyLimit.outputTokens(60))
        for (let n = 0; n < 3; n++) yield* taking(limit, 1000, tell, 10)
        seen.push(...(yield* baselines(limit)).map(({ millis }) => millis))
      }
      assert.deepStrictEqual(seen, [1000, 10])
    }))

  it.effect("begins with the work, and not with the wait for a slot", () =>
    Effect.gen(function*() {
      const limit = yield* gradient({ initial: 1, min: 1, queue: 5, maxWait: "Infinity" })
      const call = Effect.andThen(Effect.sleep(100), ConcurrencyLimit.firstToken).pipe(limit.protect)
      const calls = yield* Effect.forEach([1, 2, 3], () => Effect.forkChild(call, { startImmediately: true }))
      yield* Effect.repeat(TestClock.adjust(100), { times: 3 })
      yield* Effect.forEach(calls, Fiber.join)
      assert.deepStrictEqual(yield* baselines(limit), [{ class: undefined, sample: "firstToken", millis: 100 }])
    }))

  const slowGuards = {
    "of its own pipeline": (limit: ConcurrencyLimit.ConcurrencyLimit, limiter: RateLimiter.RateLimiter) =>
      Effect.map(Pipeline.make({ bulkhead: limit, guards: { innermost: limiter } }), ({ protect }) => protect),
    "of a pipeline inside": (limit: ConcurrencyLimit.ConcurrencyLimit, limiter: RateLimiter.RateLimiter) =>
      Effect.map(
        Effect.all([Pipeline.make({ bulkhead: limit }), Pipeline.make({ rateLimiter: limiter })]),
        ([outer, inner]) => (work: Effect.Effect<void>) => outer.protect(inner.protect(work))
      ),
    "alone inside": (limit: ConcurrencyLimit.ConcurrencyLimit, limiter: RateLimiter.RateLimiter) =>
      Effect.succeed((work: Effect.Effect<void>) => limit.protect(limiter.protect(work)))
  }

  for (const [where, around] of Object.entries(slowGuards)) {
    it.effect(`begins with the work, and not with the wait for a guard ${where}`, () =>
      Effect.gen(function*() {
        const limit = yield* gradient()
        const limiter = yield* RateLimiter.make({
          name: "model",
          limits: [RateLimiter.requests(1, 1000)],
          maxWait: "Infinity"
        })
        const protect = yield* around(limit, limiter)
        const call = protect(Effect.andThen(Effect.sleep(100), ConcurrencyLimit.firstToken))
        const calls = yield* Effect.forEach([1, 2, 3, 4], () => Effect.forkChild(call, { startImmediately: true }))
        yield* Effect.repeat(TestClock.adjust(100), { times: 50 })
        yield* Effect.forEach(calls, Fiber.join)
        assert.deepStrictEqual(yield* baselines(limit), [{ class: undefined, sample: "firstToken", millis: 100 }])
      }))
  }

  it.effect("is not told by an attempt that a retry inside has repeated", () =>
    Effect.gen(function*() {
      const limit = yield* gradient({ sample: "perToken" })
      const retry = yield* Retry.make({ name: "retry", maxAttempts: 2, baseDelay: 1 })
      const bulkhead = yield* Bulkhead.make({ name: "inside", concurrency: 9 })
      for (let n = 0; n < 4; n++) {
        let attempts = 0
        const work = Effect.suspend(() =>
          attempts++ === 0
            ? Effect.andThen(ConcurrencyLimit.outputTokens(9_960), Effect.fail("cut"))
            : Effect.sleep(500)
        )
        const fiber = yield* Effect.forkChild(Effect.exit(limit.protect(retry.protect(bulkhead.protect(work)))))
        yield* TestClock.adjust(600)
        yield* Fiber.await(fiber)
      }
      const { baselines, successes } = yield* limit.snapshot
      assert.deepStrictEqual([successes, baselines], [4, []])
    }))

  for (const algorithm of ["gradient", "gradient2"] as const) {
    it.effect(`does not stop ${algorithm} when the clock has run backwards, and is none then`, () => {
      let now = 10_000_000_000_000n
      const runs = Effect.map(Clock.Clock, (clock): Clock.Clock => ({
        ...clock,
        monotonicTimeNanosUnsafe: () => now
      }))
      return Effect.gen(function*() {
        const limit = yield* ConcurrencyLimit.make({ name: "model", algorithm, minimumCalls: 3 })
        const round = (millis: number) =>
          Effect.gen(function*() {
            const end = yield* Deferred.make<void>()
            const work = Effect.andThen(Deferred.await(end), ConcurrencyLimit.firstToken)
            const fibers = yield* Effect.replicateEffect(
              Effect.forkChild(limit.protect(work), { startImmediately: true }),
              18
            )
            now += BigInt(millis) * 1_000_000n
            yield* Deferred.succeed(end, undefined)
            yield* Fiber.awaitAll(fibers)
          })
        yield* round(1500)
        const before = yield* limit.snapshot
        yield* round(-3_600_000)
        for (let n = 0; n < 3; n++) yield* round(1500)
        const after = yield* limit.snapshot
        assert.isAbove(after.limit, before.limit)
        if (algorithm === "gradient") assert.deepStrictEqual([after.stretch, after.baselines], [1, before.baselines])
      }).pipe((program) => Effect.flatMap(runs, (clock) => Effect.provideService(program, Clock.Clock, clock)))
    })
  }

  it.effect("is kept by the class of the caller: eight, and all others together", () =>
    Effect.gen(function*() {
      const limit = yield* gradient({ max: 1000, initial: 1000 })
      for (let round = 0; round < 3; round++) {
        for (let n = 0; n < 10; n++) {
          yield* taking(limit, 100 + n, ConcurrencyLimit.firstToken, 10 + n).pipe(
            Effect.provideService(ConcurrencyLimit.CurrentClass, n === 0 ? undefined : `class ${n}`)
          )
        }
      }
      // The window closes every three calls: what is asked here is where they were put.
      const { baselines } = yield* limit.snapshot
      assert.isAtMost(baselines.length, 9)
    }))

  it.effect("is kept by what the user's function says of the context", () =>
    Effect.gen(function*() {
      class Tenant extends Context.Reference<string>("test/Tenant", { defaultValue: () => "nobody" }) {}
      const limit = yield* gradient({ classOf: (context) => Context.get(context, Tenant) })
      for (let n = 0; n < 3; n++) {
        yield* Effect.provideService(taking(limit, 100, ConcurrencyLimit.firstToken, 20), Tenant, "acme")
      }
      assert.deepStrictEqual(yield* baselines(limit), [{ class: "acme", sample: "firstToken", millis: 20 }])
      const broken = yield* gradient({
        classOf: () => {
          throw new Error("bug")
        }
      })
      for (let n = 0; n < 3; n++) yield* taking(broken, 100, ConcurrencyLimit.firstToken, 20)
      assert.deepStrictEqual(yield* baselines(broken), [{ class: undefined, sample: "firstToken", millis: 20 }])
    }))

  it.effect("is heard by all limits around the work, in the fibers that it begins, and not in a shared call", () =>
    Effect.gen(function*() {
      const outer = yield* gradient({ name: "outer" })
      const inner = yield* gradient({ name: "inner" })
      const cache = yield* StaleCache.make<number>({ name: "answers", timeToLive: "1 minute", staleFor: "1 hour" })
      const inFiber = Effect.flatMap(Effect.forkChild(ConcurrencyLimit.firstToken), Fiber.join)
      for (let n = 0; n < 3; n++) {
        const call = Effect.sleep(50).pipe(Effect.andThen(inFiber), Effect.andThen(Effect.sleep(50)), inner.protect)
        const fiber = yield* Effect.forkChild(outer.protect(Effect.andThen(Effect.sleep(10), call)))
        yield* Effect.repeat(TestClock.adjust(10), { times: 12 })
        yield* Fiber.join(fiber)
      }
      assert.deepStrictEqual((yield* baselines(outer)).map(({ millis }) => millis), [60])
      assert.deepStrictEqual((yield* baselines(inner)).map(({ millis }) => millis), [50])
      const alone = yield* gradient({ name: "around a cache" })
      for (let n = 0; n < 3; n++) {
        yield* alone.protect(cache.through(`question ${n}`)(Effect.as(ConcurrencyLimit.firstToken, n)))
      }
      assert.deepStrictEqual(yield* baselines(alone), [])
    }))

  it.effect("is told to nobody by work that outlives its call, nor outside of one", () =>
    Effect.gen(function*() {
      const limit = yield* gradient()
      for (let n = 0; n < 4; n++) {
        yield* limit.protect(Effect.forkDetach(Effect.andThen(Effect.sleep(100), ConcurrencyLimit.firstToken)))
        yield* TestClock.adjust(100)
        yield* ConcurrencyLimit.firstToken
        yield* ConcurrencyLimit.outputTokens(5)
      }
      assert.deepStrictEqual(yield* baselines(limit), [])
    }))

  it.effect("is that of the clock of its caller, whatever the clock of the limit", () =>
    Effect.gen(function*() {
      // Its windows are those of a clock that stands still.
      const limit = yield* gradient().pipe(Effect.provide(TestClock.layer()))
      for (let n = 0; n < 5; n++) yield* taking(limit, 500, ConcurrencyLimit.firstToken, 70)
      const { baselines, inFlight, reason, successes } = yield* limit.snapshot
      assert.deepStrictEqual({ baselines, inFlight, reason, successes }, {
        baselines: [],
        inFlight: 0,
        reason: "initial",
        successes: 5
      })
      const ticking = yield* gradient()
      const other = Effect.provide(taking(ticking, 500, ConcurrencyLimit.firstToken, 70), TestClock.layer(), {
        local: true
      })
      for (let n = 0; n < 3; n++) yield* Effect.andThen(TestClock.adjust("1 minute"), other)
      const [baseline] = (yield* ticking.snapshot).baselines
      assert.strictEqual(baseline?.millis, 70)
    }))

  it.effect("leaves the context of the fiber as it was, alone and in a pipeline, however the call ends", () =>
    Effect.gen(function*() {
      const limit = yield* gradient()
      const breaker = yield* CircuitBreaker.make({ name: "model", halfOpen: { calls: 1 } })
      const pipelines: ReadonlyArray<{
        readonly protect: <A>(work: Effect.Effect<A, unknown>) => Effect.Effect<A, unknown>
      }> = [
        yield* Pipeline.make({ bulkhead: limit }),
        yield* Pipeline.make({ bulkhead: limit, attemptTimeout: "1 second" }),
        yield* Pipeline.make({ bulkhead: limit, retry: yield* Retry.make({ maxAttempts: 2, baseDelay: 0 }) }),
        // A guard that adds to the context stands around the limit, in the same frame.
        yield* Pipeline.make({ breaker, guards: { innermost: limit } }),
        limit
      ]
      for (const { protect } of pipelines) {
        for (const work of [Effect.void, Effect.fail("bad"), Effect.die("bug"), Effect.interrupt]) {
          yield* breaker.control.trip("1 millis")
          yield* TestClock.adjust("1 millis")
          const before = yield* Effect.context<never>()
          yield* Effect.exit(protect(work))
          assert.strictEqual(yield* Effect.context<never>(), before)
        }
      }
    }))
})

describe("a limit that is operated", () => {
  it.effect("stays where it is pinned, beyond its bounds too, and moves again from where it was", () =>
    Effect.gen(function*() {
      const limit = yield* aimd({ initial: 10, max: 12 })
      yield* limit.control.pin(40)
      yield* Effect.exit(limit.protect(overloaded))
      const pinned = yield* limit.snapshot
      assert.deepStrictEqual([pinned.concurrency, pinned.pinned, pinned.limit, pinned.drops], [40, 40, 10, 1])
      yield* limit.control.unpin
      yield* limit.control.unpin
      assert.strictEqual((yield* limit.snapshot).concurrency, 10)
      yield* Effect.exit(limit.protect(overloaded))
      const moved = yield* limit.snapshot
      assert.deepStrictEqual([moved.concurrency, moved.pinned], [9, undefined])
    }))

  it.effect("gives pinned slots to waiting calls at once; resize is pin", () =>
    Effect.gen(function*() {
      const limit = yield* aimd({ initial: 1, queue: 3 })
      yield* Effect.forEach([1, 2, 3], () => Effect.forkChild(limit.protect(Effect.never), { startImmediately: true }))
      yield* limit.resize(3)
      const { inFlight, pinned, queued } = yield* limit.snapshot
      assert.deepStrictEqual({ inFlight, pinned, queued }, { inFlight: 3, pinned: 3, queued: 0 })
    }))

  it.effect("refuses to be pinned at less than one", () =>
    Effect.gen(function*() {
      const limit = yield* aimd()
      const exit = yield* Effect.exit(limit.control.pin(0.5))
      assert.match(
        String(Exit.isFailure(exit) && Cause.squash(exit.cause)),
        /ConcurrencyLimit\.control\.pin: concurrency must be a whole number of at least 1, got 0\.5/
      )
    }))

  for (const command of ["reset", "pin and unpin"] as const) {
    it.effect(`lets no call move the limit that began before a ${command}, while it counts as in flight`, () =>
      Effect.gen(function*() {
        const limit = yield* aimd()
        const end = yield* Deferred.make<void, { status: number }>()
        const call = yield* Effect.forkChild(Effect.exit(limit.protect(Deferred.await(end))), {
          startImmediately: true
        })
        yield* Effect.exit(limit.protect(overloaded))
        yield* command === "reset"
          ? limit.control.reset
          : Effect.andThen(limit.control.pin(3), limit.control.unpin)
        const before = yield* limit.snapshot
        assert.deepStrictEqual([before.concurrency, before.inFlight], [command === "reset" ? 10 : 9, 1])
        yield* Deferred.fail(end, { status: 503 })
        yield* Fiber.join(call)
        const { concurrency, drops, inFlight } = yield* limit.snapshot
        assert.deepStrictEqual([concurrency, inFlight, drops], [before.concurrency, 0, 2])
      }))
  }

  it.effect("is in the registry, with its health", () =>
    Effect.gen(function*() {
      const limit = yield* aimd({ initial: 1 })
      yield* Effect.forkChild(limit.protect(Effect.never), { startImmediately: true })
      const [found] = yield* Registry.snapshotsOf(ConcurrencyLimit.kind)
      assert.deepStrictEqual([found?.snapshot.name, found?.snapshot.inFlight], ["model", 1])
      assert.deepStrictEqual(yield* Registry.snapshotsOf(Bulkhead.kind), [])
    }).pipe(Effect.provide(Registry.layer())))
})

function aiErrorOf(status: number) {
  const request = { method: "POST" as const, url: "http://model.test", urlParams: [], hash: undefined, headers: {} }
  const http = { request, response: { status, headers: {} } }
  return AiError.make({
    module: "test",
    method: "generateText",
    reason: AiError.reasonFromHttpStatus({ status, http })
  })
}

function refusedInside(): Effect.Effect<unknown, unknown> {
  return Effect.gen(function*() {
    const full = yield* Bulkhead.make({ name: "tool", concurrency: 1 })
    yield* Effect.forkChild(full.protect(Effect.never), { startImmediately: true })
    yield* full.protect(Effect.void)
  })
}
