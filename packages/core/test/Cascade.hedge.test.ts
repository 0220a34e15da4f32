import {
  Attempts,
  Bulkhead,
  Cascade,
  CircuitBreaker,
  type Guard,
  Hedge,
  Pipeline,
  RateLimiter,
  Retry
} from "@switchgear/core"
import { VirtualClock } from "@switchgear/core/testing"
import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Fiber, Result, Schema } from "effect"
import { interruptAtEveryStep } from "./support/yieldAt.ts"
import { TestClock } from "effect/testing"

const play = <A, E>(program: Effect.Effect<A, E>) =>
  Effect.promise(() => Effect.runPromiseExit(VirtualClock.play(program))).pipe(
    Effect.flatMap((exit): Effect.Effect<A, E> => exit)
  )

const timed = <A, E, R>(self: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const begin = yield* Clock.currentTimeMillis
    const value = yield* self
    return [value, (yield* Clock.currentTimeMillis) - begin] as const
  })

const after = (millis: number, answer: string) => Effect.as(Effect.sleep(millis), answer)

const fixed = { name: "chain", delay: "1 second", budget: { ratio: 1, burst: 100 } } as const

const turn = Effect.map(Cascade.CurrentTurn, (turn) => turn?.isEarly)

const two = (
  hedge: Hedge.Hedge,
  first: Effect.Effect<string, string>,
  second: Effect.Effect<string, string>,
  options: Cascade.StepOptions<string> = {}
) => Cascade.run(Cascade.first("gpt", first, { hedge, ...options }).pipe(Cascade.orElse("claude", second, { hedge })))

const upTo = (maximum: number) => Schema.Int.check(Schema.isBetween({ minimum: 0, maximum }))
const Target = Schema.Struct({
  takes: upTo(9),
  ends: Schema.Literals(["answers", "fails", "hangs"]),
  overtakeAfter: upTo(9)
})
const Program = Schema.Struct({
  targets: Schema.Array(Target).check(Schema.isMinLength(2), Schema.isMaxLength(4)),
  delay: upTo(9),
  maxHedges: Schema.Literals([1, 2]),
  burst: Schema.Literals([1, 5])
})
type Program = typeof Program.Type

/** What came of a program: when it has ended and with what, who was asked when, and how many hedges there were. */
const course = ({ burst, delay, maxHedges, targets }: Program, hedged: "hedged" | "never" | "without") =>
  Effect.gen(function*() {
    const asked: Array<readonly [target: number, at: number]> = []
    let running = 0
    const hedge = yield* Hedge.make({
      name: "chain",
      delay: hedged === "hedged" ? delay * 1000 + 512 : "Infinity",
      maxHedges,
      budget: { ratio: 0.001, burst }
    })
    // No two moments are equal.
    const call = ({ ends, takes }: typeof Target.Type, i: number) =>
      Effect.gen(function*() {
        asked.push([i, yield* Clock.currentTimeMillis])
        running++
        yield* ends === "hangs" ? Effect.never : Effect.sleep(takes * 1000 + 2 ** i)
        return ends === "fails" ? yield* Effect.fail("503") : `answered by ${i}`
      }).pipe(Effect.ensuring(Effect.sync(() => running--)))
    const options = ({ overtakeAfter }: typeof Target.Type, i: number): Cascade.StepOptions<string> => ({
      ...hedged !== "without" && { hedge },
      overtakeAfter: overtakeAfter === 9 ? "Infinity" : overtakeAfter * 1000 + 2 ** (i + 4)
    })
    const [first, ...others] = targets
    const chain = others.reduce(
      (chain, target, i) => Cascade.orElse(`${i + 1}`, call(target, i + 1), options(target, i + 1))(chain),
      Cascade.first("0", call(first!, 0), options(first!, 0)) as Cascade.Cascade<string, string, never, never>
    )
    const fiber = yield* Effect.forkChild(Effect.result(timed(Cascade.run(chain))))
    yield* Effect.sleep("10 minutes")
    const result = fiber.pollUnsafe()
    yield* Fiber.interrupt(fiber)
    assert.strictEqual(running, 0)
    const end = result === undefined || result._tag === "Failure"
      ? undefined
      : Result.isSuccess(result.value)
      ? { by: result.value.success[0].value, at: result.value.success[1] }
      : "exhausted"
    return { asked, end, hedges: (yield* hedge.snapshot).hedges }
  })

