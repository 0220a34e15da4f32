/** A limit ends the call on whatever clock: one that stands still, goes back, has no need to wait, or is moved by the work itself. */
import { Bulkhead, Deadline, Pipeline } from "@switchgear/core"
import { assert, describe, it } from "@effect/vitest"
import { Clock, Duration, Effect, Fiber, Schema } from "effect"

/** A clock moved by hand, whose sleeps end in the very step in which it is moved. */
class HandClock implements Clock.Clock {
  private shown = 1_000_000
  private passed = 0
  private readonly sleeps = new Set<{ readonly until: number; readonly end: () => void }>()
  readonly currentTimeMillis = Effect.sync(() => this.currentTimeMillisUnsafe())
  readonly currentTimeNanos = Effect.sync(() => this.currentTimeNanosUnsafe())
  readonly monotonicTimeNanos = Effect.sync(() => this.monotonicTimeNanosUnsafe())

  currentTimeMillisUnsafe(): number {
    return this.shown
  }

  currentTimeNanosUnsafe(): bigint {
    return BigInt(this.shown) * 1_000_000n
  }

  monotonicTimeNanosUnsafe(): bigint {
    return this.currentTimeNanosUnsafe()
  }

  sleep(duration: Duration.Duration): Effect.Effect<void> {
    return Effect.callback((resume) => {
      const until = this.passed + Duration.toMillis(duration)
      if (until <= this.passed) return resume(Effect.void)
      const sleep = { until, end: () => resume(Effect.void) }
      this.sleeps.add(sleep)
      return Effect.sync(() => this.sleeps.delete(sleep))
    })
  }

  /** Ends the sleeps of so many milliseconds, and shows so many more than before. */
  pass(millis: number, shows = millis): void {
    this.passed += millis
    this.shown += shows
    for (const sleep of [...this.sleeps].sort((a, b) => a.until - b.until)) {
      if (sleep.until <= this.passed && this.sleeps.delete(sleep)) sleep.end()
    }
  }
}

const hang: Effect.Effect<string> = Effect.never

const run = <A, E>(self: Effect.Effect<A, E>, clock: Clock.Clock): Fiber.Fiber<unknown, unknown> =>
  Effect.runFork(Effect.provideService(self, Clock.Clock, clock))

const turns = Effect.repeat(Effect.yieldNow, { times: 20 })

const Name = Schema.Literals(["within", "attempt", "timeoutOrElse", "bulkhead", "pipeline"])

const limits = Effect.gen(function*() {
  const bulkhead = yield* Bulkhead.make({ name: "model", concurrency: 1, queue: 100, maxWait: 50 })
  yield* Effect.forkDetach(bulkhead.protect(Effect.never), { startImmediately: true })
  const pipeline = yield* Pipeline.make({ deadline: 80, attemptTimeout: 50 })
  const limits: {
    readonly [L in typeof Name.Type]: (self: Effect.Effect<string, unknown>) => Effect.Effect<string, unknown>
  } = {
    within: Deadline.within(50),
    attempt: Deadline.attempt(50),
    timeoutOrElse: Deadline.timeoutOrElse({ duration: 50, orElse: () => Effect.fail("late") }),
    bulkhead: bulkhead.protect,
    pipeline: pipeline.protect
  }
  return limits
})

describe("a limit", () => {
  it.live("ends the call when its sleep is over, though the clock stands still or has gone back", () =>
    Effect.gen(function*() {
      for (const [name, limit] of Object.entries(yield* limits)) {
        for (const shows of [0, -1000]) {
          const clock = new HandClock()
          const fiber = run(limit(hang), clock)
          clock.pass(49)
          yield* turns
          assert.isUndefined(fiber.pollUnsafe(), name)
          for (let round = 0; round < 2; round++) {
            clock.pass(50, shows)
            yield* turns
          }
          assert.isDefined(fiber.pollUnsafe(), `${name} on a clock that shows ${shows} ms more`)
        }
      }
    }))

  it.live("ends the call on a clock whose sleep is over at once", () =>
    Effect.gen(function*() {
      for (const [name, limit] of Object.entries(yield* limits)) {
        const fiber = run(limit(hang), Object.assign(new HandClock(), { sleep: () => Effect.void }))
        yield* turns
        assert.isDefined(fiber.pollUnsafe(), name)
      }
    }))

  it.live("that comes in the very step in which the work begins ends the work", () =>
    Effect.gen(function*() {
      const clock = new HandClock()
      const work = Effect.andThen(Effect.sync(() => clock.pass(100)), hang)
      const fiber = run(Effect.andThen(Effect.yieldNow, Deadline.attempt(200)(work)).pipe(Deadline.within(50)), clock)
      yield* turns
      clock.pass(1000)
      yield* turns
      assert.isDefined(fiber.pollUnsafe())
    }))

  const Passing = Schema.Struct({
    millis: Schema.Literals([0, 1, 10, 49, 50, 100]),
    shows: Schema.Literals([1, 1, 0.5, 0, -1, -10])
  })
  const Call = Schema.Struct({
    limits: Schema.Array(Name).check(Schema.isMinLength(1), Schema.isMaxLength(3)),
    yields: Schema.Array(Schema.Literals([true, false])).check(Schema.isMinLength(3), Schema.isMaxLength(3)),
    moves: Schema.UndefinedOr(Schema.Literals([10, 100]))
  })

  it.effect.prop(
    "ends the call in programs of calls on a clock that goes as it likes",
    {
      calls: Schema.Array(Call).check(Schema.isMinLength(1), Schema.isMaxLength(4)),
      passings: Schema.Array(Passing).check(Schema.isMaxLength(6))
    },
    ({ calls, passings }) =>
      Effect.gen(function*() {
        const clock = new HandClock()
        const around = yield* limits
        const fibers: Array<Fiber.Fiber<unknown, unknown>> = []
        const move = ({ millis, shows }: typeof Passing.Type) => clock.pass(millis, Math.trunc(millis * shows))
        for (const [i, { limits, moves, yields }] of calls.entries()) {
          const work = moves === undefined ? hang : Effect.andThen(Effect.sync(() => clock.pass(moves)), hang)
          const call = limits.reduce<Effect.Effect<string, unknown>>((self, limit, i) => {
            const limited = around[limit](self)
            return yields[i] ? Effect.andThen(Effect.yieldNow, limited) : limited
          }, Deadline.attempt(70)(work))
          fibers.push(run(call, clock))
          if (passings[i] !== undefined) move(passings[i])
        }
        for (const passing of passings) {
          yield* turns
          move(passing)
        }
        for (let round = 0; round < 20; round++) {
          yield* turns
          clock.pass(1000, 0)
        }
        yield* turns
        for (const fiber of fibers) assert.isDefined(fiber.pollUnsafe())
      }),
    { arbitrary: { runs: 100, size: 100 } }
  )
})
