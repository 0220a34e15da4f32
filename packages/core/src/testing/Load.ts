/**
 * Load generation: arrivals at a constant rate, at random, in ramps, in bursts or as recorded, run against any effect
 * under any clock.
 *
 * Calls are independent: each starts at its time in a fiber of its own, whether earlier ones have ended or not. A slow
 * provider therefore has more and more calls in flight, as in production. A report keeps outcomes by error tag,
 * percentiles of the duration, calls in flight, and the calls that ended in each interval. Its memory grows with the
 * time of the load, not with the calls, however long they take.
 *
 * Under a virtual clock, an hour takes only as long as its calls take to compute. Arrival times and the `Random` of the
 * calls come from the seed: under a virtual clock, one seed gives one report, to the last digit.
 *
 * {@link runUsers} is the closed load of a number of users who wait for their answers.
 *
 * **Semantics.** An open model, as in wrk2: the duration of a call is measured from when it was due, so that a load
 * that falls behind under the live clock does not hide it.
 *
 * **Gotchas.** A call that never ends keeps the load from ending: give the call or the load a time-out. Two loads with
 * one seed have the same arrival times: give independent loads different seeds.
 *
 * ```ts
 * import { Load, VirtualClock } from "@switchgear/core/testing"
 * import { Effect } from "effect"
 *
 * const evening = Load.poisson({ rate: 2, for: "30 minutes" })
 * const night = Load.burst({ of: evening, times: 15, after: "10 minutes", for: "10 minutes" })
 * const model = ({ index }: Load.Arrival) => index % 10 === 0 ? Effect.fail("503") : Effect.sleep("800 millis")
 *
 * const report = await Effect.runPromise(VirtualClock.play(Load.run(night, model, { seed: "11-11" })))
 * report.outcomes // => { failure: 2065, success: 18580 }
 * Math.round(report.latency.p99) // => 800
 * ```
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import type * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Random from "effect/Random"
import { OptionsOf } from "../internal/config/checks.ts"
import { drawOf } from "./latency/drawOf.ts"
import { type Arrivals, InvalidLoad, Place, problemOf } from "./load/arrivals.ts"
import { callContext } from "./load/callContext.ts"
import { type Arrival, LoadGenerator, type Settled } from "./load/loadGenerator.ts"
import { type Label, labelOf, type Point, type Report } from "./load/report.ts"
import { LoadCounts } from "./load/loadCounts.ts"
import { millisOf, timesOf } from "./load/times.ts"
import { userLoop, type Users } from "./load/users.ts"
import { count } from "./words.ts"

export { type Arrivals, burst, constant, InvalidLoad, poisson, ramp, type Rate, sequence } from "./load/arrivals.ts"
export type { Arrival, Settled } from "./load/loadGenerator.ts"
export { type Label, type Outcomes, type Point, render, type Report } from "./load/report.ts"
export { BadTrace, trace } from "./load/trace.ts"
export type { Users } from "./load/users.ts"

/**
 * How a load is run and reported.
 *
 * @since 0.1.0
 * @category options
 */
export interface Options<A, E, L extends string> {
  /** The seed of arrival times and calls. @default 1 */
  readonly seed?: string | number | undefined
  /** The length of one point of the series; there are at most 1,000,000 points. @default "1 second" */
  readonly interval?: Duration.Input | undefined
  /**
   * The outcome that an exit is counted as. Use few names, because each is counted separately. @default "success",
   * "defect", "interrupted", or the `_tag` of the error ("failure" without one)
   */
  readonly label?: ((exit: Exit.Exit<A, E>, arrival: Arrival) => L) | undefined
  /** Called for each call that has ended, to keep more than the report does. */
  readonly onSettled?: ((settled: Settled<A, E, L>) => void) | undefined
  /**
   * Called for each interval, at the first event after it or at the end of the load: for a progress bar, and to keep
   * what was seen of an interrupted load.
   */
  readonly onInterval?: ((point: Point<L>) => void) | undefined
}

/**
 * Makes the calls as they arrive. Ends when the time of the load is over and the last call has ended.
 *
 * A failure or defect of a call is an outcome, not an error of the load. Interrupting the load interrupts all running
 * calls and waits for their finalizers. Dies with anything that an option function throws, and with a `RangeError` if
 * `interval` is not above zero.
 *
 * @since 0.1.0
 * @category runtime
 */
