/** Who waits in a limiter's queue: leaving it, its bound, what it costs, and that nobody in it pays for another. */
import { assert, describe, it } from "@effect/vitest"
import { Deadline, RateLimiter } from "@switchgear/core"
import { Cause, Clock, Duration, Effect, Equal, Exit, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { vi } from "vitest"
import { BlockedClock } from "./laws/blockedClock.ts"

const { requests, tokens } = RateLimiter

const fork = <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.forkChild(Effect.exit(self), { startImmediately: true })

const ok = Effect.succeed("ok")

const both = ["token-bucket", "sliding-window"] as const

const errorOf = (exit: Exit.Exit<unknown, unknown>): RateLimiter.RateLimited => {
  const error = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
  return error instanceof RateLimiter.RateLimited ? error : assert.fail(`no rejection: ${exit}`)
}

const millisOf = ({ retryAfter }: RateLimiter.RateLimited) => retryAfter && Duration.toMillis(retryAfter)

/** A limiter whose one request a second has been taken. */
const spent = (options: Partial<RateLimiter.Options> = {}) =>
  Effect.gen(function*() {
    const limiter = yield* RateLimiter.make({
      name: "model",
      maxWait: "1 hour",
      limits: [requests(1, "1 second")],
      ...options
    })
    yield* limiter.reserve({})
    return limiter
  })

const settled = Effect.forEach(Array.from({ length: 5 }), () => Effect.yieldNow, { discard: true })

describe("leaving the queue", () => {
  it.effect("siblings that a pause refuses together end their request, and everybody else waits on", () =>
    Effect.gen(function*() {
      for (const kind of both) {
        const limiter = yield* spent({ limits: [requests(1, "1 second", { kind })] })
        const call = limiter.protect(ok)
        const request = yield* fork(
          Effect.all([call, call], { concurrency: "unbounded" }).pipe(Deadline.within("5 seconds"))
        )
        const others = [yield* fork(call), yield* fork(call), yield* fork(call)]
        assert.strictEqual((yield* limiter.snapshot).waiting, 5)
        yield* limiter.pause("10 seconds")
        assert.strictEqual((yield* limiter.snapshot).waiting, 3)
        assert.strictEqual(errorOf(yield* Fiber.join(request)).reason, "paused")
        yield* TestClock.adjust("20 seconds")
        for (const other of others) assert.deepStrictEqual(yield* Fiber.join(other), Exit.succeed("ok"))
        assert.strictEqual((yield* limiter.snapshot).waiting, 0)
      }
    }))

  it.effect("a limiter whose only waiters were refused together serves the next one", () =>
    Effect.gen(function*() {
      const limiter = yield* spent()
      const call = limiter.protect(ok)
      yield* fork(Effect.all([call, call], { concurrency: "unbounded" }).pipe(Deadline.within("5 seconds")))
      yield* limiter.pause("10 seconds")
      yield* TestClock.adjust("1 minute")
      assert.strictEqual((yield* limiter.snapshot).waiting, 0)
      yield* limiter.reserve({})
      const next = yield* fork(call)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* Fiber.join(next), Exit.succeed("ok"))
    }))

  it.effect("a caller interrupted between its grant and its start gives back what it was granted", () =>
    Effect.gen(function*() {
      const limiter = yield* RateLimiter.make({ name: "model", maxWait: "1 hour", limits: [tokens(10, "1 hour")] })
      const reservation = yield* limiter.reserve({ tokens: 10 })
      let started = 0
      const waiter = yield* fork(
        Effect.sync(() => started++).pipe(limiter.protectWith({ costs: { tokens: 10 } }))
      )
      yield* reservation.refund
      waiter.interruptUnsafe()
      yield* settled
      const { limits, waiting } = yield* limiter.snapshot
      assert.deepStrictEqual([started, waiting, limits[0]!.available], [0, 0, 10])
    }))

  it.effect("one's own answer comes before the work of those for whom it made room", () =>
    Effect.gen(function*() {
      const limiter = yield* RateLimiter.make({ name: "model", maxWait: "1 hour", limits: [tokens(10, "1 hour")] })
      const order: Array<string> = []
      const call = (name: string, work: Effect.Effect<unknown>) =>
        fork(Effect.andThen(
          work.pipe(limiter.protectWith({ costs: { tokens: 10 }, settle: () => ({ tokens: 0 }) })),
          Effect.sync(() => order.push(`${name} is answered`))
        ))
      const first = yield* call(
        "first",
        Effect.andThen(Effect.sleep("1 second"), Effect.sync(() => order.push("first")))
      )
      const second = yield* call("second", Effect.sync(() => order.push("second")))
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(first)
      yield* Fiber.join(second)
      assert.deepStrictEqual(order, ["first", "first is answered", "second", "second is answered"])
    }))

  it.effect("settle may use the limiter itself, by whatever clock", () =>
    Effect.gen(function*() {
      const limiter = yield* RateLimiter.make({ name: "model", maxWait: "1 hour", limits: [tokens(10, "1 second")] })
      const call = ok.pipe(limiter.protectWith({
        costs: { tokens: 10 },
        settle: () => {
          Effect.runSync(limiter.clampAvailable({ tokens: 0 }))
          return { tokens: 1 }
        }
      }))
      const calls = yield* Effect.forEach(Array.from({ length: 5 }), () => fork(call))
      yield* TestClock.adjust("1 minute")
      for (const each of calls) assert.deepStrictEqual(yield* Fiber.join(each), Exit.succeed("ok"))
      assert.strictEqual((yield* limiter.snapshot).waiting, 0)
    }))
})