describe("a cascade with a hedge", () => {
  it.effect.prop(
    "asks each target once and in order, is answered no later than without, and with an infinite delay is the same",
    { program: Program },
    ({ program }) =>
      Effect.gen(function*() {
        const without = yield* play(course(program, "without"))
        assert.deepStrictEqual(yield* play(course(program, "never")), without)
        const hedged = yield* play(course(program, "hedged"))
        assert.deepStrictEqual(hedged.asked.map(([target]) => target), hedged.asked.map((_, i) => i))
        assert.isAtMost(hedged.hedges, Math.min(program.burst, program.maxHedges))
        // Nobody is asked later than without, and nobody is left out who could answer.
        for (const [target, at] of hedged.asked) {
          const before = without.asked.find(([other]) => other === target)
          if (before !== undefined) assert.isAtMost(at, before[1])
        }
        if (typeof without.end === "object") {
          assert.isTrue(typeof hedged.end === "object" && hedged.end.at <= without.end.at, JSON.stringify(hedged))
        } else if (without.end === "exhausted") assert.strictEqual(hedged.end, "exhausted")
      }),
    { arbitrary: { runs: 300 }, timeout: 60_000 }
  )

  it.effect("asks the next step as well when one is slow, and the first that answers wins", () =>
    play(Effect.gen(function*() {
      const hedge = yield* Hedge.make(fixed)
      const [served, millis] = yield* timed(two(hedge, after(9000, "a"), after(500, "b")))
      assert.deepStrictEqual([served.step, served.degradation, millis], ["claude", "fallback", 1500])
      assert.strictEqual((yield* two(hedge, after(1200, "a"), after(5000, "b"))).step, "gpt")
      assert.strictEqual((yield* two(hedge, after(900, "a"), Effect.die("not asked"))).step, "gpt")
      const { hedges, lost, primaries, won } = yield* hedge.snapshot
      assert.deepStrictEqual({ hedges, lost, primaries, won }, { hedges: 2, lost: 1, primaries: 3, won: 1 })
    })))

  it.effect("moves on after a failure as without one, and a failed hedge leaves the first step its time", () =>
    play(Effect.gen(function*() {
      const hedge = yield* Hedge.make(fixed)
      const failing = two(hedge, Effect.delay(Effect.fail("503"), 500), after(100, "b"))
      const [served, millis] = yield* timed(failing)
      assert.deepStrictEqual([served.step, millis, (yield* hedge.snapshot).hedges], ["claude", 600, 0])
      const [first, at] = yield* timed(two(hedge, after(4000, "a"), Effect.fail("503")))
      assert.deepStrictEqual([first.step, at, first.failures.length], ["gpt", 4000, 1])
      const none = yield* Effect.flip(two(hedge, Effect.delay(Effect.fail("503"), 4000), Effect.fail("502")))
      assert.deepStrictEqual((none as Cascade.CascadeExhausted<string>).failures.map(({ step }) => step).sort(), [
        "claude",
        "gpt"
      ])
      assert.strictEqual((yield* hedge.snapshot).lost, 2)
    })))

  it.effect("is early until the step before has had its time, or has failed; then its turn has come", () =>
    play(Effect.gen(function*() {
      const hedge = yield* Hedge.make(fixed)
      const told: Array<boolean | undefined> = []
      const watching = Effect.repeat(
        Effect.andThen(Effect.sleep(500), Effect.flatMap(turn, (is) => Effect.sync(() => told.push(is)))),
        { times: 5 }
      )
      const served = two(hedge, Effect.never, Effect.as(watching, "b"), { overtakeAfter: 3200 })
      assert.deepStrictEqual((yield* timed(served))[1], 4000)
      assert.deepStrictEqual(told, [true, true, true, true, false, false])
      told.length = 0
      yield* two(hedge, Effect.delay(Effect.fail("503"), 2100), Effect.as(watching, "b"))
      assert.deepStrictEqual(told, [true, true, false, false, false, false])
    })))

  it.effect("gives the third step its time from the turn of the second, whichever way that was asked", () =>
    play(Effect.gen(function*() {
      const hedge = yield* Hedge.make({ ...fixed, maxHedges: 1 })
      const chain = Cascade.first("a", Effect.never, { hedge, overtakeAfter: "3 seconds" }).pipe(
        Cascade.orElse("b", Effect.never, { hedge, overtakeAfter: "2 seconds" }),
        Cascade.orElse("c", after(10, "c"))
      )
      const [{ step }, millis] = yield* timed(Cascade.run(chain))
      assert.deepStrictEqual([step, millis], ["c", 5010])
    })))

  it.effect("takes the delay from the times of the step, and asks nobody where the target speaks against it", () =>
    play(Effect.gen(function*() {
      const hedge = yield* Hedge.make({ name: "chain", delay: { quantile: 0.95 } })
      for (let i = 0; i < 20; i++) yield* two(hedge, after(1000, "a"), Effect.never)
      const known = yield* hedge.snapshot
      assert.deepStrictEqual([known.notStarted.samples, known.classes.map((of) => of.class)], [20, ["gpt"]])
      assert.deepStrictEqual((yield* timed(two(hedge, after(9000, "a"), after(10, "b"))))[1], 1010)
      const breaker = yield* CircuitBreaker.make({ name: "claude" })
      yield* breaker.control.forceOpen
      const chain = Cascade.first("gpt", after(9000, "a"), { hedge }).pipe(
        Cascade.orElse("claude", after(10, "b"), { hedge, target: { breaker } })
      )
      assert.strictEqual((yield* Cascade.run(chain)).step, "gpt")
      assert.strictEqual((yield* hedge.snapshot).notStarted.circuit, 1)
      const full = yield* Bulkhead.make({ name: "claude", concurrency: 1 })
      yield* Effect.forkChild(full.protect(Effect.never), { startImmediately: true })
      yield* two(
        hedge,
        after(9000, "a"),
        Effect.catchTag(full.protect(after(1, "b")), "BulkheadFull", (error) => Effect.fail(error as never))
      )
      const { hedges, lost, notStarted } = yield* hedge.snapshot
      assert.deepStrictEqual([hedges, lost, notStarted.refused], [1, 0, 1])
    })))

  it.effect("that finds no slot or no turn at the next step does not wait, and that step is asked in its turn as if it had not been", () =>
    play(Effect.gen(function*() {
      const hedge = yield* Hedge.make(fixed)
      const bulkhead = yield* Bulkhead.make({ name: "claude", concurrency: 1, queue: 10, maxWait: "1 minute" })
      const rateLimiter = yield* RateLimiter.make({
        name: "claude",
        limits: [RateLimiter.requests(1, "8 seconds")],
        maxWait: "1 minute"
      })
      const guards: ReadonlyArray<Guard.Guard<Bulkhead.BulkheadFull | RateLimiter.RateLimited>> = [
        bulkhead,
        rateLimiter
      ]
      for (const { protect } of guards) {
        yield* Effect.forkChild(protect(Effect.sleep("8 seconds")), { startImmediately: true })
        const begin = yield* Clock.currentTimeMillis
        const run = Cascade.run(
          Cascade.first("gpt", Effect.delay(Effect.fail("503"), 2000), { hedge }).pipe(
            Cascade.orElse("claude", protect(after(10, "b")))
          )
        )
        const fiber = yield* Effect.forkChild(timed(Attempts.within(2)(run)), { startImmediately: true })
        yield* Effect.sleep(1500)
        assert.deepStrictEqual([(yield* bulkhead.snapshot).queued, (yield* rateLimiter.snapshot).waiting], [0, 0])
        const [served] = yield* Fiber.join(fiber)
        assert.deepStrictEqual([served.step, served.failures.length], ["claude", 1])
        assert.isAtLeast((yield* Clock.currentTimeMillis) - begin, 8000)
      }
      const { budget, hedges, lost, notStarted } = yield* hedge.snapshot
      assert.deepStrictEqual([budget, hedges, lost, notStarted.refused], [100, 0, 0, 2])
    })))

  it.effect("has begun when a guard refuses its retry: it costs what it has cost", () =>
    play(Effect.gen(function*() {
      const hedge = yield* Hedge.make({ ...fixed, budget: { ratio: 0.5, burst: 1 } })
      const breaker = yield* CircuitBreaker.make({ name: "claude", minimumCalls: 1 })
      const retry = yield* Retry.make({ maxAttempts: 2, baseDelay: 10, jitter: "none" })
      const claude = yield* Pipeline.make({ breaker, retry })
      const served = yield* two(
        hedge,
        after(4000, "a"),
        claude.protect(Effect.fail("503")) as Effect.Effect<string, string>
      )
      assert.strictEqual(served.step, "gpt")
      const { budget, hedges, lost, notStarted } = yield* hedge.snapshot
      assert.deepStrictEqual([budget, hedges, lost, notStarted.refused], [0, 1, 1, 0])
    })))

  it.effect("asks nobody, and takes nothing from the budget, once a target has failed with an error that does not move on", () =>
    play(Effect.gen(function*() {
      const hedge = yield* Hedge.make({ ...fixed, delay: "3 seconds" })
      const bad = Effect.delay(Effect.fail("bad"), 1500)
      const chain = Cascade.first("a", bad, { hedge, overtakeAfter: "1 second", when: (error) => error !== "bad" })
        .pipe(
          Cascade.orElse("b", after(9000, "b"), { hedge }),
          Cascade.orElse("c", after(10, "c"), { hedge })
        )
      assert.strictEqual((yield* Cascade.run(chain)).step, "b")
      const { budget, hedges, lost } = yield* hedge.snapshot
      assert.deepStrictEqual([budget, hedges, lost], [100, 0, 0])
    })))

  it.effect("is that of the step that is slow, also where it was asked beside a step with another one or none", () =>
    play(Effect.gen(function*() {
      const hedge = yield* Hedge.make(fixed)
      const other = yield* Hedge.make({ ...fixed, name: "other", delay: "2 seconds" })
      for (const options of [{}, { hedge: other }]) {
        const chain = Cascade.first("a", Effect.never, { ...options, overtakeAfter: "1 second" }).pipe(
          Cascade.orElse("b", Effect.never, { hedge }),
          Cascade.orElse("c", after(10, "c"))
        )
        assert.deepStrictEqual((yield* timed(Cascade.run(chain)))[1], 2010)
      }
      const { hedges, won } = yield* hedge.snapshot
      assert.deepStrictEqual([hedges, won, (yield* other.snapshot).hedges], [2, 2, 0])
    })))

  it.effect("spends an attempt, and is not started without one", () =>
    play(Effect.gen(function*() {
      const hedge = yield* Hedge.make(fixed)
      const run = Attempts.within(1)(two(hedge, after(4000, "a"), after(1, "b")))
      assert.strictEqual((yield* run).step, "gpt")
      assert.strictEqual((yield* hedge.snapshot).notStarted.attempts, 1)
    })))

  it.effect("leaves nothing running after an interrupt at any step", () =>
    Effect.gen(function*() {
      let running = 0
      const target = (work: Effect.Effect<string>) =>
        Effect.acquireUseRelease(Effect.sync(() => running++), () => work, () => Effect.sync(() => running--))
      const struck = yield* interruptAtEveryStep({
        program: () =>
          Effect.gen(function*() {
            const hedge = yield* Hedge.make({ ...fixed, delay: "1 millis" })
            const run = two(hedge, target(Effect.never), target(Effect.as(Effect.sleep("1 millis"), "b")), {
              overtakeAfter: "2 millis"
            })
            yield* Effect.all([run, Effect.repeat(TestClock.adjust("1 millis"), { times: 3 })], { concurrency: 2 })
          }),
        check: (_, step) => Effect.sync(() => assert.strictEqual(running, 0, `at step ${step}`))
      })
      assert.isAbove(struck, 20)
    }))
})