export const run = <A, E, R, L extends string = Label<E>>(
  arrivals: Arrivals,
  call: (arrival: Arrival) => Effect.Effect<A, E, R>,
  options: Options<A, E, L> = {}
): Effect.Effect<Report<L>, InvalidLoad, R> =>
  Effect.gen(function*() {
    const interval = intervalOf("Load.run", options)
    const problem = problemOf(arrivals) ?? tooMany(millisOf(arrivals) / interval)
    if (problem !== undefined) return yield* problem
    const seed = String(options.seed ?? 1)
    // A separate generator, so that random numbers drawn by calls do not change the arrival times.
    const ofTimes = yield* Random.withSeed(Random.Random, `${seed} times`)
    const ofCalls = yield* Random.withSeed(Random.Random, `${seed} calls`)
    const counts = new LoadCounts<L>(interval, millisOf(arrivals), options.onInterval ?? (() => {}))
    const generator = new LoadGenerator<A, E, R, L>(
      {
        times: timesOf(arrivals, ofTimes),
        call,
        label: options.label ?? (labelOf as (exit: Exit.Exit<A, E>) => L),
        onSettled: options.onSettled,
        counts
      },
      yield* Clock.Clock,
      callContext(yield* Effect.context<R>(), ofCalls)
    )
    yield* generator.run
    return counts.report(seed, generator.now)
  })

/**
 * Makes the calls of a fixed number of users, each of whom waits for the answer and thinks before the next call: a closed
 * load. A slow service gets fewer calls, as from people or from a pool of workers; for independent callers, who do not
 * wait for each other, use {@link run}.
 *
 * The report, the options and the end are those of {@link run}. The duration of a call is measured from its start.
 *
 * ```ts
 * import { Load, SimulatedService, VirtualClock } from "@switchgear/core/testing"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const model = yield* SimulatedService.make({
 *     latency: "1 second",
 *     capacity: { concurrency: 1, above: "queue" },
 *     answer: Effect.void
 *   })
 *   return yield* Load.runUsers({ count: 10, think: "4 seconds", for: "10 minutes" }, () => model.call())
 * })
 *
 * // One call a second is all that the service can do. Ten users with one call in ten seconds make that.
 * const { latency, throughput } = await Effect.runPromise(VirtualClock.play(program))
 * Math.round(latency.p50 / 1000) // => 6
 * throughput.toFixed(1) // => "1.0"
 * ```
 *
 * @since 0.1.0
 * @category runtime
 */
export const runUsers = <A, E, R, L extends string = Label<E>>(
  users: Users,
  call: (arrival: Arrival) => Effect.Effect<A, E, R>,
  options: Options<A, E, L> = {}
): Effect.Effect<Report<L>, InvalidLoad, R> =>
  Effect.gen(function*() {
    const interval = intervalOf("Load.runUsers", options)
    const checked = usersOf(users)
    const problem = checked instanceof InvalidLoad ? checked : tooMany(checked.millis / interval)
    if (checked instanceof InvalidLoad || problem !== undefined) return yield* problem!
    const seed = String(options.seed ?? 1)
    const random = yield* Random.withSeed(Random.Random, `${seed} times`)
    const ofCalls = yield* Random.withSeed(Random.Random, `${seed} calls`)
    const counts = new LoadCounts<L>(interval, checked.millis, options.onInterval ?? (() => {}))
    const millis = yield* userLoop(checked, {
      random,
      call,
      counts,
      label: options.label ?? (labelOf as (exit: Exit.Exit<A, E>) => L),
      onSettled: options.onSettled
    }).pipe(Effect.updateContext((around: Context.Context<R>) => callContext(around, ofCalls)))
    return counts.report(seed, millis)
  })

const intervalOf = (where: string, options: Options<any, any, any>): number => {
  const check = new OptionsOf(where)
  check.known(options, ["seed", "interval", "label", "onSettled", "onInterval"])
  return check.positive("interval", options.interval ?? "1 second")
}

const usersOf = (users: Users) => {
  try {
    const place = new Place("")
    place.known(users, ["count", "think", "for"])
    return {
      count: place.integer("count", users.count, 1),
      draw: drawOf(place, "think", users.think),
      millis: place.positive("for", users.for)
    }
  } catch (error) {
    if (error instanceof InvalidLoad) return error
    throw error
  }
}

/** The series is held in memory, and a misread time can be a thousand years. */
const mostPoints = 1_000_000

const tooMany = (points: number): InvalidLoad | undefined =>
  points <= mostPoints ? undefined : new InvalidLoad({
    place: "interval",
    reason: `must be longer, since there would be ${count(Math.ceil(points))} of them, and a million are the most`
  })