/** One run of a guarded effect, as the guards see it. */
interface Run {
  readonly sendAway: (rejection: () => Exit.Exit<never, unknown> | undefined) => boolean
  readonly release: (exit: Exit.Exit<unknown, unknown>) => void
}

describe("a waiter that is sent away from outside", () => {
  const begun = (limiter: RateLimiter.RateLimiter, work: Effect.Effect<unknown>) =>
    Effect.gen(function*() {
      const { startOf } = yield* Effect.promise(() =>
        vi.importActual<{ readonly startOf: (guard: unknown) => (...args: ReadonlyArray<unknown>) => Run }>(
          "../src/internal/runtime/guard.ts"
        )
      )
      const runs: Array<Run> = []
      const fiber = yield* fork(Effect.withFiber((fiber) => {
        const run = startOf(limiter.protectWith({ costs: {} }))(fiber, work)
        runs.push(run)
        return Effect.onExit(run as never as Effect.Effect<unknown>, (exit) => Effect.sync(() => run.release(exit)))
      }))
      return { fiber, run: runs[0]! }
    })

  it.effect("goes on with the exit, in a step of its own, and those behind move up", () =>
    Effect.gen(function*() {
      const limiter = yield* spent()
      const first = yield* begun(limiter, ok)
      const second = yield* begun(limiter, ok)
      assert.isTrue(first.run.sendAway(() => Exit.fail("open")))
      assert.strictEqual((yield* limiter.snapshot).waiting, 1)
      assert.isUndefined(first.fiber.pollUnsafe())
      assert.isFalse(first.run.sendAway(() => Exit.fail("twice")))
      assert.deepStrictEqual(yield* Fiber.join(first.fiber), Exit.fail("open") as never)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* Fiber.join(second.fiber), Exit.succeed("ok") as never)
      const { admitted, rejected } = yield* limiter.snapshot
      assert.deepStrictEqual([admitted, rejected], [2, 0])
    }))

  it.effect("is left alone when it does not wait: new, granted, running or over", () =>
    Effect.gen(function*() {
      const limiter = yield* spent()
      const { fiber, run } = yield* begun(limiter, Effect.sleep("1 second"))
      yield* TestClock.adjust("1 second")
      assert.isFalse(run.sendAway(() => Exit.fail("running")))
      yield* TestClock.adjust("1 second")
      assert.isTrue(Exit.isSuccess(yield* Fiber.join(fiber)))
      assert.isFalse(run.sendAway(() => Exit.fail("over")))
    }))
})

describe("the queue", () => {
  it.effect("has room for a thousand calls unless told otherwise, and tells the next when a place is free", () =>
    Effect.gen(function*() {
      const limiter = yield* spent({ maxWait: "Infinity" })
      yield* Effect.forEach(Array.from({ length: 10_000 }), () => fork(limiter.protect(ok)))
      yield* TestClock.adjust("300 millis")
      const error = yield* Effect.flip(limiter.protect(ok))
      assert.deepStrictEqual([error.reason, error.bucket, millisOf(error)], ["queue-full", "requests", 700])
      assert.strictEqual(error.message, "Limiter \"model\" has no place left in its queue. Try again in 700ms.")
      yield* TestClock.adjust("700 millis")
      assert.strictEqual((yield* limiter.snapshot).waiting, 9999)
    }))

  it.effect("with no places lets nobody wait, and says when it would have been the call's turn", () =>
    Effect.gen(function*() {
      const limiter = yield* spent({ queue: 0 })
      const error = yield* Effect.flip(limiter.protect(ok))
      assert.deepStrictEqual([error.reason, millisOf(error)], ["queue-full", 1000])
    }))

  it.effect("still says of a call that is larger than its limit that no wait will do", () =>
    Effect.gen(function*() {
      const limiter = yield* spent({ queue: 1 })
      yield* fork(limiter.protect(ok))
      const error = yield* Effect.flip(limiter.reserve({ requests: 2 }))
      assert.deepStrictEqual([error.reason, error.retryAfter], ["too-large", undefined])
    }))
})

