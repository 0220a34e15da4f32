import { AdaptiveThrottle, CircuitBreaker, Outcome, Pipeline, Registry, Retry } from "@switchgear/core"
import { VirtualClock } from "@switchgear/core/testing"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Random } from "effect"
import { TestClock } from "effect/testing"
import { actual, expected, Program } from "./adaptiveThrottle/model.ts"
import { interruptAtEveryStep } from "./support/yieldAt.ts"

describe("an adaptive throttle", () => {
  it.effect.prop(
    "rejects as the rule says: nothing while enough is answered or too little is known, never more than the most",
    { program: Program },
    ({ program }) =>
      Effect.gen(function*() {
        const seen = yield* Effect.promise(() => Effect.runPromise(VirtualClock.play(actual(program))))
        assert.deepStrictEqual(seen, expected(program))
        for (const rate of seen.rates) assert.isAtMost(rate, program.maxRejectionRate)
      }),
    { arbitrary: { runs: 400 }, timeout: 60_000 }
  )

  const load = (throttle: AdaptiveThrottle.AdaptiveThrottle, call: Effect.Effect<unknown, unknown>, seconds: number) =>
    Effect.gen(function*() {
      let rejected = 0
      for (let i = 0; i < 20 * seconds; i++) {
        const exit = yield* Effect.exit(throttle.protect(call))
        if (Exit.isFailure(exit) && Outcome.isRejected(exit)) rejected++
        yield* Effect.sleep(50)
      }
      return rejected
    })

  for (
    const [windowSeconds, factor, maxRejectionRate] of [[10, 2, 0.9], [10, 1.25, 0.9], [5, 2, 0.95]] as const
  ) {
    it.effect(`admits everything again within window * ln(1 / (1 - max)) / ln(factor) and a window: ${windowSeconds} s, ${factor}, ${maxRejectionRate}`, () =>
      Effect.promise(() =>
        Effect.runPromise(VirtualClock.play(
          Effect.gen(function*() {
            const throttle = yield* AdaptiveThrottle.make({
              name: "model",
              window: windowSeconds * 1000,
              factor,
              maxRejectionRate
            })
            yield* load(throttle, Effect.fail("503"), 120)
            assert.closeTo((yield* throttle.snapshot).rejectionRate, maxRejectionRate, 0.01)
            const recovery = windowSeconds * (Math.log(1 / (1 - maxRejectionRate)) / Math.log(factor) + 1)
            yield* load(throttle, Effect.void, Math.ceil(recovery))
            assert.strictEqual((yield* throttle.snapshot).rejectionRate, 0)
            assert.strictEqual(yield* load(throttle, Effect.void, 10), 0)
          }).pipe(Random.withSeed("recovery"))
        ))
      ))
  }

  it.effect("goes the same way again with the same seed", () =>
    Effect.gen(function*() {
      const run = (seed: string) =>
        Effect.promise(() =>
          Effect.runPromise(VirtualClock.play(
            Effect.gen(function*() {
              const throttle = yield* AdaptiveThrottle.make({ name: "model" })
              let admitted = ""
              const call = throttle.protect(Effect.fail("503")).pipe(
                Effect.exit,
                Effect.tap((exit) => Effect.sync(() => admitted += Outcome.isRejected(exit) ? "-" : "+"))
              )
              yield* Effect.repeat(Effect.andThen(Effect.sleep(50), call), { times: 300 })
              return admitted
            }).pipe(Random.withSeed(seed))
          ))
        )
      assert.strictEqual(yield* run("a"), yield* run("a"))
      assert.notStrictEqual(yield* run("a"), yield* run("b"))
    }))

  const tripped = Effect.fnUntraced(function*(options: Partial<AdaptiveThrottle.Options> = {}) {
    const throttle = yield* AdaptiveThrottle.make({ name: "model", minimumCalls: 5, ...options })
    yield* Effect.repeat(Effect.exit(throttle.protect(Effect.fail("503"))), { times: 4 })
    return throttle
  })
  const rejecting = Effect.provideService(Random.Random, { nextDoubleUnsafe: () => 0, nextIntUnsafe: () => 0 })

  it.effect("rejects with an error that says how much is rejected, and is a rejection to guards, retry and HTTP", () =>
    Effect.gen(function*() {
      const throttle = yield* tripped()
      const error = yield* Effect.flip(rejecting(throttle.protect(Effect.void)))
      assert.instanceOf(error, AdaptiveThrottle.Throttled)
      assert.deepStrictEqual([error.throttle, error.rejectionRate], ["model", 5 / 6])
      assert.isTrue(Outcome.isRejection(error))
      assert.isTrue(Outcome.isRetryable(error))
      assert.strictEqual(error.blame, "provider")
      const { body, status } = error.toResponse()
      assert.deepStrictEqual([status, JSON.parse(body).error.code], [503, "throttled"])
      assert.include(error.message, "83 %")
      assert.strictEqual((yield* throttle.snapshot).rejected, 1)
    }))

  it.effect("in a pipeline stands around each attempt: a rejection takes nothing of the guards inside", () =>
    Effect.gen(function*() {
      const throttle = yield* tripped()
      const breaker = yield* CircuitBreaker.make({ name: "model" })
      const retry = yield* Retry.make({ maxAttempts: 3, baseDelay: 0 })
      const pipeline = yield* Pipeline.make({ retry, breaker, guards: { perAttempt: throttle } })
      assert.instanceOf(yield* Effect.flip(rejecting(pipeline.protect(Effect.void))), AdaptiveThrottle.Throttled)
      const { totals } = yield* breaker.snapshot
      assert.deepStrictEqual([totals.successes, totals.failures, totals.ignored], [0, 0, 0])
      const { requests } = yield* throttle.snapshot
      yield* Effect.exit(rejecting(pipeline.protect(Effect.void)))
      assert.strictEqual((yield* throttle.snapshot).requests, requests + 1)
    }))

  it.effect("counts a call as its judge says, and by the default where that throws or answers nothing", () =>
    Effect.gen(function*() {
      const throttle = yield* AdaptiveThrottle.make({ name: "model" })
      const judged = (classify: (exit: Exit.Exit<unknown, unknown>) => Outcome.Outcome) =>
        Effect.gen(function*() {
          const before = yield* throttle.snapshot
          yield* Effect.exit(Effect.fail("503").pipe(throttle.protectWith({ classify })))
          const { accepts, requests } = yield* throttle.snapshot
          return [requests - before.requests, accepts - before.accepts]
        })
      assert.deepStrictEqual(yield* judged(() => Outcome.success), [1, 1])
      assert.deepStrictEqual(yield* judged(() => Outcome.ignored), [0, 0])
      assert.deepStrictEqual(yield* judged(() => Outcome.tripFor("1 minute")), [1, 0])
      assert.deepStrictEqual(yield* judged(() => undefined as never), [1, 0])
      assert.deepStrictEqual(
        yield* judged(() => {
          throw new Error("no")
        }),
        [1, 0]
      )
    }))

  it.effect("an interrupt at any step counts a call at most once, and one that was interrupted not at all", () =>
    Effect.gen(function*() {
      const throttle = yield* AdaptiveThrottle.make({ name: "model", window: "1 hour" })
      let before = 0
      const struck = yield* interruptAtEveryStep({
        program: () => throttle.protect(Effect.andThen(Effect.yieldNow, Effect.fail("503"))),
        check: (exit, step) =>
          Effect.map(throttle.snapshot, ({ requests }) => {
            assert.isAtMost(requests - before, 1, `at step ${step}`)
            if (Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause)) assert.isAtMost(requests - before, 1)
            before = requests
          })
      })
      assert.isAbove(struck, 3)
    }))

  it.effect("in the registry degrades health while it rejects, and no longer", () =>
    Effect.gen(function*() {
      yield* tripped()
      const { status } = yield* Registry.health
      assert.strictEqual(status, "degraded")
      yield* TestClock.adjust("20 seconds")
      assert.strictEqual((yield* Registry.health).status, "up")
    }).pipe(Effect.scoped, Effect.provide(Registry.layer())))
})
