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
      ["one node in a fleet", { nodes: 1 }, [52, 495, 20, 5981, 0]],
      ["one node alone", { nodes: 1, shares: false }, [54, 481, 20, 5957, 0]],
      ["3 nodes in a fleet", { nodes: 3 }, [79, 591, 20, 6431, 0]],
      ["20 nodes in a fleet", { nodes: 20 }, [68, 699, 19, 6235, 0]],
      ["20 nodes alone", { nodes: 20, shares: false }, [831, 23_147, 157, 12_914, 0]],
      ["200 nodes in a fleet", { nodes: 200 }, [69, 687, 20, 6060, 0]]
    ] as const
  ) {
    it.live(`is called in vain, is probed and recovers with ${what} as in this list`, () =>
      Effect.map(numbersOf(plan), (told) => assert.deepStrictEqual(told, numbers)))
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
      ["while 5 of them are cut off from the store", (ways: Ways) => cutOff(ways, 5), [305, 8436, 80, 9828, 0]],
      ["and whose store loses everything while it is open", ({ empty }: Ways) => at(25_000, empty), [
        68,
        699,
        20,
        7190,
        0
      ]],
      [
        "and that all come back to the store after 30 seconds",
        (ways: Ways) =>
          Effect.andThen(at(10_000, cutOff(ways, 20)), at(30_000, Effect.sync(() => ways.cutOff.clear()))),
        [
          857,
          23_964,
          55,
          9721,
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
  it.live("is refused to hardly more calls than without a fleet where one node of 20 is sick", () =>
    Effect.gen(function*() {
      const sick = { sick: 0, nodes: 20 }
      const alone = yield* play({ ...base, ...sick, shares: false })
      const inFleet = yield* play({ ...base, ...sick })
      assert.isAtMost(inFleet.refused, 1.05 * alone.refused)
    }))

  it.live("is never refused by a fleet of 200 for a fifth of failures, in ten minutes", () =>
    Effect.gen(function*() {
      const minutes = { nodes: 200, base: 0.2, from: 600_000, to: 600_000, until: 600_000 }
      const alone = yield* play({ ...base, ...minutes, shares: false })
      const inFleet = yield* play({ ...base, ...minutes })
      assert.isAtMost(inFleet.refused, alone.refused)
    }))
})
