/**
 * Providers of tokens in overload and in other bad times, behind different guards. The shares of calls that are answered in
 * time are those of a simulation of discrete events that was written for other purposes, without this library.
 *
 * `SWITCHGEAR_RUNS=40` plays forty nights for each share, which takes two minutes, and prints the table.
 */
import { assert, describe, it } from "@effect/vitest"
import { Console, Effect } from "effect"
import { type Night, nights, play, type Seen, smallerNights } from "./tokens/nights.ts"
import { policies } from "./tokens/policies.ts"

/**
 * The mean of 400 nights of that simulation in percent, and the standard deviation from night to night. Its breaker has the
 * rules of this library: calls from before it opened are no probes, and it decides as soon as the probes are certain.
 * Without these two rules, it is at most one point from here, but at 42 where one machine is overloaded.
 */
type Share = readonly [mean: number, deviation: number]

type Policy = keyof typeof policies
type Table<Nights> = { readonly [P in Policy]?: { readonly [N in keyof Nights]?: Share } }

const shares: Table<typeof nights> = {
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
  },
  "AIMD that takes 5 s for a drop": {
    calm: [74.9, 11.8],
    "mix shift": [10.5, 3.2],
    slow3: [8.1, 2.1]
  }
}

const smallerShares: Table<typeof smallerNights> = {
  "no limit": { slow3: [86.6, 1] },
  "smaller limit": {
    calm: [99.3, 0.4],
    "over ×2": [48.7, 1.8],
    "burst ×15": [24.7, 1.7],
    "c/2": [53.3, 3.3],
    "hang 30 s": [74, 3.3],
    noise: [93.2, 2.3],
    "mix shift": [70.6, 2.7],
    slow3: [57, 2.8],
    "over, queue": [48.7, 1.8],
    "over, one machine": [48.7, 1.8]
  },
  AIMD: { slow3: [83.8, 3.1] }
}

const { SWITCHGEAR_RUNS: given } = process.env
const runs = given === undefined ? undefined : Math.min(100, Number(given))

/** Half a point for what the two simulations do differently, such as whole milliseconds, and three standard errors. */
const toleranceOf = (deviation: number, nights: number) => 0.5 + 3 * deviation / Math.sqrt(nights)

/** As many nights as it takes for a tolerance of four and a half points, at least two and at most twenty. */
const nightsFor = (deviation: number) => runs ?? Math.min(20, Math.max(2, Math.ceil((3 * deviation / 4) ** 2)))

/** What was seen of the nights that have been played: a night is of its seed alone. */
const seenOf = new Map<Night, Map<string, Seen>>()

const played = (night: Night, policy: Policy, count: number) => {
  const seen = seenOf.get(night) ?? new Map<string, Seen>()
  seenOf.set(night, seen)
  return Effect.forEach(Array.from({ length: count }), (_, index) => {
    const known = seen.get(`${policy} ${index}`)
    return known === undefined
      ? Effect.tap(
        play(night, policies[policy], `night ${index}`),
        (one) => Effect.sync(() => seen.set(`${policy} ${index}`, one))
      )
      : Effect.succeed(known)
  })
}
const meanOf = (seen: ReadonlyArray<Seen>, figure: keyof Seen) =>
  seen.reduce((sum, one) => sum + one[figure], 0) / seen.length

const entriesOf = <K extends string, V>(record: { readonly [P in K]?: V }) => Object.entries(record) as Array<[K, V]>

const suite = <N extends string>(about: string, nights: Record<N, Night>, table: Table<Record<N, Night>>) => {
  for (const [policy, byNight] of entriesOf(table)) {
    describe(`with ${policy}, ${about} answers in time:`, () => {
      for (const [name, [mean, deviation]] of entriesOf<N, Share>(byNight!)) {
        it.live(`${name}, ${Math.round(mean)} % of the calls`, () =>
          Effect.gen(function*() {
            const count = nightsFor(deviation)
            const share = meanOf(yield* played(nights[name], policy, count), "answered")
            const tolerance = toleranceOf(deviation, count)
            if (runs !== undefined)
              yield* Console.log([policy, name, share.toFixed(1), mean, tolerance.toFixed(1)].join("\t"))
            assert.closeTo(share, mean, tolerance)
          }), 600_000)
      }
    })
  }
}

suite("a provider of tokens", nights, shares)
suite("a smaller one with more long requests", smallerNights, smallerShares)

const unit: Record<keyof Seen, string> = {
  answered: "% are answered in time",
  chats: "% of the chats are answered in time",
  long: "% of the long calls are answered in time",
  failed: "% are refused by the provider or late",
  p99: "s is the time of 99 of 100 chats"
}

describe("a provider of tokens at twice its load:", () => {
  const figures: ReadonlyArray<
    readonly [Policy, keyof typeof nights, figure: keyof Seen, mean: number, deviation: number]
  > = [
    ["fixed limit", "over ×2", "failed", 0.1, 0.1],
    ["fixed limit", "over ×2", "p99", 5.7, 0.3],
    ["fixed limit", "over ×2", "chats", 47.9, 1.7],
    ["fixed limit", "over ×2", "long", 47.4, 1.5],
    ["no limit", "over ×2", "chats", 0, 0.1],
    ["no limit", "over ×2", "long", 63.5, 2.7],
    ["AIMD", "over ×2", "failed", 8.5, 0.8],
    ["AIMD", "over, queue", "failed", 14.4, 1],
    ["AIMD", "over, queue", "chats", 30.3, 1.9],
    ["AIMD", "over ×2", "p99", 9.9, 0.1]
  ]
  for (const [policy, night, figure, mean, deviation] of figures) {
    it.live(`${night}, with ${policy}, ${mean} ${unit[figure]}`, () =>
      Effect.gen(function*() {
        const count = runs ?? 2
        const seen = meanOf(yield* played(nights[night], policy, count), figure)
        assert.closeTo(
          seen,
          mean,
          figure === "p99" ? 0.1 + 3 * deviation / Math.sqrt(count) : toleranceOf(deviation, count)
        )
      }), 600_000)
  }
})

it.effect("a night is of its seed alone", () =>
  Effect.gen(function*() {
    const night = (seed: string) => play(nights["hang 30 s"], policies.AIMD, seed)
    assert.deepStrictEqual(yield* night("one"), yield* night("one"))
    assert.notDeepEqual(yield* night("one"), yield* night("two"))
  }))
