/** A limit in force ends the call, whoever set it and whatever became of them; and it waits for nobody else's work. */
import { Bulkhead, CircuitBreaker, Deadline, Pipeline } from "@switchgear/core"
import { assert, describe, it } from "@effect/vitest"
import { Cache, Cause, Context, Duration, Effect, Exit, Fiber, Logger } from "effect"
import { TestClock } from "effect/testing"

const detach = <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.forkDetach(self, { startImmediately: true })

const endOf = (fiber: Fiber.Fiber<unknown, unknown>) => {
  const exit = fiber.pollUnsafe()
  if (exit === undefined) return "running"
  const error = Exit.isFailure(exit) ? Cause.squash(exit.cause) : exit.value
  return error instanceof Deadline.DeadlineExceeded
    ? `${error.limit} after ${Duration.format(error.after)}`
    : error instanceof Bulkhead.BulkheadFull
    ? error.reason
    : String(error)
}

const hang: Effect.Effect<string> = Effect.never

type Limit = <A, E>(self: Effect.Effect<A, E>) => Effect.Effect<A, E | Deadline.DeadlineExceeded>

/** Everything that can set a deadline around work that is detached from it. */
const setters: { readonly [setter: string]: Effect.Effect<Limit> } = {
  "Deadline.within": Effect.succeed(Deadline.within("5 seconds")),
  "Deadline.attempt": Effect.succeed(Deadline.attempt("5 seconds")),
  "a pipeline": Effect.map(Pipeline.make({ deadline: "5 seconds" }), ({ protect }) => protect)
}

/** What can become of the fiber that set it. */
const fates = {
  "has answered": (request: Effect.Effect<unknown, unknown>) => detach(request),
  "was interrupted": (request: Effect.Effect<unknown, unknown>) =>
    Effect.gen(function*() {
      const fiber = yield* detach(Effect.andThen(request, Effect.never))
      yield* TestClock.adjust("100 millis")
      return yield* Fiber.interrupt(fiber)
    }),
  "has failed": (request: Effect.Effect<unknown, unknown>) => detach(Effect.andThen(request, Effect.fail("bug"))),
  "waits still": (request: Effect.Effect<unknown, unknown>) => detach(Effect.andThen(request, Effect.never))
} as const

/** Everything that waits under a deadline that it did not set. */
const waits: Effect.Effect<Record<string, Effect.Effect<string, unknown>>> = Effect.gen(function*() {
  const bulkhead = yield* Bulkhead.make({ name: "model", concurrency: 1, queue: 10, maxWait: "10 seconds" })
  yield* detach(bulkhead.protect(Effect.never))
  const pipeline = yield* Pipeline.make({ deadline: "30 seconds", attemptTimeout: "10 seconds" })
  return {
    "an attempt": hang.pipe(Deadline.attempt("10 seconds")),
    "a deadline further in": hang.pipe(Deadline.within("10 seconds")),
    "an attempt in an attempt": hang.pipe(Deadline.attempt("20 seconds"), Deadline.attempt("10 seconds")),
    "a pipeline": hang.pipe(pipeline.protect),
    "a wait for a slot": bulkhead.protect(Effect.succeed("in"))
  }
})

for (const [setter, make] of Object.entries(setters)) {
  for (const [fate, meet] of Object.entries(fates)) {
    it.effect(`the limit of ${setter} ends detached work when its setter ${fate}`, () =>
      Effect.gen(function*() {
        const limit = yield* make
        for (const [name, wait] of Object.entries(yield* waits)) {
          let fiber!: Fiber.Fiber<unknown, unknown>
          const request = Effect.map(detach(wait), (forked) => void (fiber = forked))
          yield* meet(limit(request))
          yield* TestClock.adjust("10 seconds")
          assert.notStrictEqual(endOf(fiber), "running", name)
        }
      }))
  }
}

