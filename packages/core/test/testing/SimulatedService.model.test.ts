/**
 * Providers of tokens in overload and in other bad times, behind different guards. The shares of calls that are answered in
 * time are those of a simulation of discrete events that was written for other purposes, without this library.
 *
 * `SWITCHGEAR_RUNS=40` plays forty nights for each share, which takes two minutes, and prints the table.
 */
import { assert, describe, it } from "@effect/vitest"
import { Console, Effect } from "effect"
import { nights, served } from "./tokens/nights.ts"
import { policies } from "./tokens/policies.ts"

/**
 * The mean of 400 nights of that simulation in percent, and the standard deviation from night to night. Its breaker has the
 * rules of this library: calls from before it opened are no probes, and it decides as soon as the probes are certain.
 * Without these two rules, it is at most one point from here, but at 42 where one machine is overloaded.
 */
type Share = readonly [mean: number, deviation: number]

const shares: Record<keyof typeof policies, Record<keyof typeof nights, Share>> = {
  "no limit": {
    "calm": [99.8, 0.1],
    "over ×2": [12.7, 0.4],
    "burst ×15": [15.2, 0.9],
    "on/off": [68.7, 5.3],
    "c/2": [13, 1.8],
    "hang 30 s": [81, 3.2],
    "noise": [97, 2.8],
    "mix shift": [99.4, 0.2],
    "slow3": [89.7, 0.6],
    "cold": [47.8, 4.7],
    "over, queue": [13.4, 0.4],
    "over, one machine": [41.6, 1.9]
  },
  "fixed limit": {
    "calm": [99.7, 0.1],
    "over ×2": [47.8, 1.6],
    "burst ×15": [30.6, 1.7],
    "on/off": [57, 1.9],
    "c/2": [50.4, 2.4],
    "hang 30 s": [74, 2.1],
    "noise": [90.2, 3.3],
    "mix shift": [82.2, 2.6],
    "slow3": [71.2, 2.3],
    "cold": [53.2, 3.7],
    "over, queue": [47.8, 1.6],
    "over, one machine": [47.8, 1.6]
  },
  "breaker": {
    "calm": [99.8, 0.1],
    "over ×2": [37.4, 1.5],
    "burst ×15": [24.3, 1.6],
    "on/off": [57.8, 5.4],
    "c/2": [33.7, 3],
    "hang 30 s": [61.7, 2.4],
    "noise": [96.3, 3.8],
    "mix shift": [99.4, 0.2],
    "slow3": [89.7, 0.6],
    "cold": [42.2, 5.3],
    "over, queue": [29.6, 1.4],
    "over, one machine": [46, 1.5]
  },
  "AIMD": {
    "calm": [99.8, 0.1],
    "over ×2": [43.9, 1.9],
    "burst ×15": [26.4, 2.4],
    "on/off": [76.5, 3.3],
    "c/2": [40.6, 2.7],
    "hang 30 s": [65.5, 2.6],
    "noise": [96.3, 3],
    "mix shift": [99.4, 0.2],
    "slow3": [87.7, 2],
    "cold": [53.1, 5],
    "over, queue": [33.6, 1.8],
    "over, one machine": [49.7, 1.9]
  }
}

const runs = process.env.SWITCHGEAR_RUNS === undefined ? undefined : Number(process.env.SWITCHGEAR_RUNS)

/** Half a point for what the two simulations do differently, such as whole milliseconds, and three standard errors. */
const toleranceOf = (deviation: number, nights: number) => 0.5 + 3 * deviation / Math.sqrt(nights)

/** As many nights as it takes for a tolerance of four points, and at least two. */
const nightsFor = (deviation: number) => runs ?? Math.max(2, Math.ceil((3 * deviation / 3.5) ** 2))

for (const [policy, byNight] of Object.entries(shares) as Array<[keyof typeof policies, typeof shares["breaker"]]>) {
  describe(`with ${policy}, a provider of tokens answers in time:`, () => {
    for (const [night, [mean, deviation]] of Object.entries(byNight) as Array<[keyof typeof nights, Share]>) {
      it.live(`${night}, ${Math.round(mean)} % of the calls`, () =>
        Effect.gen(function*() {
          const count = nightsFor(deviation)
          const seen = yield* Effect.forEach(
            Array.from({ length: count }, (_, index) => `night ${index}`),
            (seed) => served(nights[night], policies[policy], seed)
          )
          const share = seen.reduce((sum, one) => sum + one) / count
          if (runs !== undefined) {
            yield* Console.log(
              `${policy}\t${night}\t${share.toFixed(1)}\t${mean}\t±${toleranceOf(deviation, count).toFixed(1)}`
            )
          }
          assert.closeTo(share, mean, toleranceOf(deviation, count))
        }), 600_000)
    }
  })
}

it.effect("a night is of its seed alone", () =>
  Effect.gen(function*() {
    const night = (seed: string) => served(nights["hang 30 s"], policies.AIMD, seed)
    assert.strictEqual(yield* night("one"), yield* night("one"))
    assert.notStrictEqual(yield* night("one"), yield* night("two"))
  }))
