/**
 * No interrupt at any step of any guard leaks what the guard holds. Every program is run once for each of its steps,
 * with a scheduler that yields there, and interrupted at that step; afterwards all counters must be back at zero.
 */
import {
  AdaptiveThrottle,
  Attempts,
  Bulkhead,
  Cascade,
  CircuitBreaker,
  ConcurrencyLimit,
  Deadline,
  Hedge,
  Pipeline,
  RateLimiter,
  Retry,
  RetryBudget,
  StaleCache,
  type StaleCacheStore
} from "@switchgear/core"
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

/** A store that takes a step for everything. */
const storeInMemory = (): StaleCacheStore.StaleCacheStore<number> => {
  const kept = new Map<string, StaleCacheStore.Stored<number>>()
  const soon = <A>(step: () => A) => Effect.andThen(Effect.yieldNow, Effect.sync(step))
  return {
    get: (key) => soon(() => kept.get(key)),
    set: (key, stored) => soon(() => void kept.set(key, stored)),
    remove: (key) => soon(() => void kept.delete(key)),
    clear: soon(() => kept.clear())
  }
}

const idle = { calls: 0, inFlight: 0, queued: 0, waiting: 0 }

const stackOfAll = Effect.gen(function*() {
  const parts = {
    deadline: "1 hour",
    retry: yield* Retry.make({ maxAttempts: 2, baseDelay: 10, jitter: "none" }),
    rateLimiter: yield* RateLimiter.make({
      name: "model",
      limits: [RateLimiter.requests(2, 100)],
      maxWait: "1 second"
    }),
    bulkhead: yield* Bulkhead.make({ name: "model", concurrency: 1, queue: 1 }),
    breaker: yield* CircuitBreaker.make({
      name: "model",
      minimumCalls: 3,
      halfOpen: { calls: 1, maxWait: "Infinity" }
    }),
    attemptTimeout: "1 minute"
  } as const
  return { ...parts, pipeline: yield* Pipeline.make(parts) }
})
type Stack = Effect.Success<typeof stackOfAll>

/** Fails the first time. */
const flaky = <A, E>(work: Effect.Effect<A, E>): Effect.Effect<A, E | string> => {
  let attempts = 0
  return Effect.suspend((): Effect.Effect<A, E | string> => attempts++ === 0 ? Effect.fail("blip") : work)
}

const meanwhile = (work: Effect.Effect<unknown, unknown>) => Effect.forkChild(work, { startImmediately: true })
const later = (millis: number) => meanwhile(Effect.andThen(Effect.yieldNow, TestClock.adjust(millis)))

