/**
 * No interrupt at any step of any guard leaks what the guard holds. Every program is run once for each of its steps,
 * with a scheduler that yields there, and interrupted at that step; afterwards all counters must be back at zero.
 */
import { Attempts, Bulkhead, Cascade, CircuitBreaker, Deadline, Retry, RetryBudget, StaleCache } from "@switchgear/core"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { interruptAtEveryStep } from "./support/yieldAt.ts"

const works = {
  "that succeeds": Effect.succeed(1),
  "that takes several steps": Effect.andThen(Effect.andThen(Effect.void, Effect.void), Effect.succeed(1)),
  "that yields": Effect.andThen(Effect.yieldNow, Effect.succeed(1)),
  "that hangs": Effect.never,
  "that fails": Effect.fail("bad"),
  "that dies": Effect.die("bug"),
  "with a finalizer that yields": Effect.onInterrupt(Effect.never, () => Effect.yieldNow)
} as const

describe("an interrupt at any step leaks nothing from", () => {
  for (const [name, work] of Object.entries(works)) {
    it.effect(`a closed circuit around work ${name}`, () =>
      Effect.gen(function*() {
        const breaker = yield* CircuitBreaker.make({ name: "model" })
        const struck = yield* interruptAtEveryStep({
          program: () => breaker.protect(work),
          check: (_, step) =>
            Effect.map(breaker.snapshot, ({ inFlight }) => assert.strictEqual(inFlight, 0, `at step ${step}`))
        })
        assert.isAbove(struck, 2)
      }))

    it.effect(`a half-open circuit around work ${name}: its probe is free again`, () =>
      Effect.gen(function*() {
        const struck = yield* interruptAtEveryStep({
          program: () =>
            Effect.gen(function*() {
              const breaker = yield* CircuitBreaker.make({ name: "model", halfOpen: { calls: 1, maxWait: "Infinity" } })
              probed = breaker
              yield* breaker.control.trip("1 millis")
              yield* TestClock.adjust("1 millis")
              return yield* breaker.protect(work)
            }),
          check: (_, step) =>
            Effect.gen(function*() {
              if (probed === undefined || (yield* probed.state) !== "HalfOpen") return
              const exit = yield* Effect.exit(probed.protect(Effect.void))
              assert.isTrue(Exit.isSuccess(exit), `at step ${step}`)
              assert.strictEqual((yield* probed.snapshot).inFlight, 0, `at step ${step}`)
            })
        })
        assert.isAbove(struck, 5)
      }))
    let probed: CircuitBreaker.CircuitBreaker | undefined

    it.effect(`a bulkhead with a free slot around work ${name}`, () =>
      Effect.gen(function*() {
        const bulkhead = yield* Bulkhead.make({ name: "model", concurrency: 1 })
        const struck = yield* interruptAtEveryStep({
          program: () => bulkhead.protect(work),
          check: (_, step) =>
            Effect.map(bulkhead.snapshot, ({ inFlight }) => assert.strictEqual(inFlight, 0, `at step ${step}`))
        })
        assert.isAbove(struck, 2)
      }))

    it.effect(`a full bulkhead in whose queue work ${name} waits`, () =>
      Effect.gen(function*() {
        const bulkhead = yield* Bulkhead.make({ name: "model", concurrency: 1, queue: 1 })
        const struck = yield* interruptAtEveryStep({
          program: () =>
            Effect.gen(function*() {
              yield* Effect.forkChild(bulkhead.protect(Effect.yieldNow), { startImmediately: true })
              return yield* bulkhead.protect(work)
            }),
          check: (_, step) =>
            Effect.gen(function*() {
              // The occupant is a child of the struck fiber and has ended with it.
              const { inFlight, queued } = yield* bulkhead.snapshot
              assert.deepStrictEqual({ inFlight, queued }, { inFlight: 0, queued: 0 }, `at step ${step}`)
            })
        })
        assert.isAbove(struck, 5)
      }))

    it.effect(`a bulkhead in which work ${name} waits for its share and for those of higher priority`, () =>
      Effect.gen(function*() {
        const struck = yield* interruptAtEveryStep({
          program: () =>
            Effect.gen(function*() {
              const bulkhead = yield* Bulkhead.make({ name: "model", concurrency: 4, queue: 9, share: 0.25 })
              shared = bulkhead
              const call = (key: string, priority: number) =>
                Effect.forkChild(
                  bulkhead.protect(Effect.andThen(Effect.yieldNow, Effect.yieldNow)).pipe(
                    Effect.provideService(Bulkhead.CurrentKey, key),
                    Effect.provideService(Bulkhead.CurrentPriority, priority)
                  ),
                  { startImmediately: true }
                )
              yield* Effect.all([call("a", 0), call("b", 0), call("a", 1), call("a", 0), call("b", 1)])
              yield* bulkhead.resize(1)
              return yield* Effect.provideService(bulkhead.protect(work), Bulkhead.CurrentKey, "a")
            }),
          check: (_, step) =>
            Effect.gen(function*() {
              // The others are children of the struck fiber and have ended with it.
              if (shared === undefined) return
              const { inFlight, queued } = yield* shared.snapshot
              assert.deepStrictEqual({ inFlight, queued }, { inFlight: 0, queued: 0 }, `at step ${step}`)
              const again = shared.protect(Effect.void).pipe(Effect.provideService(Bulkhead.CurrentKey, "a"))
              assert.isTrue(Exit.isSuccess(yield* Effect.exit(again)), `the key's share at step ${step}`)
            })
        })
        assert.isAbove(struck, 20)
      }))
    let shared: Bulkhead.Bulkhead | undefined

    it.effect(`a retry budget around work ${name}: a success counts at most once, a retry for each attempt`, () =>
      Effect.gen(function*() {
        let budget: RetryBudget.RetryBudget | undefined
        let succeeded = 0
        let attempts = 0
        const watched = Effect.suspend(() => {
          attempts++
          return Effect.tap(work, () => Effect.sync(() => succeeded++))
        })
        const struck = yield* interruptAtEveryStep({
          program: () =>
            Effect.gen(function*() {
              budget = undefined
              succeeded = attempts = 0
              budget = yield* RetryBudget.make({ name: "model" })
              const again = Retry.retry({ attempts: 2, base: "1 millis" })
              return yield* watched.pipe(again, again, RetryBudget.within(budget))
            }),
          check: (_, step) =>
            Effect.gen(function*() {
              if (budget === undefined) return
              const { retries, successes } = yield* budget.snapshot
              assert.isAtMost(successes, succeeded, `at step ${step}`)
              // One may have been paid for a wait that was interrupted.
              assert.isAtMost(retries, Math.max(1, attempts), `at step ${step}`)
              assert.isAtLeast(retries, attempts - 1, `at step ${step}`)
            })
        })
        assert.isAbove(struck, 3)
      }))

    for (const limit of [Deadline.within("1 hour"), Deadline.attempt("1 hour")]) {
      it.effect(`a deadline around work ${name}: nothing runs on`, () =>
        Effect.gen(function*() {
          let running = 0
          const watched = Effect.acquireUseRelease(
            Effect.sync(() => running++),
            () => work,
            () => Effect.sync(() => running--)
          )
          const struck = yield* interruptAtEveryStep({
            program: () => limit(watched),
            check: (_, step) => Effect.sync(() => assert.strictEqual(running, 0, `at step ${step}`))
          })
          assert.isAbove(struck, 2)
        }))
    }

    it.effect(`a call shared through the cache around work ${name}: the key is free again`, () =>
      Effect.gen(function*() {
        let running = 0
        const watched = Effect.acquireUseRelease(
          Effect.sync(() => running++),
          () => work,
          () => Effect.sync(() => running--)
        )
        const cache = yield* StaleCache.make<number>({ name: "answers", timeToLive: 0 })
        yield* interruptAtEveryStep({
          program: () => watched.pipe(cache.through("k")),
          check: (_, step) =>
            Effect.gen(function*() {
              assert.strictEqual(running, 0, `at step ${step}`)
              assert.strictEqual((yield* Effect.succeed(7).pipe(cache.through("k"))).value, 7, `at step ${step}`)
            })
        })
      }))
  }

  it.effect("the whole stack, composed", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ name: "model", minimumCalls: 100 })
      const bulkhead = yield* Bulkhead.make({ name: "model", concurrency: 2, queue: 2 })
      for (const work of Object.values(works)) {
        const guarded = (work as Effect.Effect<number, string>).pipe(
          Deadline.attempt("1 second"),
          breaker.protect,
          bulkhead.protect,
          Retry.retry({ attempts: 2, base: "1 millis" })
        )
        const answer = Cascade.first("a", guarded).pipe(
          Cascade.orElse("b", guarded),
          Cascade.orConstant("canned", 0)
        )
        const struck = yield* interruptAtEveryStep({
          program: () => Cascade.run(answer).pipe(Attempts.within(3), Deadline.within("5 seconds")),
          check: (_, step) =>
            Effect.gen(function*() {
              assert.strictEqual((yield* breaker.snapshot).inFlight, 0, `breaker at step ${step}`)
              const { inFlight, queued } = yield* bulkhead.snapshot
              assert.deepStrictEqual({ inFlight, queued }, { inFlight: 0, queued: 0 }, `bulkhead at step ${step}`)
            })
        })
        assert.isAbove(struck, 10)
      }
    }))
})

