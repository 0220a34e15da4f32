/**
 * What a crowd of callers sees, and what it does to the thing it calls: arrivals at a steady rate, by chance, in ramps and
 * bursts or as they were recorded, run against any effect, under any clock.
 *
 * The callers know nothing of each other: a call begins at its time, whether those before it have ended or not, and each
 * is a fiber. So a provider that slows down has more and more calls in flight, as in a real night. Of all that happened a
 * report keeps the outcomes by the errors' tags, the percentiles of the time taken, the calls in flight and the calls
 * that ended in each interval; its memory grows with the time and not with the calls.
 *
 * Under a virtual clock an hour takes as long as its calls take to compute. The times come from the seed alone, and so
 * does the `Random` of the calls: one seed under a virtual clock is one report, to the last digit.
 *
 * **Semantics.** An open model, as in wrk2: a call's time is counted from when it was due, so that a test that cannot
 * keep up under the live clock does not hide it.
 *
 * **Gotchas.** A call that never ends keeps the load from ending: give it a time-out, or the load. Two loads of one seed
 * come at the same moments: those that are to know nothing of each other need a seed each.
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
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Random from "effect/Random"
import { OptionsOf } from "../internal/config/checks.ts"
import { type Arrivals, InvalidLoad, problemOf } from "./load/arrivals.ts"
import { type Arrival, LoadGenerator, type Settled } from "./load/loadGenerator.ts"
import { type Label, labelOf, type Point, type Report } from "./load/report.ts"
import { LoadCounts } from "./load/loadCounts.ts"
import { millisOf, timesOf } from "./load/times.ts"
import { count } from "./words.ts"

export { type Arrivals, burst, constant, InvalidLoad, poisson, ramp, type Rate, sequence } from "./load/arrivals.ts"
export type { Arrival, Settled } from "./load/loadGenerator.ts"
export { type Label, type Outcomes, type Point, render, type Report } from "./load/report.ts"
export { BadTrace, trace } from "./load/trace.ts"

/** How a load is run and told. */
export interface Options<A, E, L extends string> {
  /** What all chance comes from: that of the arrivals, and that of the calls. @default 1 */
  readonly seed?: string | number | undefined
  /** How much time is one point of the series, of which there are at most a million. @default "1 second" */
  readonly interval?: Duration.Input | undefined
  /**
   * What an exit is counted as: a few names, since each is counted apart. @default "success", "defect", "interrupted", or
   * the `_tag` of the error ("failure" where it has none)
   */
  readonly label?: ((exit: Exit.Exit<A, E>) => L) | undefined
  /** Told of each call when it has ended: for those who keep more than the report does. */
  readonly onSettled?: ((settled: Settled<A, E, L>) => void) | undefined
  /**
   * Told of each interval when something has happened after it, or the load has ended: for a progress bar, and to keep
   * what was seen of a load that is interrupted.
   */
  readonly onInterval?: ((point: Point<L>) => void) | undefined
}

/**
 * Makes the calls as they arrive. Ends when the time of the load is over and the last call has ended.
 *
 * A failure or a defect of a call is an outcome and not one of the load. Interrupting the load interrupts all calls
 * that are under way and waits for their finalizers. Dies with what the functions among the options throw, and with a
 * `RangeError` on an interval that is not above zero.
 */
export const run = <A, E, R, L extends string = Label<E>>(
  arrivals: Arrivals,
  call: (arrival: Arrival) => Effect.Effect<A, E, R>,
  options: Options<A, E, L> = {}
): Effect.Effect<Report<L>, InvalidLoad, R> =>
  Effect.gen(function*() {
    const interval = new OptionsOf("Load.run").positive("interval", options.interval ?? "1 second")
    const problem = problemOf(arrivals) ?? tooMany(millisOf(arrivals) / interval)
    if (problem !== undefined) return yield* problem
    const seed = String(options.seed ?? 1)
    // Apart, so that what the calls draw does not change when they come.
    const ofTimes = yield* Random.withSeed(Random.Random, `${seed} times`)
    const ofCalls = yield* Random.withSeed(Random.Random, `${seed} calls`)
    const context = Context.add(yield* Effect.context<R>(), Random.Random, ofCalls) as Context.Context<R>
    const counts = new LoadCounts<L>(interval, options.onInterval ?? (() => {}))
    const generator = new LoadGenerator<A, E, R, L>(
      {
        times: timesOf(arrivals, ofTimes),
        call,
        label: options.label ?? (labelOf as (exit: Exit.Exit<A, E>) => L),
        onSettled: options.onSettled,
        counts
      },
      yield* Clock.Clock,
      context
    )
    yield* generator.run
    return counts.report(seed, generator.now)
  })

/** The series is held in memory, and a time that was misread can be a thousand years. */
const mostPoints = 1_000_000

const tooMany = (points: number): InvalidLoad | undefined =>
  points <= mostPoints ? undefined : new InvalidLoad({
    place: "interval",
    reason: `must be longer, since there would be ${count(Math.ceil(points))} of them, and a million are the most`
  })