describe("a deadline", () => {
  it.effect("ends the calls that follow a shared lookup when the one that began it has left", () =>
    Effect.gen(function*() {
      const lookup = (_: string) => hang.pipe(Deadline.attempt("10 seconds"))
      const cache = yield* Cache.make({ capacity: 10, lookup })
      const leader = yield* detach(Cache.get(cache, "k").pipe(Deadline.within("5 seconds")))
      const follower = yield* detach(Cache.get(cache, "k"))
      yield* TestClock.adjust("100 millis")
      yield* Fiber.interrupt(leader)
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(endOf(follower), "total after 5s")
      const next = yield* detach(Cache.get(cache, "k2"))
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(endOf(next), "attempt after 10s")
    }))

  it.effect("is not held back by work that was detached from it and does not end", () =>
    Effect.gen(function*() {
      const stubborn = Effect.uninterruptible(Effect.sleep("60 seconds")).pipe(Deadline.attempt("10 seconds"))
      const request = yield* detach(
        Effect.andThen(detach(stubborn), Effect.never).pipe(Deadline.within("5 seconds"))
      )
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(endOf(request), "total after 5s")
    }))

  it.effect("waits for the finalizers of its own work, on however many fibers", () =>
    Effect.gen(function*() {
      const slow = hang.pipe(Effect.onInterrupt(() => Effect.sleep("3 seconds")), Deadline.attempt("10 seconds"))
      const request = yield* detach(
        Effect.all([slow, slow], { concurrency: "unbounded" }).pipe(Deadline.within("5 seconds"))
      )
      yield* TestClock.adjust("7999 millis")
      assert.strictEqual(endOf(request), "running")
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(endOf(request), "total after 5s")
    }))

  it.effect("holds for detached work until `detached` takes it out", () =>
    Effect.gen(function*() {
      let under!: Fiber.Fiber<unknown, unknown>
      let free!: Fiber.Fiber<unknown, unknown>
      yield* Effect.gen(function*() {
        under = yield* detach(hang.pipe(Deadline.attempt("1 hour")))
        free = yield* detach(hang.pipe(Deadline.attempt("1 hour"), Deadline.detached))
      }).pipe(Deadline.within("5 seconds"))
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual([endOf(under), endOf(free)], ["total after 5s", "attempt after 1h"])
    }))

  it.effect("that is over begins no call, counts at no circuit and takes no token", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ name: "model" })
      let made = 0
      const call = Effect.sync(() => ++made).pipe(Deadline.attempt("10 seconds"), breaker.protect)
      const job = Effect.andThen(
        Effect.sleep("10 seconds"),
        Effect.forEach(Array.from({ length: 10 }), () => Effect.exit(call))
      )
      yield* detach(job).pipe(Deadline.within("5 seconds"))
      yield* TestClock.adjust("20 seconds")
      const { calls, state } = yield* breaker.snapshot
      assert.deepStrictEqual([made, calls, state], [0, 0, "Closed"])
      yield* call
      assert.strictEqual(made, 1)
    }))

  it.effect("by another clock is told by that clock", () =>
    Effect.gen(function*() {
      const inner = Deadline.remaining.pipe(Deadline.within("1 hour"))
      const left = yield* TestClock.withLive(inner).pipe(Deadline.within("5 seconds"))
      assert.isAtMost(Duration.toMillis(left!), 5000)
      assert.isAbove(Duration.toMillis(left!), 4000)
    }))

  it.effect("of a chain of work that begins itself anew neither grows the stack nor outlives its time", () =>
    Effect.gen(function*() {
      let generations = 0
      let last!: Fiber.Fiber<unknown, unknown>
      const job: Effect.Effect<void> = Effect.suspend(() => {
        const next = ++generations === 5000
          ? hang.pipe(Deadline.attempt("1 hour"))
          : Effect.andThen(Effect.yieldNow, job)
        return detach(next).pipe(
          Effect.map((fiber) => void (last = fiber)),
          Deadline.within("1 hour"),
          Deadline.attempt("1 hour"),
          Effect.ignore
        )
      })
      yield* job.pipe(Deadline.within("5 seconds"), Effect.ignore)
      yield* Effect.repeat(Effect.yieldNow, { times: 6000 })
      assert.strictEqual(generations, 5000)
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(endOf(last), "total after 5s")
    }))
})

