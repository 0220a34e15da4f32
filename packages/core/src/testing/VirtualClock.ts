/**
 * Runs effects in virtual time, in which hours pass in seconds. Time moves to the next sleeping fiber as soon as no
 * fiber has anything else to do.
 *
 * {@link play} runs one effect in virtual time of its own. Time moves by itself, and the caller's clock, real or
 * virtual, is not affected. {@link layer} is a clock that the test moves, as a replacement for `TestClock.layer()`; a
 * sleeping fiber costs about the same however many others sleep. Both run everything in the order and at the times of
 * Effect's test clock.
 *
 * Time also stands still while work is pending that the program has begun outside of its fibers, as far as Node shows it:
 * promises, hashes, files, compression, immediates and timers without a delay. {@link hold} is for the rest. What waits
 * for too long is told: see `stuckAfter`. `order` draws the order of fibers that are ready at once, to find races.
 *
 * **Gotchas.** Computation takes no virtual time; only sleeping does. Time does not wait for the network, for workers, nor
 * for timers of the real clock. Effect's test clock moves when newly forked fibers have had two turns; this one waits
 * until they all rest. Fibers that several hashes or files wake go on when all of these have ended, in the order in which
 * the fibers were made. A sleep too short for the reading takes the smallest step of the clock. In the wall time of 2026
 * that is a quarter of a microsecond.
 *
 * ```ts
 * import { VirtualClock } from "@switchgear/core/testing"
 * import { Clock, Effect } from "effect"
 *
 * const poll = Effect.repeat(Effect.sleep("1 minute"), { times: 59 })
 *
 * await Effect.runPromise(VirtualClock.play(Effect.andThen(poll, Clock.currentTimeMillis))) // => 3_600_000
 * ```
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import * as Scheduler from "effect/Scheduler"
import type * as TestClock from "effect/testing/TestClock"
import { OptionsOf } from "../internal/config/checks.ts"
import { watchStrictly, watchWork } from "./virtualClock/asyncHooks.ts"
import { Fifo } from "./virtualClock/fifo.ts"
import { layerIn } from "./virtualClock/layer.ts"
import type { Made } from "./virtualClock/made.ts"
import { CurrentWork, holding, PendingWork } from "./virtualClock/pendingWork.ts"
import { type Trap, traps } from "./virtualClock/platform.ts"
import { playIn } from "./virtualClock/play.ts"
import { Shuffled } from "./virtualClock/shuffled.ts"
import { trapping } from "./virtualClock/traps.ts"
import { VirtualTime } from "./virtualClock/virtualTime.ts"

export type { Trap } from "./virtualClock/platform.ts"

/**
 * When a clock starts, what else its programs wait for, and in which order they run.
 *
 * @since 0.1.0
 * @category options
 */
export interface Options {
  /** The wall-clock time at the start; monotonic time starts at zero. @default the epoch, as `TestClock` */
  readonly start?: DateTime.DateTime.Input | undefined
  /**
   * Whether the program waits for promises or callbacks. "settle" lets the event loop turn after each step, and waits for
   * the work that the program has begun. "none" lets it turn only now and then, for signals and progress, which is
   * several times faster; a fiber that waits for a promise or a callback ends the program with an `Error` that names the
   * place.
   *
   * @default "settle"
   */
  readonly promises?: "settle" | "none" | undefined
  /**
   * For how long, in real time, virtual time may stand still while something waits for it. A warning is logged after a
   * tenth of it; then the effect is interrupted and `play` dies, or `adjust` dies, with an `Error` that names what ran
   * last and what waits. `Infinity` turns both off.
   *
   * @default "10 seconds"
   */
  readonly stuckAfter?: Duration.Input | undefined
  /**
   * In which order fibers run that are ready at the same time. "fifo" is the order of Effect's own scheduler. With a
   * seed, it is drawn: who wakes first of those that wake at the same time, who of those that are ready runs next, and
   * where a fiber lets others go first, as Effect does after 2,048 operations. The tasks of one fiber keep their order
   * and their priorities. One seed gives one order, so that a failure can be replayed.
   *
   * @default "fifo"
   */
  readonly order?: "fifo" | Shuffle | undefined
}

/**
 * The options of {@link play}.
 *
 * @since 0.1.0
 * @category options
 */
export interface PlayOptions extends Options {
  /**
   * What to look out for: random numbers, times and timers that are not of the seed and the clock of the effect. They are
   * not replaced; when it has succeeded, `play` dies with an `Error` that says where they were called. Needs the
   * `AsyncLocalStorage` of Node. @default none
   */
  readonly trap?: ReadonlyArray<Trap> | undefined
}

/**
 * An order that is drawn: run a program with many seeds to find a race.
 *
 * @since 0.1.0
 * @category options
 */
export interface Shuffle {
  readonly seed: string | number
}