const situations: { readonly [situation: string]: (stack: Stack) => Effect.Effect<unknown, unknown> } = {
  "with room for": () => Effect.void,
  "in whose limiter there waits": ({ rateLimiter }) =>
    Effect.andThen(Effect.exit(rateLimiter.protectWith({ costs: { requests: 2 } })(Effect.void)), later(50)),
  "in whose bulkhead there waits": ({ bulkhead }) => meanwhile(bulkhead.protect(Effect.yieldNow)),
  "whose only probe is": ({ breaker }) =>
    Effect.andThen(breaker.control.trip("1 millis"), TestClock.adjust("1 millis")),
  "that waits to try again": () => later(10)
}

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
        assert.isAtLeast(struck, 2)
      }))

    it.effect(`a half-open circuit around work ${name}: its probe is free again`, () =>
      Effect.gen(function*() {
        let looked = 0
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
              looked++
              const exit = yield* Effect.exit(probed.protect(Effect.void))
              assert.isTrue(Exit.isSuccess(exit), `at step ${step}`)
              assert.strictEqual((yield* probed.snapshot).inFlight, 0, `at step ${step}`)
            })
        })
        assert.isAbove(struck, 5)
        assert.isAbove(looked, 2)
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
        assert.isAtLeast(struck, 2)
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

    it.effect(`a concurrency limit around work ${name}: its slot is free, its limit where it was, its context undone`, () =>
      Effect.gen(function*() {
        const limit = yield* ConcurrencyLimit.make({ name: "model", algorithm: "gradient", initial: 4, window: 1 })
        const { protect } = yield* Pipeline.make({ bulkhead: limit })
        const marked = Effect.andThen(ConcurrencyLimit.firstToken, work)
        for (const guarded of [limit.protect(marked), protect(marked), limit.protect(protect(marked))]) {
          let left: unknown
          const struck = yield* interruptAtEveryStep({
            program: () =>
              Effect.gen(function*() {
                const before = yield* Effect.context<never>()
                left = "not yet"
                // The fiber goes on, so that what the call has left behind would be seen.
                yield* Effect.exit(guarded).pipe(Effect.ensuring(Effect.sync(() => {
                  left = Fiber.getCurrent()!.context === before ? "undone" : "left behind"
                })))
              }),
            check: (_, step) =>
              Effect.map(limit.snapshot, ({ concurrency, drops, inFlight, queued }) => {
                assert.deepStrictEqual(
                  { concurrency, drops, inFlight, queued },
                  { concurrency: 4, drops: 0, inFlight: 0, queued: 0 },
                  `at step ${step}`
                )
                assert.notStrictEqual(left, "left behind", `at step ${step}`)
              })
          })
          assert.isAtLeast(struck, 2)
        }
      }))

    it.effect(`a full concurrency limit in whose queue work ${name} waits`, () =>
      Effect.gen(function*() {
        const limit = yield* ConcurrencyLimit.make({ name: "model", max: 1, queue: 1, maxWait: "1 hour" })
        const struck = yield* interruptAtEveryStep({
          program: () =>
            Effect.gen(function*() {
              yield* Effect.forkChild(limit.protect(Effect.yieldNow), { startImmediately: true })
              return yield* limit.protect(work)
            }),
          check: (_, step) =>
            Effect.map(limit.snapshot, ({ inFlight, queued }) =>
              assert.deepStrictEqual({ inFlight, queued }, { inFlight: 0, queued: 0 }, `at step ${step}`))
        })
        assert.isAbove(struck, 5)
      }))

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
              const again = Retry.retry({ maxAttempts: 2, baseDelay: "1 millis" })
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

    const limits = {
      within: Deadline.within("1 hour"),
      attempt: Deadline.attempt("1 hour"),
      timeoutOrElse: Deadline.timeoutOrElse({ duration: "1 hour", orElse: () => Effect.fail("late") })
    }
    for (const [kind, limit] of Object.entries(limits)) {
      it.effect(`a deadline (${kind}) around work ${name}: nothing runs on`, () =>
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

    it.effect(`a circuit of a family around work ${name}`, () =>
      Effect.gen(function*() {
        const family = yield* CircuitBreaker.Family.make({ name: "model", capacity: 1, minimumCalls: 100 })
        const struck = yield* interruptAtEveryStep({
          // The first circuit is forgotten while it is in use.
          program: () => work.pipe(family.protect("a"), family.protect("b")),
          check: (_, step) =>
            Effect.map(family.snapshot, ({ inFlight }) => assert.strictEqual(inFlight, 0, `at step ${step}`))
        })
        assert.isAtLeast(struck, 2)
      }))

    it.effect(`a limiter with room for work ${name}: what is taken is what was begun`, () =>
      Effect.gen(function*() {
        const limiter = yield* RateLimiter.make({ name: "model", limits: [RateLimiter.tokens(10_000, "1 hour")] })
        let begun = 0
        const watched = Effect.suspend(() => (begun++, work))
        const struck = yield* interruptAtEveryStep({
          program: () => watched.pipe(limiter.protectWith({ costs: { tokens: 5 } })),
          check: (_, step) =>
            Effect.map(limiter.snapshot, ({ admitted, limits, waiting }) => {
              assert.strictEqual(waiting, 0, `at step ${step}`)
              assert.strictEqual(limits[0]!.available, 10_000 - 5 * admitted, `at step ${step}`)
              assert.isAtMost(begun, admitted, `at step ${step}`)
              assert.isAtMost(admitted - begun, 1, `at step ${step}`)
              begun = admitted
            })
        })
        assert.isAbove(struck, 2)
      }))

    it.effect(`a limiter in which work ${name} waits for its turn: the place is given back`, () =>
      Effect.gen(function*() {
        for (const kind of ["token-bucket", "sliding-window"] as const) {
          let limiter: RateLimiter.RateLimiter | undefined
          let reservation: RateLimiter.Reservation | undefined
          let begun = 0
          const struck = yield* interruptAtEveryStep({
            program: () =>
              Effect.gen(function*() {
                begun = 0
                reservation = undefined
                const limits = [RateLimiter.tokens(10, "1 hour", { kind })]
                limiter = yield* RateLimiter.make({ name: "model", limits, maxWait: "Infinity" })
                yield* Effect.map(limiter.reserve({ tokens: 10 }), (taken) => void (reservation = taken))
                yield* Effect.forkChild(Effect.andThen(Effect.yieldNow, reservation!.refund), {
                  startImmediately: true
                })
                return yield* Effect.suspend(() => (begun++, work)).pipe(limiter.protectWith({ costs: { tokens: 5 } }))
              }),
            check: (_, step) =>
              Effect.gen(function*() {
                if (limiter === undefined || reservation === undefined) return
                assert.strictEqual((yield* limiter.snapshot).waiting, 0, `at step ${step}`)
                yield* reservation.refund
                const { admitted, limits } = yield* limiter.snapshot
                const taken = 10 - limits[0]!.available
                // Whoever has been told to go on may be struck before it has begun.
                assert.oneOf(taken, begun === 1 ? [5] : admitted === 2 ? [0, 5] : [0], `at step ${step}`)
              })
          })
          assert.isAbove(struck, 10)
        }
      }))

    it.effect(`a reservation around work ${name}: it is settled or given back`, () =>
      Effect.gen(function*() {
        const limiter = yield* RateLimiter.make({ name: "model", limits: [RateLimiter.tokens(10, "1 hour")] })
        const struck = yield* interruptAtEveryStep({
          program: () => Effect.acquireUseRelease(limiter.reserve({ tokens: 10 }), () => work, ({ refund }) => refund),
          check: (_, step) =>
            Effect.map(
              limiter.snapshot,
              ({ limits }) => assert.strictEqual(limits[0]!.available, 10, `at step ${step}`)
            )
        })
        assert.isAbove(struck, 2)
      }))

    for (const [situation, prepare] of Object.entries(situations)) {
      it.effect(`a pipeline ${situation} work ${name}`, () =>
        Effect.gen(function*() {
          let made: Stack | undefined
          const struck = yield* interruptAtEveryStep({
            program: () =>
              Effect.gen(function*() {
                made = undefined
                const stack = yield* stackOfAll
                made = stack
                yield* prepare(stack)
                return yield* stack.pipeline.protect(situation === "that waits to try again" ? flaky(work) : work)
              }),
            check: (_, step) =>
              Effect.gen(function*() {
                if (made === undefined) return
                const { breaker, bulkhead, rateLimiter, pipeline } = made
                // Whoever else was there is a child of the struck fiber and has ended with it.
                const { inFlight, queued } = yield* bulkhead.snapshot
                const { waiting } = yield* rateLimiter.snapshot
                const calls = (yield* breaker.snapshot).inFlight
                assert.deepStrictEqual({ calls, inFlight, queued, waiting }, idle, `at step ${step}`)
                if ((yield* breaker.state) === "Open") return
                yield* TestClock.adjust("1 minute")
                const exit = yield* Effect.exit(pipeline.protect(Effect.void))
                assert.isTrue(Exit.isSuccess(exit), `the next call at step ${step}`)
              })
          })
          assert.isAbove(struck, 10)
        }))
    }

    it.effect(`a throttle around work ${name}: a call counts at most once`, () =>
      Effect.gen(function*() {
        const throttle = yield* AdaptiveThrottle.make({ name: "model", minimumCalls: 1_000_000, window: "1 hour" })
        let before = 0
        const struck = yield* interruptAtEveryStep({
          program: () => throttle.protect(work),
          check: (_, step) =>
            Effect.map(throttle.snapshot, ({ requests }) => {
              assert.isAtMost(requests - before, 1, `at step ${step}`)
              before = requests
            })
        })
        assert.isAtLeast(struck, 2)
      }))

    for (const how of ["alone", "beside a backup", "in a pipeline"] as const) {
      it.effect(`a hedge ${how} around work ${name}: nothing runs on, and the budget is what its hedges have left`, () =>
        Effect.gen(function*() {
          let running = 0
          let hedge: Hedge.Hedge | undefined
          let bulkhead: Bulkhead.Bulkhead | undefined
          const watched = (work: Effect.Effect<number, string>) =>
            Effect.acquireUseRelease(Effect.sync(() => running++), () => work, () => Effect.sync(() => running--))
          const struck = yield* interruptAtEveryStep({
            program: () =>
              Effect.gen(function*() {
                hedge = bulkhead = undefined
                hedge = yield* Hedge.make({
                  name: "model",
                  delay: "1 millis",
                  maxHedges: 2,
                  budget: { burst: 2, ratio: 0.01 }
                })
                bulkhead = yield* Bulkhead.make({ name: "model", concurrency: 5 })
                const breaker = yield* CircuitBreaker.make({ name: "model" })
                let runs = 0
                const call = watched(
                  Effect.suspend(() => runs++ === 0 ? Effect.onInterrupt(Effect.never, () => Effect.yieldNow) : work)
                )
                const hedged = how === "alone"
                  ? hedge.protect(bulkhead.protect(call))
                  : how === "beside a backup"
                  ? hedge.protectWith({ backup: bulkhead.protect(call) })(bulkhead.protect(call))
                  : (yield* Pipeline.make({ hedge, bulkhead, breaker, deadline: "1 hour" })).protect(call)
                return yield* Effect.all([hedged, Effect.repeat(TestClock.adjust("1 millis"), { times: 3 })], {
                  concurrency: 2
                })
              }),
            check: (_, step) =>
              Effect.gen(function*() {
                assert.strictEqual(running, 0, `at step ${step}`)
                if (hedge === undefined || bulkhead === undefined) return
                assert.strictEqual((yield* bulkhead.snapshot).inFlight, 0, `at step ${step}`)
                const { budget, hedges } = yield* hedge.snapshot
                assert.strictEqual(budget, 2 - hedges, `at step ${step}`)
              })
          })
          assert.isAbove(struck, 20)
        }))
    }

    it.effect(`a cascade around work ${name}: an interrupt begins no further step`, () =>
      Effect.gen(function*() {
        let running = 0
        let interrupted = false
        let begunAfter = 0
        const watched = Effect.acquireUseRelease(
          Effect.sync(() => {
            running++
            if (interrupted) begunAfter++
          }),
          () => Effect.onInterrupt(work, () => Effect.sync(() => interrupted = true)),
          () => Effect.sync(() => running--)
        )
        const answer = Cascade.first("a", watched).pipe(
          Cascade.orElse("b", watched),
          Cascade.orLastGood("cache", Effect.as(Effect.yieldNow, undefined)),
          Cascade.orConstant("canned", 0)
        )
        const struck = yield* interruptAtEveryStep({
          program: () => Effect.suspend(() => (interrupted = false, Attempts.within(2)(Cascade.run(answer)))),
          check: (_, step) =>
            Effect.sync(() =>
              assert.deepStrictEqual({ begunAfter, running }, { begunAfter: 0, running: 0 }, `at step ${step}`)
            )
        })
        assert.isAbove(struck, 5)
      }))

    it.effect(`a cache with a store around work ${name}: the key is free again and the store in order`, () =>
      Effect.gen(function*() {
        let running = 0
        const watched = Effect.acquireUseRelease(
          Effect.sync(() => running++),
          () => work,
          () => Effect.sync(() => running--)
        )
        const store = storeInMemory()
        const cache = yield* StaleCache.make<number>({ name: "answers", timeToLive: 0, store })
        yield* interruptAtEveryStep({
          program: () => watched.pipe(cache.through("k")),
          check: (_, step) =>
            Effect.gen(function*() {
              assert.strictEqual(running, 0, `at step ${step}`)
              assert.strictEqual((yield* Effect.succeed(7).pipe(cache.through("k"))).value, 7, `at step ${step}`)
              // What is written arrives in the order of the writes, and reads that were given up leave nothing behind.
              yield* cache.set("k", step)
              assert.strictEqual((yield* Effect.orDie(store.get("k")))?.value, step, `at step ${step}`)
              assert.strictEqual((yield* cache.snapshot).storeFailures, 0, `at step ${step}`)
            })
        })
      }))
  }

  it.effect("a limiter whose caller is interrupted by another between its grant and its beginning", () =>
    Effect.gen(function*() {
      for (const kind of ["token-bucket", "sliding-window"] as const) {
        const limits = [RateLimiter.tokens(10, "1 hour", { kind })]
        const limiter = yield* RateLimiter.make({ name: "model", limits, maxWait: "Infinity" })
        const all = yield* limiter.reserve({ tokens: 10 })
        const call = (work: Effect.Effect<unknown>) => meanwhile(limiter.protectWith({ costs: { tokens: 5 } })(work))
        let begun = 0
        const first = yield* call(Effect.suspend(() => {
          second.interruptUnsafe()
          return Effect.void
        }))
        const second = yield* call(Effect.sync(() => begun++))
        yield* all.refund
        yield* TestClock.adjust(0)
        assert.isTrue(Exit.isSuccess(yield* Fiber.await(first)))
        assert.isTrue(Exit.isFailure(yield* Fiber.await(second)))
        assert.strictEqual(begun, 0)
        assert.strictEqual((yield* limiter.snapshot).limits[0]!.available, 5)
      }
    }))

  it.effect("the whole stack, composed", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ name: "model", minimumCalls: 100 })
      const bulkhead = yield* Bulkhead.make({ name: "model", concurrency: 2, queue: 2 })
      for (const work of Object.values(works)) {
        const guarded = (work as Effect.Effect<number, string>).pipe(
          Deadline.attempt("1 second"),
          breaker.protect,
          bulkhead.protect,
          Retry.retry({ maxAttempts: 2, baseDelay: "1 millis" })
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
        assert.isAbove(struck, 7)
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