describe("a call whose turn comes in time", () => {
  for (const kind of both) {
    for (const millis of [1, 300]) {
      it.effect(`is let pass where the timer that says so is ${millis} ms late: ${kind}`, () =>
        Effect.gen(function*() {
          const clock = new BlockedClock(yield* Clock.Clock)
          const limits = [requests(1, "1 second", { kind })]
          const limiter = yield* Effect.provideService(
            RateLimiter.make({ name: "model", limits, maxWait: "1 second" }),
            Clock.Clock,
            clock
          )
          yield* limiter.reserve({})
          const waiting = yield* fork(limiter.protect(ok))
          clock.block(millis)
          yield* TestClock.adjust("1 second")
          assert.deepStrictEqual(yield* Fiber.join(waiting), Exit.succeed("ok"))
        }))
    }
  }
})

describe("a newcomer to a long queue whose turn moves with every settle", () => {
  const waiting = 1000

  /** Those who came too late, one after each of so many settles, and how many of them were still waiting at most. */
  const latecomers = (kind: RateLimiter.LimitKind) =>
    Effect.gen(function*() {
      const limits = [tokens(50, "1 second", { kind })]
      const limiter = yield* RateLimiter.make({ name: "model", maxWait: "1 hour", limits })
      const reservations = yield* Effect.forEach(Array.from({ length: 50 }), () => limiter.reserve({ tokens: 1 }))
      yield* Effect.forEach(Array.from({ length: waiting }), () => fork(limiter.reserve({ tokens: 1 })))
      const latecomers: Array<Fiber.Fiber<Exit.Exit<unknown, unknown>>> = []
      let most = 0
      for (const [i, { settle }] of reservations.entries()) {
        yield* settle({ tokens: i % 2 === 0 ? 1.5 : 0.9 })
        latecomers.push(yield* fork(limiter.reserve({ tokens: 1 }, { maxWait: "19 seconds" })))
        most = Math.max(most, (yield* limiter.snapshot).waiting - waiting)
      }
      return { latecomers, limiter, most }
    })

  it.effect("is refused at once by token buckets, with its own turn", () =>
    Effect.gen(function*() {
      const { latecomers: all, most } = yield* latecomers("token-bucket")
      assert.strictEqual(most, 0)
      const { bucket, reason, retryAfter } = errorOf(yield* Fiber.join(all[0]!))
      assert.deepStrictEqual([bucket, reason, retryAfter], ["tokens", "limit", Duration.millis(20_030)])
    }))

  it.effect("is refused by a sliding window after at most a 32nd as many operations as there are waiters", () =>
    Effect.gen(function*() {
      const { latecomers: all, limiter, most } = yield* latecomers("sliding-window")
      assert.isAtLeast(most, 1)
      assert.isAtMost(most, waiting / 32)
      while ((yield* limiter.snapshot).waiting > waiting) {
        yield* Fiber.interrupt(yield* fork(limiter.reserve({ tokens: 1 })))
      }
      for (const latecomer of all) assert.strictEqual(errorOf(yield* Fiber.join(latecomer)).reason, "limit")
    }))
})

describe("a call's own maxWait", () => {
  it.effect("is shorter or longer than the limiter's, for protectWith and for reserve", () =>
    Effect.gen(function*() {
      for (const maxWait of [0, "1 minute"] as const) {
        const limiter = yield* spent({ maxWait })
        const hurried = { maxWait: "500 millis" } as const
        for (
          const call of [
            limiter.protectWith({ costs: {}, ...hurried })(ok),
            limiter.reserve({}, hurried),
            limiter.reserve({}, { maxWait: 0 })
          ]
        ) assert.strictEqual(millisOf(yield* Effect.flip(call)), 1000)
        const patient = yield* fork(limiter.reserve({}, { maxWait: "1 second" }))
        yield* TestClock.adjust("1 second")
        assert.isTrue(Exit.isSuccess(yield* Fiber.join(patient)))
      }
    }))

  it.effect("is refused by name, value and range", () =>
    Effect.gen(function*() {
      const limiter = yield* spent()
      assert.throws(
        () => limiter.protectWith({ costs: {}, maxWait: -1 }),
        RangeError,
        "RateLimiter.protectWith: maxWait must be a duration of zero or more, got -1"
      )
      const exit = yield* Effect.exit(limiter.reserve({}, { maxWait: NaN }))
      assert.instanceOf(Exit.isFailure(exit) && Cause.squash(exit.cause), RangeError)
    }))
})