/**
 * A clock that the test moves, as a replacement for `TestClock.layer()`: `TestClock.adjust`, `setTime` and `withLive`
 * work on it. Concurrent calls of `adjust` run one after the other. `setTime` dies with a `RangeError` on NaN.
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
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: Options = {}): Layer.Layer<TestClock.TestClock> =>
  Layer.effectContext(Effect.flatMap(make("VirtualClock.layer", options), layerIn))

/**
 * Runs an effect in virtual time of its own, which moves by itself and ends with the effect. An interrupt interrupts
 * the effect, and time goes on until its finalizers have ended.
 *
 * When no fiber sleeps and the effect has not ended, it waits for input, output and timers of the real world. With
 * promises "none", none of those can come: the effect is interrupted, and `play` dies with an `Error` that says so.
 *
 * **Gotchas.** Time stands still once the effect has ended: detached fibers (`Effect.forkDetach`) and finalizers in an
 * outer scope must not sleep.
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
 *
 * @since 0.1.0
 * @category runtime
 */
export const play = <A, E, R>(effect: Effect.Effect<A, E, R>, options: PlayOptions = {}): Effect.Effect<A, E, R> =>
  Effect.flatMap(make("VirtualClock.play", options, ["trap"]), (made) => {
    const { trap = [] } = options
    const check = new OptionsOf("VirtualClock.play")
    trap.forEach((one, index) => check.oneOf(`trap[${index}]`, one, traps))
    return trap.length === 0 ? playIn(made, effect) : Effect.flatMap(trapping(trap, playIn(made, effect)), untrapped)
  })

const untrapped = <A>([result, caught]: readonly [A, caught: ReadonlyArray<string>]): Effect.Effect<A> =>
  caught.length === 0
    ? Effect.succeed(result)
    : Effect.die(
      new Error(`VirtualClock.play: the effect is not of its seed and its clock alone: it called ${caught.join("; ")}.`)
    )

/**
 * Runs an effect while virtual time stands still: for work that the clock cannot see, such as a request over the
 * network, a child process, a worker or a timer of the real clock. Outside of virtual time, it does nothing.
 *
 * **Gotchas.** The effect must not sleep in virtual time: it would wait for ever, which `stuckAfter` reports.
 *
 * ```ts
 * import { VirtualClock } from "@switchgear/core/testing"
 * import { Clock, Effect } from "effect"
 *
 * const real = Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 20)))
 * const answered = Effect.gen(function*() {
 *   yield* VirtualClock.hold(real)
 *   return yield* Clock.currentTimeMillis
 * })
 *
 * await Effect.runPromise(VirtualClock.play(Effect.timeout(answered, "1 second"))) // => 0
 * ```
 *
 * @since 0.1.0
 * @category combinators
 */
export const hold: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R> = holding

const make = (where: string, options: Options, others: ReadonlyArray<string> = []): Effect.Effect<Made> =>
  Effect.gen(function*() {
    const { order = "fifo", promises = "settle", start = 0, stuckAfter = "10 seconds" } = options
    const of = new OptionsOf(where)
    of.known(options, ["start", "promises", "stuckAfter", "order", ...others])
    const begin = DateTime.make(start)
    const work = new PendingWork(yield* CurrentWork)
    const time = new VirtualTime({
      where,
      start: begin._tag === "Some" ? begin.value.epochMilliseconds : of.refuse("start", "a point in time", start),
      live: yield* liveClock,
      parent: yield* Scheduler.Scheduler,
      stepsATurn: stepsATurn[of.oneOf("promises", promises, ["settle", "none"])],
      work,
      line: order === "fifo" ? new Fifo() : new Shuffled(yield* chanceOf(of, order))
    })
    return {
      time,
      stuckAfter: of.limit("stuckAfter", stuckAfter),
      whenStill: promises === "none" ? "give-up" : "wait",
      watchOutside: () => promises === "none" ? watchStrictly(work) : watchWork(work)
    }
  })

const chanceOf = (of: OptionsOf, order: Shuffle): Effect.Effect<typeof Random.Random.Service> => {
  const seed: unknown = order?.seed
  if (typeof seed !== "string" && typeof seed !== "number") of.refuse("order", "\"fifo\" or { seed }", order)
  // Apart from the chance of the program, which often has the same seed.
  return Random.withSeed(Random.Random, `VirtualClock.order ${seed}`)
}

// One step per turn of the event loop, so that promises settle after each. Without promises, one turn every few
// milliseconds lets signals and progress through.
const stepsATurn = { settle: 1, none: 1024 } as const

/** The live clock, also inside a virtual one. */
const liveClock: Effect.Effect<Clock.Clock> = Clock.clockWith((clock) =>
  "withLive" in clock ? (clock as TestClock.TestClock).withLive(Clock.clockWith(Effect.succeed)) : Effect.succeed(clock)
)
