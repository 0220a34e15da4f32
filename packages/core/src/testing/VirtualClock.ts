/**
 * Runs effects in virtual time, in which hours pass in seconds. Time moves to the next sleeping fiber as soon as no
 * fiber has anything else to do.
 *
 * {@link play} runs one effect in virtual time of its own. Time moves by itself, and the caller's clock, real or
 * virtual, is not affected. {@link layer} is a clock that the test moves, as a replacement for `TestClock.layer()`; a
 * sleeping fiber costs about the same however many others sleep. Both run everything in the order and at the times of
 * Effect's test clock.
 *
 * **Gotchas.** Computation takes no virtual time; only sleeping does. Input and output, such as a network response,
 * take none either, and a sleeping fiber is woken first. Effect's test clock moves when newly forked fibers have had
 * two turns; this one waits until they all rest, and also waits for a fiber that a promise has woken. A test that never
 * moves its clock gets no warning.
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
import * as Context from "effect/Context"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Scheduler from "effect/Scheduler"
import type * as TestClock from "effect/testing/TestClock"
import { OptionsOf } from "../internal/config/checks.ts"
import { playIn } from "./virtualClock/play.ts"
import { VirtualTime } from "./virtualClock/virtualTime.ts"

/**
 * When a clock starts, and what else its programs wait for.
 *
 * @since 0.1.0
 * @category options
 */
export interface Options {
  /** The wall-clock time at the start; monotonic time starts at zero. @default the epoch, as `TestClock` */
  readonly start?: DateTime.DateTime.Input | undefined
  /**
   * Whether the program uses promises. "settle" lets the event loop turn after each step, so that promises that need no
   * input or output settle before time moves. "none" lets it turn only now and then, for signals and progress, which is
   * several times faster.
   *
   * @default "settle"
   */
  readonly promises?: "settle" | "none" | undefined
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
  Layer.effectContext(Effect.map(make("VirtualClock.layer", options), (time) =>
    Context.make(Clock.Clock, time).pipe(
      Context.add(Scheduler.Scheduler, time.scheduler)
    ) as Context.Context<TestClock.TestClock>))

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

// One step per turn of the event loop, so that promises settle after each. Without promises, one turn every few
// milliseconds lets signals and progress through.
const stepsATurn = { settle: 1, none: 1024 } as const

/** The live clock, also inside a virtual one. */
const liveClock: Effect.Effect<Clock.Clock> = Clock.clockWith((clock) =>
  "withLive" in clock ? (clock as TestClock.TestClock).withLive(Clock.clockWith(Effect.succeed)) : Effect.succeed(clock)
)
