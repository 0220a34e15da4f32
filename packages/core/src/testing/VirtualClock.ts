/**
 * A night in seconds: effects run in virtual time, which passes from one sleeper to the next as soon as every fiber
 * rests.
 *
 * {@link play} runs one effect so and ends with it: nobody has to move the clock, however long the effect sleeps, and
 * the clock of the caller, real or virtual, stays where it is. {@link layer} is a clock that is moved by hand, for tests
 * that want to look at the time in between: it goes where `TestClock.layer()` goes, and a sleeper costs it about the
 * same however many others sleep. Both let everything happen in the order, and at the times, of the platform's test
 * clock.
 *
 * **Gotchas.** Work takes no time: only what sleeps lets time pass. What comes from the real world, an answer from the
 * network say, takes none either, and whoever sleeps beside it is woken first. The platform's test clock sets off when
 * fibers that were just forked have had two turns; this one lets them all come to rest before, and waits as well for
 * what a fiber does that was woken by a promise. Nobody is warned about a test that never moves its clock.
 *
 * ```ts
 * import { VirtualClock } from "@switchgear/core/testing"
 * import { Clock, Effect } from "effect"
 *
 * const poll = Effect.repeat(Effect.sleep("1 minute"), { times: 59 })
 *
 * await Effect.runPromise(VirtualClock.play(Effect.andThen(poll, Clock.currentTimeMillis))) // => 3_600_000
 * ```
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Scheduler from "effect/Scheduler"
import type * as TestClock from "effect/testing/TestClock"
import { OptionsOf } from "../internal/config/checks.ts"
import { playIn } from "./virtualClock/play.ts"
import { VirtualTime } from "./virtualClock/virtualTime.ts"

/** When a clock begins, and what its programs wait for besides time. */
export interface Options {
  /** The time at which it begins; what is monotonic begins at zero. @default the epoch, as `TestClock` */
  readonly start?: DateTime.DateTime.Input | undefined
  /**
   * Whether the program has promises. "settle" gives the event loop a turn after each step, so that promises which need
   * nothing but the processor settle before time goes on. "none" is for programs without: the event loop turns only
   * now and then, to let signals and progress through, which is several times faster.
   *
   * @default "settle"
   */
  readonly promises?: "settle" | "none" | undefined
}

/**
 * A clock to be moved by hand, in place of `TestClock.layer()`: `TestClock.adjust`, `setTime` and `withLive` work on it.
 * Calls of `adjust` at the same time are done one after the other. `setTime` dies with a `RangeError` on what is not a
 * number.
 *
 * ```ts
 * import { VirtualClock } from "@switchgear/core/testing"
 * import { Effect, Fiber } from "effect"
 * import { TestClock } from "effect/testing"
 *
 * const program = Effect.gen(function*() {
 *   const fiber = yield* Effect.forkChild(Effect.timeoutOption(Effect.never, "5 minutes"))
 *   yield* TestClock.adjust("4 minutes")
 *   fiber.pollUnsafe() // => undefined
 *   yield* TestClock.adjust("1 minute")
 *   return (yield* Fiber.join(fiber))._tag
 * })
 *
 * await Effect.runPromise(Effect.provide(program, VirtualClock.layer())) // => "None"
 * ```
 */
export const layer = (options: Options = {}): Layer.Layer<TestClock.TestClock> =>
  Layer.effectContext(Effect.map(make("VirtualClock.layer", options), (time) =>
    Context.make(Clock.Clock, time).pipe(
      Context.add(Scheduler.Scheduler, time.scheduler)
    ) as Context.Context<TestClock.TestClock>))

/**
 * Runs an effect in virtual time of its own, which passes of itself and ends with the effect. When it is interrupted, so
 * is the effect, and time goes on until its finalizers have ended.
 *
 * Where nobody sleeps any more and the effect has not ended, it waits for the real world; with promises "none", nothing
 * can come from there, and it interrupts the effect and dies with an `Error` that says so.
 *
 * **Gotchas.** What the effect has forked for good (`Effect.forkDetach`) and what it has left to a scope around it finds
 * that time stands still when the effect has ended: a finalizer there must not sleep.
 *
 * ```ts
 * import { VirtualClock } from "@switchgear/core/testing"
 * import { Clock, DateTime, Effect } from "effect"
 *
 * const opens = Effect.gen(function*() {
 *   yield* Effect.sleep("90 minutes")
 *   return DateTime.formatIso(yield* DateTime.now)
 * })
 *
 * await Effect.runPromise(VirtualClock.play(opens, { start: "2024-11-10T22:30:00Z" })) // => "2024-11-11T00:00:00.000Z"
 *
 * const clocks = Effect.gen(function*() {
 *   const before = yield* Clock.currentTimeMillis
 *   const inside = yield* VirtualClock.play(opens, { start: 0, promises: "none" })
 *   return [inside, (yield* Clock.currentTimeMillis) - before < 60_000]
 * })
 *
 * await Effect.runPromise(clocks) // => ["1970-01-01T01:30:00.000Z", true]
 * ```
 */
export const play = <A, E, R>(effect: Effect.Effect<A, E, R>, options: Options = {}): Effect.Effect<A, E, R> =>
  Effect.flatMap(
    make("VirtualClock.play", options),
    (time) => playIn(time, effect, options.promises === "none" ? "give-up" : "wait")
  )

const make = (where: string, { promises = "settle", start = 0 }: Options): Effect.Effect<VirtualTime> =>
  Effect.gen(function*() {
    const of = new OptionsOf(where)
    const begin = DateTime.make(start)
    return new VirtualTime({
      start: begin._tag === "Some" ? begin.value.epochMilliseconds : of.refuse("start", "a point in time", start),
      live: yield* liveClock,
      parent: yield* Scheduler.Scheduler,
      stepsATurn: stepsATurn[of.oneOf("promises", promises, ["settle", "none"])]
    })
  })

// One step a turn, so that promises settle after each. Without promises, a turn every few milliseconds lets signals
// and progress through.
const stepsATurn = { settle: 1, none: 1024 } as const

/** The clock of the world outside, also from inside a clock that is not. */
const liveClock: Effect.Effect<Clock.Clock> = Clock.clockWith((clock) =>
  "withLive" in clock ? (clock as TestClock.TestClock).withLive(Clock.clockWith(Effect.succeed)) : Effect.succeed(clock)
)
