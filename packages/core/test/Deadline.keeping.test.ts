import { assert, describe, it } from "@effect/vitest"
import { CircuitBreaker, Deadline, Pipeline, RateLimiter } from "@switchgear/core"
import { joinDeadline, keepingDeadline, monotonicMillis } from "@switchgear/core/runtime"
import { Clock, Duration, Effect, Exit, Fiber, identity, Schema } from "effect"
import { TestClock } from "effect/testing"

/** Who ends work at its deadline: it itself, which is known or hidden in another effect, or the fiber around it. */
type Ends = "itself" | "itself, hidden" | "fiber"

/** Work that never ends by itself. */
const endless = (ends: Ends) => {
  const left = new Set<string>()
  const waiting = Effect.withFiber((fiber) =>
    Effect.callback<number>((resume) => {
      const joined = joinDeadline(fiber, () => {
        left.add("late")
        resume(Exit.interrupt(fiber.id))
        joined.cancel(fiber)
      })
      return Effect.sync(() => {
        left.add("interrupted")
        joined.cancel(fiber)
      })
    })
  )
  const keeping = keepingDeadline(waiting, () => true)
  const work = ends === "itself" ? keeping : ends === "fiber" ? Effect.never : Effect.map(keeping, identity)
  return { left, work }
}

const Millis = Schema.optionalKey(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 50 })))

describe("work that keeps its deadline itself", () => {
  it.effect("is told whether the deadline comes before another time of the same clock", () =>
    Effect.gen(function*() {
      const clock = yield* Clock.Clock
      const other = { ...clock } as Clock.Clock
      const told = Effect.withFiber((fiber) => {
        const joined = joinDeadline(fiber, () => {})
        const now = monotonicMillis(clock)
        const before = [999, 1000, 1001].map((millis) => joined.comesBefore(now + millis, clock))
        const elsewhere = joined.comesBefore(Infinity, other)
        joined.cancel(fiber)
        return Effect.succeed([...before, elsewhere])
      })
      assert.deepStrictEqual(yield* Deadline.within("1 second")(keepingDeadline(told, () => true)), [
        false,
        false,
        true,
        false
      ])
      assert.deepStrictEqual(yield* told, [false, false, false, false])
    }))

  it.effect.prop(
    "ends as work does in a fiber of its own, and counts the same, whatever ends it",
    { attempt: Millis, deadline: Millis, around: Millis, interruptedAfter: Millis },
    ({ around, attempt, deadline, interruptedAfter }) =>
      Effect.gen(function*() {
        const ended = Effect.fnUntraced(function*(ends: Ends) {
          const { left, work } = endless(ends)
          const breaker = yield* CircuitBreaker.make({ name: "model" })
          const times = { attemptTimeout: attempt ?? 60, ...deadline !== undefined && { deadline } }
          const pipeline = yield* Pipeline.make({ breaker, ...times })
          const call = pipeline.protect(work)
          const fiber = yield* Effect.forkChild(around === undefined ? call : Deadline.within(around)(call), {
            startImmediately: true
          })
          const moments: Array<number> = []
          for (let millis = 0; millis < 100 && fiber.pollUnsafe() === undefined; millis++) {
            if (millis === interruptedAfter) yield* Fiber.interrupt(fiber)
            else yield* TestClock.adjust(1)
            moments.push(millis)
          }
          const exit = yield* Fiber.await(fiber)
          const { calls, failed, inFlight } = yield* breaker.snapshot
          const told = Exit.isSuccess(exit) ?
            "success" :
            exit.cause.reasons.map((reason) => reason._tag === "Fail" ? JSON.stringify(reason.error) : reason._tag)
          return { left: left.size, shown: { told, calls, failed, inFlight, moments } }
        })
        const forked = yield* ended("fiber")
        for (const ends of ["itself", "itself, hidden"] as const) {
          const kept = yield* ended(ends)
          assert.deepStrictEqual(kept.shown, forked.shown, ends)
          assert.isAtLeast(kept.left, 1)
        }
      })
  )

  it.effect("is interrupted where the deadline is one that it does not keep", () =>
    Effect.gen(function*() {
      const { left, work } = endless("itself")
      const cut = Deadline.timeoutOrElse({ duration: "1 second", orElse: () => Effect.succeed(-1) })(work)
      const fiber = yield* Effect.forkChild(cut, { startImmediately: true })
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(fiber), -1)
      assert.deepStrictEqual([...left], ["interrupted"])
    }))
})

describe("costs that are a function", () => {
  it.effect("are those of each call, and the most that is held is read without a snapshot", () =>
    Effect.gen(function*() {
      const limits = [RateLimiter.requests(10, "1 minute"), RateLimiter.tokens(100, "1 minute", { burst: 40 })]
      const limiter = yield* RateLimiter.make({ name: "model", limits })
      const costs = [5, 10, 1]
      const call = Effect.succeed(1).pipe(limiter.protectWith({ costs: () => ({ tokens: costs.shift()! }) }))
      const left: Array<number> = []
      for (let i = 0; i < 3; i++) {
        yield* call
        const { available } = (yield* limiter.snapshot).limits[1]!
        assert.strictEqual(RateLimiter.availableOf(limiter, "tokens"), available)
        left.push(available)
      }
      assert.isUndefined(RateLimiter.availableOf(limiter, "cost"))
      assert.isUndefined(RateLimiter.availableOf({ ...limiter }, "tokens"))
      assert.deepStrictEqual(left, [35, 25, 24])
      const read = (["requests", "tokens", "cost"] as const).map((each) => RateLimiter.capacityOf(limiter, each))
      assert.deepStrictEqual(read, [10, 40, undefined])
      yield* limiter.setLimits([limits[0]!, RateLimiter.tokens(30, Duration.minutes(1), { burst: 30 })])
      assert.strictEqual(RateLimiter.capacityOf(limiter, "tokens"), 30)
      assert.isUndefined(RateLimiter.capacityOf({ ...limiter }, "tokens"))
    }))

  it.effect("die with a RangeError where they are none", () =>
    Effect.gen(function*() {
      const limiter = yield* RateLimiter.make({ name: "model", limits: [RateLimiter.requests(10, "1 minute")] })
      const call = Effect.succeed(1).pipe(limiter.protectWith({ costs: () => ({ requests: -1 }) }))
      const exit = yield* Effect.exit(call)
      assert.isTrue(Exit.hasDies(exit))
      assert.strictEqual((yield* limiter.snapshot).limits[0]!.available, 10)
    }))
})