describe("a lane of time-outs", () => {
  it.effect("still fires when several calls under one deadline leave together", () =>
    Effect.gen(function*() {
      const bulkhead = yield* Bulkhead.make({ name: "model", concurrency: 1, queue: 100 })
      yield* detach(bulkhead.protect(Effect.sleep("2 seconds")))
      const ask = bulkhead.protect(Effect.void)
      const limit = Deadline.within("200 millis")
      const request = yield* detach(limit(Effect.all([ask, ask, ask], { concurrency: "unbounded" })))
      yield* TestClock.adjust("100 millis")
      const other = yield* detach(limit(hang))
      yield* TestClock.adjust("200 millis")
      assert.deepStrictEqual([endOf(request), endOf(other)], ["total after 200ms", "total after 200ms"])
      const third = yield* detach(limit(hang))
      yield* TestClock.adjust("200 millis")
      assert.strictEqual(endOf(third), "total after 200ms")
      const { inFlight, queued, rejected } = yield* bulkhead.snapshot
      assert.deepStrictEqual([inFlight, queued, rejected.deadline], [1, 0, 3])
    }))

  it.live("keeps nothing of the request that was the first in it", () =>
    Effect.gen(function*() {
      class Body extends Context.Service<Body, { readonly bytes: Uint8Array }>()("Body") {}
      const limit = Deadline.within("1 minute")
      const first = () => {
        const body = { bytes: new Uint8Array(1000) }
        const request = Effect.sleep("5 millis").pipe(limit, Effect.provideService(Body, body))
        return { request, kept: new WeakRef(body) }
      }
      const kept = yield* Effect.gen(function*() {
        const { kept, request } = first()
        const fiber = yield* detach(request)
        yield* detach(limit(hang))
        yield* Fiber.join(fiber)
        return kept
      })
      yield* Effect.promise(() => collected(kept))
    }).pipe(Effect.provide(Logger.layer([]))))

  it.live("keeps nothing of those who waited behind a call that is still at work", () =>
    Effect.gen(function*() {
      const { protect } = yield* Bulkhead.make({ name: "model", concurrency: 2, queue: 2, maxWait: "1 hour" })
      yield* detach(protect(Effect.sleep("5 millis")))
      yield* detach(protect(Effect.sleep("5 millis")))
      const atWork = yield* detach(protect(hang))
      const kept = yield* Effect.gen(function*() {
        const behind = yield* detach(protect(Effect.void))
        yield* Fiber.join(behind)
        return new WeakRef(behind)
      })
      yield* Effect.promise(() => collected(kept))
      yield* Fiber.interrupt(atWork)
    }).pipe(Deadline.within("1 minute"), Effect.provide(Logger.layer([]))))
})

describe("observers of fibers that ended at a limit", () => {
  it.effect("may throw as often as they like: limits and interrupts after that end as before", () =>
    Effect.gen(function*() {
      const context = yield* Effect.context<never>()
      for (let i = 0; i < 100; i++) {
        Effect.runForkWith(context)(hang.pipe(Deadline.attempt("1 second"))).addObserver(() => {
          throw new Error("an observer")
        })
      }
      yield* TestClock.adjust("1 second")
      const late = yield* Effect.forkChild(hang.pipe(Deadline.attempt("1 second")))
      yield* TestClock.adjust("1 second")
      assert.strictEqual(endOf(late), "attempt after 1s")
      const left = yield* Effect.forkChild(hang.pipe(Deadline.attempt("1 minute")), { startImmediately: true })
      let ended = false
      left.addObserver(() => ended = true)
      left.interruptUnsafe()
      for (let i = 0; i < 100 && !ended; i++) yield* Effect.yieldNow
      assert.isTrue(ended)
    }).pipe(Effect.provide(Logger.layer([]))))
})

/** Ends when the garbage collector has taken it. */
const collected = async (reference: WeakRef<object>): Promise<void> => {
  const { setFlagsFromString } = await import("node:v8")
  const { runInNewContext } = await import("node:vm")
  setFlagsFromString("--expose-gc")
  const gc = runInNewContext("gc") as () => void
  for (let round = 0; round < 50 && reference.deref() !== undefined; round++) {
    await new Promise((resolve) => setImmediate(resolve))
    gc()
  }
  assert.isUndefined(reference.deref())
}
