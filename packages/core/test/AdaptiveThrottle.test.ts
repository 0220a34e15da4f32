import { AdaptiveThrottle, Bulkhead, CircuitBreaker, Outcome, Pipeline, Registry, Retry } from "@switchgear/core"
import { VirtualClock } from "@switchgear/core/testing"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Random, Schema } from "effect"
import { TestClock } from "effect/testing"
import { interruptAtEveryStep } from "./support/yieldAt.ts"

const upTo = (maximum: number) => Schema.Int.check(Schema.isBetween({ minimum: 0, maximum }))

const Step = Schema.Struct({
  /** Time before it begins, and until it ends, in tenths of the window. */
  after: Schema.Literals([0, 0, 0, 1, 2, 5, 12]),
  takes: Schema.Literals([0, 0, 1, 4]),
  ends: Schema.Literals(["answers", "answers", "fails", "fails", "fails", "is interrupted", "is refused further in"]),
  draw: Schema.Literals([0, 0.2, 0.4, 0.6, 0.8, 0.95, 1 - 2 ** -53])
})
const Program = Schema.Struct({
  factor: Schema.Literals([1, 1.25, 2, 4]),
  minimumCalls: upTo(6),
  maxRejectionRate: Schema.Literals([0.3, 0.9, 0.99]),
  countRejections: Schema.Boolean,
  steps: Schema.Array(Step).check(Schema.isMinLength(1), Schema.isMaxLength(40))
})
type Program = typeof Program.Type

const tenth = 100
const window = 10 * tenth
/** A slice of the window, by which a call may leave it early. */
const slice = window / 100

interface Seen {
  readonly rates: ReadonlyArray<number>
  readonly admitted: ReadonlyArray<boolean>
}

/** The rule, over a list of everything that counts. */
const expected = ({ countRejections, factor, maxRejectionRate, minimumCalls, steps }: Program): Seen => {
  const counted: Array<{ readonly at: number; readonly kind: "answered" | "failed" | "rejected" }> = []
  const rates: Array<number> = []
  const admitted: Array<boolean> = []
  let now = 0
  for (const { after, draw, ends, takes } of steps) {
    now += after * tenth
    const begin = Math.floor(now / slice) - 100
    const inside = counted.filter(({ at }) => at <= now && Math.floor(at / slice) > begin)
    const requests = inside.length
    const accepts = inside.filter(({ kind }) => kind === "answered").length
    const real = inside.filter(({ kind }) => kind !== "rejected").length
    const rate = real < minimumCalls
      ? 0
      : Math.min(maxRejectionRate, Math.max(0, (requests - factor * accepts) / (requests + 1)))
    rates.push(rate)
    admitted.push(!(draw < rate))
    if (draw < rate) {
      if (countRejections) counted.push({ at: now, kind: "rejected" })
    } else if (ends === "answers" || ends === "fails") {
      counted.push({ at: now + takes * tenth, kind: ends === "answers" ? "answered" : "failed" })
    }
  }
  return { admitted, rates }
}

const actual = ({ steps, ...options }: Program): Effect.Effect<Seen> =>
  Effect.gen(function*() {
    const throttle = yield* AdaptiveThrottle.make({ name: "model", window, ...options })
    const closed = yield* Bulkhead.make({ name: "full", concurrency: 1 })
    yield* Effect.forkChild(closed.protect(Effect.never), { startImmediately: true })
    const rates: Array<number> = []
    const admitted: Array<boolean> = []
    const ends = {
      answers: Effect.void,
      fails: Effect.fail("503"),
      "is interrupted": Effect.interrupt,
      "is refused further in": closed.protect(Effect.void)
    }
    for (const step of steps) {
      if (step.after > 0) yield* Effect.sleep(step.after * tenth)
      // What ends in this moment has ended before.
      yield* Effect.yieldNow
      yield* Effect.yieldNow
      rates.push((yield* throttle.snapshot).rejectionRate)
      let isAdmitted = true
      const isRefused = step.ends === "is refused further in"
      const work = isRefused ? ends[step.ends] : Effect.andThen(
        step.takes === 0 ? Effect.void : Effect.sleep(step.takes * tenth),
        ends[step.ends]
      )
      const call = throttle.protect<void, string | Bulkhead.BulkheadFull, never>(work).pipe(
        Effect.catchTag("Throttled", () => Effect.sync(() => isAdmitted = false)),
        Effect.exit,
        Effect.provideService(Random.Random, { nextDoubleUnsafe: () => step.draw, nextIntUnsafe: () => 0 })
      )
      yield* Effect.forkChild(call, { startImmediately: true })
      admitted.push(isAdmitted)
    }
    return { admitted, rates }
  })

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
