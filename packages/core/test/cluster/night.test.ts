/** Nights of fleets of several sizes beside nodes that are alone: what the target bears, and who is refused in vain. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { type Plan, play, type Ways } from "./night.ts"

const base: Plan = {
  nodes: 20,
  perSecond: 100,
  shares: true,
  base: 0.01,
  failing: 1,
  from: 20_000,
  to: 65_000,
  until: 110_000,
  seed: "1"
}

type Numbers = readonly [bad: number, lastBad: number, probes: number, recovered: number, closedTooEarly: number]

const numbersOf = (plan: Partial<Plan>) =>
  Effect.map(
    play({ ...base, ...plan }),
    ({ bad, closedTooEarly, lastBad, probes, recovered }): Numbers => [bad, lastBad, probes, recovered, closedTooEarly]
  )

describe("a target that collapses for 45 seconds, at 100 calls a second", () => {
  for (
    const [what, plan, numbers] of [
      ["one node in a fleet", { nodes: 1 }, [55, 551, 20, 6134, 0]],
      ["one node alone", { nodes: 1, shares: false }, [55, 551, 20, 6132, 0]],
      ["3 nodes in a fleet", { nodes: 3 }, [70, 707, 19, 6175, 0]],
      ["20 nodes in a fleet", { nodes: 20 }, [69, 684, 19, 6284, 0]],
      ["20 nodes alone", { nodes: 20, shares: false }, [835, 26_540, 151, 12_010, 0]],
      ["200 nodes in a fleet", { nodes: 200 }, [71, 710, 20, 6158, 0]]
    ] as const
  ) {
    it.live(
      `is called in vain, is probed and recovers with ${what} as in this list`,
      () => Effect.map(numbersOf(plan), (told) => assert.deepStrictEqual(told, numbers)),
      120_000
    )
  }
})

const at = (millis: number, effect: Effect.Effect<void>) => Effect.andThen(Effect.sleep(millis), effect)

const cutOff = ({ cutOff }: Ways, nodes: number) =>
  Effect.sync(() => {
    for (let i = 0; i < nodes; i++) cutOff.add(i)
  })

describe("a fleet of 20 whose target collapses", () => {
  for (
    const [what, faults, numbers] of [
      ["while 5 of them are cut off from the store", (ways: Ways) => cutOff(ways, 5), [304, 9306, 75, 9862, 0]],
      ["and whose store loses everything while it is open", ({ empty }: Ways) => at(25_000, empty), [
        69,
        684,
        19,
        8256,
        0
      ]],
      [
        "and that all come back to the store after 30 seconds",
        (ways: Ways) =>
          Effect.andThen(at(10_000, cutOff(ways, 20)), at(30_000, Effect.sync(() => ways.cutOff.clear()))),
        [
          828,
          23_198,
          42,
          285,
          0
        ]
      ]
    ] as const
  ) {
    it.live(`${what} has the numbers of this list, and no node closes too early`, () =>
      Effect.map(numbersOf({ faults }), (told) => assert.deepStrictEqual(told, numbers as never)))
  }
})

describe("a healthy target", () => {
  it.live(
    "is refused to hardly more calls than without a fleet where one node of 20 is sick",
    () =>
      Effect.gen(function*() {
        const sick = { sick: 0, nodes: 20 }
        const alone = yield* play({ ...base, ...sick, shares: false })
        const inFleet = yield* play({ ...base, ...sick })
        assert.isAtMost(inFleet.refused, 1.05 * alone.refused)
        assert.strictEqual(inFleet.calls, alone.calls, "the same calls come to both")
      }),
    120_000
  )

  it.live(
    "is refused to no more calls by a fleet of 200 than by its nodes alone, for a fifth of failures in ten minutes",
    () =>
      Effect.gen(function*() {
        const minutes = { nodes: 200, base: 0.2, from: 600_000, to: 600_000, until: 600_000 }
        const alone = yield* play({ ...base, ...minutes, shares: false })
        const inFleet = yield* play({ ...base, ...minutes })
        assert.isAtMost(inFleet.refused, alone.refused)
        assert.strictEqual(inFleet.calls, alone.calls, "the same calls come to both")
      }),
    120_000
  )
})
