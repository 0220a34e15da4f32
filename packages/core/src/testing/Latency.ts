/**
 * Distributions of latency as plain data: constant, uniform, exponential, log-normal as real models have it, measured
 * durations, and mixtures of these.
 *
 * Random numbers come from the given generator, so that a seed makes a run repeatable.
 *
 * ```ts
 * import { Latency } from "@switchgear/core/testing"
 * import { Effect, Random } from "effect"
 *
 * const model = Latency.logNormal({ median: "800 millis", p95: "2 seconds" })
 *
 * const program = Effect.gen(function*() {
 *   const random = yield* Random.Random
 *   return Array.from({ length: 5 }, () => Latency.sample(model, random))
 * })
 *
 * await Effect.runPromise(Random.withSeed(program, "monday")) // => [411, 2789, 498, 882, 398]
 * ```
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import type * as Random from "effect/Random"
import { OptionsOf } from "../internal/config/checks.ts"
import { checkLatency } from "./latency/check.ts"
import type { Latency } from "./latency/model.ts"

export type { Latency }

/**
 * Always the same duration.
 *
 * @since 0.1.0
 * @category constructors
 */
export const constant = (duration: Duration.Input): Latency => ({ _tag: "Constant", duration })

/**
 * Any duration between the two, all equally likely.
 *
 * @since 0.1.0
 * @category constructors
 */
export const uniform = (min: Duration.Input, max: Duration.Input): Latency => ({ _tag: "Uniform", min, max })

/**
 * Mostly near the median, with a long tail: one of twenty durations exceeds `p95`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const logNormal = (options: { readonly median: Duration.Input; readonly p95: Duration.Input }): Latency => ({
  _tag: "LogNormal",
  ...options
})

/**
 * Mostly short, sometimes several times the mean, and without memory: the service times of the M/M/c model of queueing
 * theory.
 *
 * @since 0.1.0
 * @category constructors
 */
export const exponential = (mean: Duration.Input): Latency => ({ _tag: "Exponential", mean })

/**
 * One of the given durations, such as those of a log, all equally likely.
 *
 * @since 0.1.0
 * @category constructors
 */
export const empirical = (durations: ReadonlyArray<Duration.Input>): Latency => ({ _tag: "Empirical", durations })

/**
 * One of several latencies, by share. Shares are weights: with `[[95, chat], [5, report]]`, one of twenty durations is
 * that of a report.
 *
 * ```ts
 * import { Latency } from "@switchgear/core/testing"
 * import { Effect, Random } from "effect"
 *
 * const cached = Latency.mix([[3, Latency.constant("400 micros")], [1, Latency.empirical([812, 795, 1204])]])
 *
 * const program = Effect.gen(function*() {
 *   const random = yield* Random.Random
 *   return Array.from({ length: 6 }, () => Latency.sample(cached, random))
 * })
 *
 * await Effect.runPromise(Random.withSeed(program, "monday")) // => [0.4, 0.4, 812, 0.4, 0.4, 0.4]
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const mix = (shares: ReadonlyArray<readonly [share: number, latency: Latency]>): Latency => ({
  _tag: "Mix",
  shares
})

/**
 * Draws one duration in milliseconds. From 10 ms, it is rounded to whole milliseconds, so that the same draws give the
 * same durations at any start time; a shorter one is rounded to microseconds. To draw often, use a {@link sampler}, which
 * reads the latency only once.
 *
 * @since 0.1.0
 * @category combinators
 */
export const sample = (latency: Latency, random: Random.Random): number => sampler(latency)(random)

/**
 * Draws durations as {@link sample} does. A constant takes no random number, a log-normal latency takes two, a mix one
 * and those of its part, any other one.
 *
 * @since 0.1.0
 * @category combinators
 */
export const sampler = (latency: Latency): (random: Random.Random) => number => {
  switch (latency._tag) {
    case "Constant": {
      const millis = rounded(Duration.toMillis(latency.duration))
      return () => millis
    }
    case "Uniform": {
      const min = Duration.toMillis(latency.min)
      const width = Duration.toMillis(latency.max) - min
      return (random) => rounded(min + random.nextDoubleUnsafe() * width)
    }
    case "LogNormal": {
      const median = Duration.toMillis(latency.median)
      const sigma = Math.log(Duration.toMillis(latency.p95) / median) / z95
      return (random) => rounded(median * Math.exp(sigma * normal(random)))
    }
    case "Exponential": {
      const mean = Duration.toMillis(latency.mean)
      return (random) => rounded(-Math.log(1 - random.nextDoubleUnsafe()) * mean)
    }
    case "Empirical": {
      const all = latency.durations.map((duration) => rounded(Duration.toMillis(duration)))
      return (random) => all[Math.floor(random.nextDoubleUnsafe() * all.length)]!
    }
    case "Mix": {
      const parts = latency.shares.filter(([share]) => share > 0).map(([share, part]) => ({
        share,
        draw: sampler(part)
      }))
      const total = parts.reduce((sum, { share }) => sum + share, 0)
      const last = parts.at(-1)!
      return (random) => {
        let left = random.nextDoubleUnsafe() * total
        return (parts.find(({ share }) => (left -= share) < 0) ?? last).draw(random)
      }
    }
  }
}

/**
 * Throws a `RangeError` that starts with `where` and names the field, if a duration is negative or infinite, if the
 * bounds are reversed, if a median or mean is zero, or if there is nothing to draw from.
 *
 * @since 0.1.0
 * @category combinators
 */
export const validate = (where: string, latency: Latency): void =>
  checkLatency(new OptionsOf(where), "latency", latency)

/** Milliseconds, whole where that is exact to 5 %. */
const rounded = (millis: number): number => millis >= 10 ? Math.round(millis) : Math.round(millis * 1000) / 1000

/** The 95th percentile in standard deviations above the mean. */
const z95 = 1.6449

// Box-Muller. The first number is kept away from 0, whose logarithm is infinite.
const normal = (random: Random.Random): number =>
  Math.sqrt(-2 * Math.log(1 - random.nextDoubleUnsafe())) * Math.cos(2 * Math.PI * random.nextDoubleUnsafe())