describe("the brute force itself", () => {
  it.effect("finds the leak of acquiring first and registering the release after", () =>
    Effect.gen(function*() {
      let held = 0
      let leaks = 0
      yield* interruptAtEveryStep({
        program: () =>
          Effect.andThen(
            Effect.sync(() => held++),
            Effect.ensuring(Effect.yieldNow, Effect.sync(() => held--))
          ),
        check: () =>
          Effect.sync(() => {
            leaks += held
            held = 0
          })
      })
      assert.isAbove(leaks, 0)
    }))
})

it.effect("twenty thousand callers interrupted at random leave all counters at zero", () =>
  Effect.gen(function*() {
    const breaker = yield* CircuitBreaker.make({ name: "model", halfOpen: { calls: 2 } })
    const bulkhead = yield* Bulkhead.make({ name: "model", concurrency: 5, queue: 50 })
    let seed = 1
    const draw = (n: number) => (seed = (seed * 48_271) % 2_147_483_647) % n
    for (let round = 0; round < 200; round++) {
      const fibers = yield* Effect.forEach(Array.from({ length: 100 }), () => {
        const work = [
          Effect.never,
          Effect.sleep(draw(50)),
          Effect.fail("bad"),
          Effect.yieldNow,
          Effect.succeed(1)
        ][draw(5)]!
        return Effect.forkChild(
          Effect.exit((work as Effect.Effect<unknown, string>).pipe(
            Deadline.attempt(1 + draw(100)),
            breaker.protect,
            bulkhead.protect
          )),
          { startImmediately: draw(2) === 0 }
        )
      })
      yield* TestClock.adjust(draw(20))
      for (const fiber of fibers) if (draw(3) === 0) fiber.interruptUnsafe()
      if (draw(10) === 0) yield* breaker.control.reset
      yield* TestClock.adjust("11 seconds")
      yield* Effect.forEach(fibers, Fiber.await)
      const { inFlight, queued } = yield* bulkhead.snapshot
      const { inFlight: calls } = yield* breaker.snapshot
      assert.deepStrictEqual({ inFlight, queued, calls }, { inFlight: 0, queued: 0, calls: 0 })
    }
  }))
