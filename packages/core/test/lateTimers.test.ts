/** The promises of guards hold where timers ring early by a fraction or late, and in a process that was stopped. */
import { assert, describe, it } from "@effect/vitest"
import { Bulkhead, CircuitBreaker, Deadline, RateLimiter, Retry } from "@switchgear/core"
import { Cause, Clock, Duration, Effect, Exit, Fiber } from "effect"
import { LateClock } from "./support/lateClock.ts"

/** Numbers from 0 to 1, the same in each run. */
const chance = (seed: number) => () => {
  seed = (seed * 1_664_525 + 1_013_904_223) % 4_294_967_296
  return seed / 4_294_967_296
}

const seeds = Array.from({ length: 40 }, (_, seed) => seed + 1)

const late = (draw: () => number) => () => draw() < 0.3 ? 0 : 20 * draw()

const played = <A, E>(seed: number, play: (clock: LateClock, draw: () => number) => Effect.Effect<A, E>) => {
  const draw = chance(seed)
  draw()
  const clock = new LateClock(late(draw), 1e6 + draw())
  return Effect.provideService(play(clock, draw), Clock.Clock, clock)
}

const fork = <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.forkChild(Effect.exit(self), { startImmediately: true })

const ended = <A, E>(clock: LateClock, fiber: Fiber.Fiber<A, E>) =>
  Effect.gen(function*() {
    for (let i = 0; fiber.pollUnsafe() === undefined && i < 1000; i++) yield* clock.pass(20)
    return yield* Fiber.join(fiber)
  })

const failureOf = (exit: Exit.Exit<unknown, any>) => Exit.isFailure(exit) ? Cause.squash(exit.cause) as any : undefined

describe("a retry that waits for as long as it was told to", () => {
  it.live("is let pass by the limiter that told it", () =>
    Effect.gen(function*() {
      for (const seed of seeds) {
        yield* played(seed, (clock, draw) =>
          Effect.gen(function*() {
            const limiter = yield* RateLimiter.make({
              name: "model",
              limits: [
                RateLimiter.requests(1, "100 millis", { kind: draw() < 0.5 ? "token-bucket" : "sliding-window" })
              ]
            })
            yield* limiter.protect(Effect.void)
            yield* clock.pass(90 * draw())
            const retry = yield* Retry.make({ maxAttempts: 2, baseDelay: 0, while: () => true })
            const exit = yield* ended(clock, yield* fork(retry.protect(limiter.protect(Effect.void))))
            assert.strictEqual(failureOf(exit), undefined, `seed ${seed}`)
          }))
      }
    }))

  it.live("is let pass by the circuit that told it", () =>
    Effect.gen(function*() {
      for (const seed of seeds) {
        yield* played(seed, (clock, draw) =>
          Effect.gen(function*() {
            const circuit = yield* CircuitBreaker.make({ name: "model", openFor: 100 + draw() })
            yield* circuit.control.trip()
            yield* clock.pass(90 * draw())
            const retry = yield* Retry.make({ maxAttempts: 2, baseDelay: 0, while: () => true })
            const exit = yield* ended(clock, yield* fork(retry.protect(circuit.protect(Effect.void))))
            assert.strictEqual(failureOf(exit), undefined, `seed ${seed}`)
          }))
      }
    }))
})

describe("a process that was stopped", () => {
  it.live("has the answers that came meanwhile in time before their time-outs, and opens no circuit", () =>
    Effect.gen(function*() {
      for (const seed of seeds) {
        yield* played(seed, (clock, draw) =>
          Effect.gen(function*() {
            const circuit = yield* CircuitBreaker.make({ name: "model" })
            const call = circuit.protect(Deadline.attempt("1 second")(clock.answerAfter(50 + 100 * draw())))
            const calls = yield* Effect.all(Array.from({ length: 20 }, () => fork(call)))
            yield* clock.pass(10 * draw())
            yield* clock.stop(1500)
            for (const one of calls) assert.isTrue(Exit.isSuccess(yield* ended(clock, one)), `seed ${seed}`)
            assert.strictEqual((yield* circuit.snapshot).state, "Closed")
          }))
      }
    }))
})

describe("a call that waits", () => {
  const lateness = 20 + 1

  it.live("for a limiter is let pass where its turn comes in time, and one that is refused is not told to come back at once", () =>
    Effect.gen(function*() {
      for (const seed of seeds) {
        yield* played(seed, (clock) =>
          Effect.gen(function*() {
            const limits = [RateLimiter.requests(10, "500 millis", { burst: 2 })]
            const limiter = yield* RateLimiter.make({ name: "model", limits, maxWait: 100 })
            const began = clock.millis
            const call = limiter.protect(Effect.sync(() => clock.millis - began))
            // Their turns are after 0, 0, 50, 100, 150 and 200 ms.
            const calls = yield* Effect.all(Array.from({ length: 6 }, () => fork(call)))
            for (const [place, one] of calls.entries()) {
              const exit = yield* ended(clock, one)
              assert.strictEqual(Exit.isSuccess(exit), place < 4, `call ${place} of seed ${seed}`)
              if (Exit.isSuccess(exit)) assert.isAtMost(exit.value, 100 + lateness, `seed ${seed}`)
              else assert.isAtLeast(Duration.toMillis(failureOf(exit).retryAfter), 1, `seed ${seed}`)
            }
          }))
      }
    }))

  it.live("for a slot is let pass by one that is free in time, and waits no longer than maxWait and the lateness", () =>
    Effect.gen(function*() {
      for (const seed of seeds) {
        yield* played(seed, (clock, draw) =>
          Effect.gen(function*() {
            const bulkhead = yield* Bulkhead.make({ name: "model", concurrency: 1, queue: 10, maxWait: 100 })
            const takes = 150 * draw()
            const first = yield* fork(bulkhead.protect(clock.answerAfter(takes)))
            const began = clock.millis
            const exit = yield* fork(
              Effect.map(Effect.exit(bulkhead.protect(Effect.void)), (exit) => ({ exit, at: clock.millis }))
            )
            const waiting = yield* ended(clock, exit)
            yield* ended(clock, first)
            assert.isTrue(Exit.isSuccess(waiting))
            if (Exit.isFailure(waiting)) return
            assert.isAtMost(waiting.value.at - began, 100 + lateness, `seed ${seed}`)
            if (takes <= 99) assert.isTrue(Exit.isSuccess(waiting.value.exit), `seed ${seed}`)
            assert.strictEqual((yield* bulkhead.snapshot).inFlight, 0)
          }))
      }
    }))
})
