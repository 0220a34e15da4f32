/**
 * A hundred thousand callers, who answer, fail, hang, sleep and yield, run out of time and are interrupted at random
 * while they wait and while they run, leave every counter of every guard at zero.
 */
import { assert, it } from "@effect/vitest"
import { Bulkhead, CircuitBreaker, Deadline, Pipeline, RateLimiter, Retry } from "@switchgear/core"
import { Effect, type Exit, Fiber } from "effect"
import { TestClock } from "effect/testing"

const rounds = 200
const callersInARound = 500

/** The same numbers in every run. */
const dice = (seed: number) => {
  let state = seed
  return (sides: number): number => (state = (state * 48_271) % 2_147_483_647) % sides
}

const guardsOfAll = Effect.gen(function*() {
  const breaker = yield* CircuitBreaker.make({ name: "storm", halfOpen: { calls: 2 }, slowCallDuration: 30 })
  const family = yield* CircuitBreaker.Family.make({ name: "storm", capacity: 5, minimumCalls: 3, openFor: 20 })
  const bulkhead = yield* Bulkhead.make({ name: "storm", concurrency: 20, queue: 200, share: 0.25, maxWait: 40 })
  const rateLimiter = yield* RateLimiter.make({
    name: "storm",
    limits: [RateLimiter.requests(60, 30), RateLimiter.tokens(600, 50, { kind: "sliding-window" })],
    maxWait: 60
  })
  const retry = yield* Retry.make({ maxAttempts: 2, baseDelay: 5 })
  const parts = { deadline: 90, retry, rateLimiter, bulkhead, breaker, attemptTimeout: 45 } as const
  return { breaker, bulkhead, family, rateLimiter, pipeline: yield* Pipeline.make(parts) }
})
type Guards = Effect.Success<typeof guardsOfAll>
type Draw = (sides: number) => number

const workOf = (draw: Draw, running: { now: number }): Effect.Effect<unknown, string> => {
  const work = [
    Effect.never,
    Effect.sleep(draw(50)),
    Effect.fail("bad"),
    Effect.yieldNow,
    Effect.succeed(1),
    Effect.die("bug"),
    Effect.onInterrupt(Effect.never, () => Effect.yieldNow)
  ][draw(7)] as Effect.Effect<unknown, string>
  return Effect.acquireUseRelease(Effect.sync(() => running.now++), () => work, () => Effect.sync(() => running.now--))
}

const guarded = (draw: Draw, guards: Guards, work: Effect.Effect<unknown, string>): Effect.Effect<unknown, unknown> => {
  const { breaker, bulkhead, family, rateLimiter, pipeline } = guards
  const limited = Deadline.attempt(1 + draw(60))(work)
  switch (draw(6)) {
    case 0:
      return breaker.protect(limited)
    case 1:
      return bulkhead.protect(limited)
    case 2:
      return rateLimiter.protectWith({ costs: { tokens: draw(20) }, settle: () => ({ tokens: draw(20) }) })(limited)
    case 3:
      return family.protect(`key ${draw(12)}`)(limited)
    case 4:
      return pipeline.protectWith({ costs: { tokens: draw(20) } })(work)
    default:
      return limited.pipe(family.protect(`key ${draw(12)}`), breaker.protect, bulkhead.protect, rateLimiter.protect)
  }
}

const nothing = {
  breaker: 0,
  bulkhead: { inFlight: 0, queued: 0 },
  family: 0,
  running: 0,
  waiting: 0
}

it.effect("a hundred thousand callers interrupted at random leave all counters at zero", () =>
  Effect.gen(function*() {
    const guards = yield* guardsOfAll
    const { breaker, bulkhead, family, rateLimiter } = guards
    const draw = dice(1)
    const running = { now: 0 }
    const ends = { Success: 0, Failure: 0 }
    const count = ({ _tag }: Exit.Exit<unknown, unknown>) => Effect.sync(() => void ends[_tag]++)
    const waited = { inQueue: 0, forTurn: 0 }
    for (let round = 0; round < rounds; round++) {
      const fibers = yield* Effect.forEach(Array.from({ length: callersInARound }), () =>
        Effect.forkChild(
          Effect.onExit(guarded(draw, guards, workOf(draw, running)), count).pipe(
            Effect.provideService(Bulkhead.CurrentPriority, draw(3)),
            Effect.provideService(Bulkhead.CurrentKey, draw(5) === 0 ? undefined : `tenant ${draw(10)}`)
          ),
          { startImmediately: draw(2) === 0 }
        ))
      for (let strike = 0; strike < 3; strike++) {
        for (const fiber of fibers) if (draw(6) === 0) fiber.interruptUnsafe()
        yield* TestClock.adjust(draw(15))
        waited.inQueue += (yield* bulkhead.snapshot).queued
        waited.forTurn += (yield* rateLimiter.snapshot).waiting
      }
      if (draw(10) === 0) yield* breaker.control.reset
      if (draw(10) === 0) yield* bulkhead.resize(10 + draw(20))
      if (draw(10) === 0) yield* rateLimiter.pause(draw(30))
      yield* TestClock.adjust("1 second")
      yield* Effect.forEach(fibers, Fiber.await)
      const { inFlight, queued } = yield* bulkhead.snapshot
      const { limits, waiting } = yield* rateLimiter.snapshot
      const counters = {
        breaker: (yield* breaker.snapshot).inFlight,
        bulkhead: { inFlight, queued },
        family: (yield* family.snapshot).inFlight,
        running: running.now,
        waiting
      }
      assert.deepStrictEqual(counters, nothing, `after round ${round}`)
      // What was reserved and given back is there again, and no more than that.
      assert.deepStrictEqual(limits.map(({ available }) => available), limits.map(({ capacity }) => capacity))
    }
    // It was a storm: some got through, most did not, and many had to wait.
    assert.isAbove(ends.Success, 1000)
    assert.isAbove(ends.Failure, 10_000)
    assert.isAbove(waited.inQueue, 1000)
    assert.isAbove(waited.forTurn, 1000)
  }), 60_000)
