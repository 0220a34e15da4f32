/**
 * Distributions of latency as plain data: constant, uniform, or log-normal as real models have it.
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
 * Draws one duration, in whole milliseconds, so that the same draws give the same durations at any start time. To draw
 * often, use a {@link sampler}, which reads the latency only once.
 *
 * @since 0.1.0
 * @category combinators
 */
export const sample = (latency: Latency, random: Random.Random): number => sampler(latency)(random)

/**
 * Draws durations as {@link sample} does. A constant takes no random number, a uniform one takes one, a log-normal two.
 *
 * @since 0.1.0
 * @category combinators
 */
export const sampler = (latency: Latency): (random: Random.Random) => number => {
  switch (latency._tag) {
    case "Constant": {
      const millis = Math.round(Duration.toMillis(latency.duration))
      return () => millis
    }
    case "Uniform": {
      const min = Duration.toMillis(latency.min)
      const width = Duration.toMillis(latency.max) - min
      return (random) => Math.round(min + random.nextDoubleUnsafe() * width)
    }
    case "LogNormal": {
      const median = Duration.toMillis(latency.median)
      const sigma = Math.log(Duration.toMillis(latency.p95) / median) / z95
      return (random) => Math.round(median * Math.exp(sigma * normal(random)))
    }
  }
}

/**
 * Throws a `RangeError` that starts with `where` and names the field, if a duration is negative or infinite, if the
 * bounds are reversed, or if the median is zero.
 *
 * @since 0.1.0
 * @category combinators
 */
export const validate = (where: string, latency: Latency): void =>
  checkLatency(new OptionsOf(where), "latency", latency)

/** The 95th percentile in standard deviations above the mean. */
const z95 = 1.6449

// Box-Muller. The first number is kept away from 0, whose logarithm is infinite.
const normal = (random: Random.Random): number =>
  Math.sqrt(-2 * Math.log(1 - random.nextDoubleUnsafe())) * Math.cos(2 * Math.PI * random.nextDoubleUnsafe())
