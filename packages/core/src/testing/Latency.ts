/**
 * How long something takes, as plain data: always the same, anything between two times, or as real models are.
 *
 * Chance comes from the generator that is handed in, so that a seed repeats a run.
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
 */
import * as Duration from "effect/Duration"
import type * as Random from "effect/Random"
import { OptionsOf } from "../internal/config/checks.ts"
import { checkLatency } from "./latency/check.ts"
import type { Latency } from "./latency/model.ts"

export type { Latency }

/** Always the same time. */
export const constant = (duration: Duration.Input): Latency => ({ _tag: "Constant", duration })

/** Any time between the two, all equally likely. */
export const uniform = (min: Duration.Input, max: Duration.Input): Latency => ({ _tag: "Uniform", min, max })

/** Mostly near the median with a long tail, as real models are: one answer in twenty takes longer than `p95`. */
export const logNormal = (options: { readonly median: Duration.Input; readonly p95: Duration.Input }): Latency => ({
  _tag: "LogNormal",
  ...options
})

/**
 * One time, in milliseconds. They are whole, so that the same draws give the same times whenever a run begins. Where the
 * same latency is drawn from often, a {@link sampler} reads its durations only once.
 */
export const sample = (latency: Latency, random: Random.Random): number => sampler(latency)(random)

/**
 * Draws times as {@link sample} does. A constant takes nothing from the generator, a uniform one number, a log-normal
 * two.
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
 * Throws a `RangeError` that begins with `where` and names the field, if a duration is negative or has no end, if the
 * bounds are the wrong way round, or if the median is zero.
 */
export const validate = (where: string, latency: Latency): void =>
  checkLatency(new OptionsOf(where), "latency", latency)

/** How many standard deviations the 95th percentile lies above the middle. */
const z95 = 1.6449

// Box-Muller, with the first draw kept away from 0, whose logarithm is infinite.
const normal = (random: Random.Random): number =>
  Math.sqrt(-2 * Math.log(1 - random.nextDoubleUnsafe())) * Math.cos(2 * Math.PI * random.nextDoubleUnsafe())
