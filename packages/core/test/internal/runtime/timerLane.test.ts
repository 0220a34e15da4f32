/** Time-outs that share one alarm fire on time, in order and once. */
import { assert, describe, it, vi } from "@effect/vitest"
import { Deadline, Pipeline, Retry } from "@switchgear/core"
import { Clock, Deferred, Duration, Effect, Exit, Fiber, Schema } from "effect"
import { TestClock } from "effect/testing"

const bad = Effect.fail("bad" as const)

const fork = <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.forkChild(Effect.exit(self), { startImmediately: true })

type AnyFiber = Fiber.Fiber<any, any>

interface TimerLane {
  readonly Timeout: { readonly prototype: { readonly isBefore: (that: never) => boolean } }
  readonly nextTurn: () => number
  readonly startTimeout: (
    fiber: AnyFiber,
    clock: Clock.Clock,
    millis: number,
    due: number,
    onFire: () => void,
    turn: number
  ) => { readonly cancel: (fiber: AnyFiber) => void }
}

describe("time-outs of one length", () => {
  const ending = (ends: Array<readonly [string, number]>, name: string) => <A, E, R>(self: Effect.Effect<A, E, R>) =>
    fork(Effect.ensuring(
      self,
      Effect.flatMap(Clock.currentTimeMillis, (now) => Effect.sync(() => void ends.push([name, now])))
    ))

  it.effect("all fire in the order of their beginnings when one that began first joins its line last", () =>
    Effect.gen(function*() {
      const retry = yield* Retry.make({ maxAttempts: 2, baseDelay: "50 millis", jitter: "none" })
      const pipeline = yield* Pipeline.make({ deadline: "1 second", retry })
      const ends: Array<readonly [string, number]> = []
      let attempts = 0
      const call = Effect.suspend(() =>
        attempts++ === 0 ? Effect.andThen(Effect.sleep("500 millis"), bad) : Effect.never
      )
      yield* ending(ends, "pipeline")(pipeline.protect(call))
      for (const name of ["second", "third"]) {
        yield* TestClock.adjust("200 millis")
        yield* ending(ends, name)(Deadline.within("1 second")(Effect.never))
      }
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(ends, [["pipeline", 1000], ["second", 1200], ["third", 1400]])
    }))

  it.effect("fire on time after a pause in which there was none, and after all but the last have ended", () =>
    Effect.gen(function*() {
      const ends: Array<readonly [string, number]> = []
      const limited = Deadline.within("1 second")
      yield* ending(ends, "first")(limited(Effect.sleep("100 millis")))
      yield* ending(ends, "second")(limited(Effect.sleep("200 millis")))
      yield* TestClock.adjust("300 millis")
      yield* ending(ends, "third")(limited(Effect.sleep("400 millis")))
      yield* ending(ends, "fourth")(limited(Effect.never))
      yield* TestClock.adjust("10 seconds")
      yield* ending(ends, "fifth")(limited(Effect.never))
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(ends.map(([, at]) => at), [100, 200, 700, 1300, 11_300])
    }))

  /** The virtual clock, and how many sleeps were begun on it and go on. */
  const watched = Effect.map(Clock.Clock, (clock) => {
    const sleeps = { begun: 0, pending: 0 }
    const sleep = (duration: Duration.Duration) =>
      Effect.suspend(() => {
        sleeps.begun++
        sleeps.pending++
        return Effect.ensuring(clock.sleep(duration), Effect.sync(() => sleeps.pending--))
      })
    return { clock: Object.assign(Object.create(clock), { sleep }) as Clock.Clock, sleeps }
  })

  it.effect("need one alarm however many they are, which is stopped when the last has ended", () =>
    Effect.gen(function*() {
      const { clock, sleeps } = yield* watched
      const limited = <A>(self: Effect.Effect<A>) =>
        fork(Effect.provideService(Deadline.within("1 second")(self), Clock.Clock, clock))
      for (const begun of [1, 2]) {
        const ended = yield* Deferred.make<void>()
        const last = yield* Deferred.make<void>()
        for (let i = 0; i < 100; i++) {
          yield* limited(Deferred.await(i < 99 ? ended : last))
          yield* TestClock.adjust("1 millis")
        }
        yield* Deferred.succeed(ended, undefined)
        yield* TestClock.adjust(0)
        assert.deepStrictEqual(sleeps, { begun, pending: 1 })
        yield* Deferred.succeed(last, undefined)
        yield* TestClock.adjust(0)
        assert.deepStrictEqual(sleeps, { begun, pending: 0 })
      }
    }))

  it.effect("keep their alarm when one begins right after the last has ended, and stop it after that one", () =>
    Effect.gen(function*() {
      for (const fires of [true, false]) {
        const { clock, sleeps } = yield* watched
        const [first, second] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
        const limited = Deadline.within("1 second")
        const fiber = yield* fork(
          Effect.andThen(limited(Deferred.await(first)), limited(Deferred.await(second))).pipe(
            Effect.provideService(Clock.Clock, clock)
          )
        )
        yield* Deferred.succeed(first, undefined)
        yield* TestClock.adjust(0)
        assert.deepStrictEqual(sleeps, { begun: 1, pending: 1 })
        yield* fires ? TestClock.adjust("1 second") : Deferred.succeed(second, undefined)
        yield* TestClock.adjust(0)
        assert.deepStrictEqual(sleeps, { begun: 1, pending: 0 })
        assert.strictEqual(Exit.isFailure(yield* Fiber.join(fiber)), fires)
      }
    }))

  it.effect("are told by the clock, and kept in the line, that each began with", () =>
    Effect.gen(function*() {
      const lines = [[yield* watched, [2000, 3000, 2000, 1000]], [yield* watched, [1000, 2000, 3000, 2000]]] as const
      const ends: Array<readonly [string, number]> = []
      for (const [{ clock, sleeps }, lengths] of lines) {
        for (const millis of lengths) {
          const limited = Deadline.within(millis)(Effect.never)
          yield* ending(ends, `${millis}`)(Effect.provideService(limited, Clock.Clock, clock))
        }
        assert.deepStrictEqual(sleeps, { begun: 3, pending: 3 })
      }
      yield* TestClock.adjust("10 seconds")
      const at = [1000, 1000, 2000, 2000, 2000, 2000, 3000, 3000]
      assert.deepStrictEqual(ends, at.map((millis) => [`${millis}`, millis]))
    }))

  const lane = Effect.promise(() => vi.importActual<TimerLane>("../../../src/internal/runtime/timerLane.ts"))

  const Step = Schema.Union([
    Schema.TaggedStruct("Begins", { earlier: Schema.Literals([0, 0, 0, 1, 5, 100]) }),
    Schema.TaggedStruct("Ends", { index: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 20 })) }),
    Schema.TaggedStruct("Passes", { millis: Schema.Literals([1, 50, 200, 950]) })
  ])

  it.effect.prop(
    "fire once each, on time and in the order in which they are due and began, unless they end before",
    { steps: Schema.Array(Step).check(Schema.isMaxLength(60)) },
    ({ steps }) =>
      Effect.gen(function*() {
        const { nextTurn, startTimeout } = yield* lane
        const clock = yield* Clock.Clock
        const now = () => Number(clock.monotonicTimeNanosUnsafe()) / 1e6
        const begun: Array<
          { readonly due: number; readonly turn: number; readonly cancel: () => void; over: boolean }
        > = []
        const fired: Array<string> = []
        const expected: Array<string> = []
        yield* Effect.withFiber((fiber) =>
          Effect.gen(function*() {
            for (const step of steps) {
              if (step._tag === "Begins") {
                const due = now() + 1000 - step.earlier
                const turn = nextTurn()
                const one = startTimeout(fiber, clock, 1000, due, () => fired.push(`${turn} at ${now()}`), turn)
                begun.push({ due, turn, cancel: () => one.cancel(fiber), over: false })
              } else if (step._tag === "Ends") {
                const one = begun[step.index]
                if (one === undefined) continue
                one.cancel()
                one.over = true
              } else {
                const until = now() + step.millis
                const due = begun.filter((one) => !one.over && one.due <= until)
                for (const one of due.sort((a, b) => a.due - b.due || a.turn - b.turn)) {
                  one.over = true
                  expected.push(`${one.turn} at ${one.due}`)
                }
                // A timer that has come late fires all at once; here time passes by the millisecond.
                for (let i = 0; i < step.millis; i++) yield* TestClock.adjust(1)
                assert.deepStrictEqual(fired, expected)
              }
            }
          })
        )
      }),
    { arbitrary: { runs: 50, size: 100 } }
  )

  it.effect("are put in order without a look at each that began after them", () =>
    Effect.gen(function*() {
      const { nextTurn, startTimeout, Timeout } = yield* lane
      const clock = yield* Clock.Clock
      const compared = vi.spyOn(Timeout.prototype, "isBefore")
      yield* Effect.withFiber((fiber) => {
        const start = (due: number) => startTimeout(fiber, clock, 1000, due, () => {}, nextTurn())
        const all = Array.from({ length: 2000 }, (_, i) => start(i < 1000 ? 1000 : 500 + (i * 7919) % 500))
        for (const timeout of all) timeout.cancel(fiber)
        return Effect.void
      })
      assert.isBelow(compared.mock.calls.length, 100_000)
      compared.mockRestore()
    }))

  it.effect("fire at the end of a millisecond that they end within, and not before it", () =>
    Effect.gen(function*() {
      const ends: Array<readonly [string, number]> = []
      yield* ending(ends, "half")(Deadline.within(Duration.micros(1500n))(Effect.never))
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(ends, [])
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(ends, [["half", 2]])
    }))
})