describe("a pause", () => {
  it.effect("lasts ten minutes at most, and says that it is one", () =>
    Effect.gen(function*() {
      const limiter = yield* RateLimiter.make({ name: "model", limits: [requests(10, "1 second")] })
      yield* limiter.pause("Infinity")
      const error = yield* Effect.flip(limiter.protect(ok))
      assert.deepStrictEqual([error.reason, error.isRetryable, millisOf(error)], ["paused", true, 600_000])
      assert.strictEqual(error.message, "Limiter \"model\" is paused. Try again in 10m.")
      assert.deepStrictEqual((yield* limiter.snapshot).pausedFor, Duration.minutes(10))
    }))

  it.effect("is cut off at maxRetryAfter", () =>
    Effect.gen(function*() {
      const limiter = yield* spent({ maxRetryAfter: "2 seconds" })
      yield* limiter.pause("1 day")
      assert.deepStrictEqual((yield* limiter.snapshot).pausedFor, Duration.seconds(2))
    }))

  it.effect("can be undone: those who wait go on, and what was forgotten stays forgotten", () =>
    Effect.gen(function*() {
      const limiter = yield* RateLimiter.make({
        name: "model",
        limits: [requests(10, "1 second")],
        maxWait: "1 hour"
      })
      yield* limiter.pause("1 minute")
      const waiter = yield* fork(Effect.andThen(limiter.protect(Effect.void), Clock.currentTimeMillis))
      yield* TestClock.adjust("50 millis")
      yield* limiter.resume
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* Fiber.join(waiter), Exit.succeed(100))
      assert.isUndefined((yield* limiter.snapshot).pausedFor)
    }))
})

describe("a rejection", () => {
  it.effect("is a new one for every caller, who may mark it", () =>
    Effect.gen(function*() {
      const limiter = yield* spent({ maxWait: 0 })
      const first = yield* Effect.flip(limiter.protect(ok))
      Object.assign(first, { reported: true })
      assert.notProperty(yield* Effect.flip(limiter.protect(ok)), "reported")
    }))
})

describe("a rejection without its constructor", () => {
  it.effect("is what its constructor builds", () =>
    Effect.gen(function*() {
      const limiter = yield* spent({ maxWait: 0 })
      const fields = { limiter: "model", bucket: "requests" } as const
      for (
        const [built, made] of [
          [
            yield* Effect.flip(limiter.protect(ok)),
            new RateLimiter.RateLimited({ ...fields, reason: "limit", retryAfter: Duration.seconds(1) })
          ],
          [
            yield* Effect.flip(limiter.reserve({ requests: 2 })),
            new RateLimiter.RateLimited({ ...fields, reason: "too-large" })
          ]
        ] as const
      ) {
        assert.deepStrictEqual(Object.entries(built), Object.entries(made))
        assert.strictEqual(built.message, made.message)
        assert.isTrue(Equal.equals(built, made))
      }
    }))
})

describe("settle", () => {
  it.effect("that throws or answers nonsense changes no result, and the estimate stands", () =>
    Effect.gen(function*() {
      const nonsense: ReadonlyArray<() => unknown> = [
        () => {
          throw new Error("no usage")
        },
        () => undefined,
        () => null,
        () => "many",
        () => 5,
        () => ({ tokens: NaN }),
        () => ({ tokens: -1 }),
        () => ({ tokens: Infinity }),
        () => ({ tokens: "5" }),
        () => ({ requests: 0, tokens: NaN }),
        () => Promise.reject(new Error("too late")),
        () => ({
          get tokens() {
            throw new Error("getter")
          }
        })
      ]
      for (const kind of both) {
        for (const settle of nonsense) {
          const limits = [requests(10, "1 minute", { kind }), tokens(100, "1 minute", { kind })]
          const limiter = yield* RateLimiter.make({ name: "model", limits })
          const call = ok.pipe(limiter.protectWith({ costs: { tokens: 30 }, settle: settle as () => RateLimiter.Cost }))
          assert.strictEqual(yield* call, "ok")
          assert.deepStrictEqual((yield* limiter.snapshot).limits.map(({ available }) => available), [9, 70])
        }
      }
    }))
})

describe("setLimits", () => {
  it.effect("keeps the burst that was given, and follows the limit where none was", () =>
    Effect.gen(function*() {
      const capacity = (limiter: RateLimiter.RateLimiter) =>
        Effect.map(limiter.snapshot, ({ limits }) => limits[0]!.capacity)
      const small = yield* RateLimiter.make({ name: "model", limits: [tokens(100, "1 minute", { burst: 10 })] })
      yield* small.setLimits([tokens(200, "1 minute")])
      assert.strictEqual(yield* capacity(small), 10)
      yield* small.setLimits([tokens(200, "1 minute", { burst: 50 })])
      assert.strictEqual(yield* capacity(small), 50)
      const plain = yield* RateLimiter.make({ name: "model", limits: [tokens(100, "1 minute")] })
      yield* plain.setLimits([tokens(200, "1 minute")])
      assert.strictEqual(yield* capacity(plain), 200)
    }))
})
