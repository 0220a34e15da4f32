/** What happens to the two providers of `simulation.ts`, and how near to the numbers of the design is near enough. */
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import { type Lane, type Scene, type Score, simulate } from "./simulation.ts"

const calm = { seconds: 900, measured: [60, 900] } as const

export const scenes = {
  "calm, 5 % stragglers": { ...calm, rate: 8, longShare: 0, stragglers: 0.05 },
  "calm, a tail by size": { ...calm, rate: 4, longShare: 0.2, stragglers: 0 },
  "85 % load, 3 % stragglers": { ...calm, rate: 8, longShare: 0.2, stragglers: 0.03 },
  "a brownout of two minutes": {
    seconds: 420,
    measured: [180, 300],
    rate: 6,
    longShare: 0.2,
    stragglers: 0.02,
    besides: 4,
    changes: [[180, 0.35], [300, 1]]
  }
} satisfies Record<string, Scene>

export type Expected = Partial<Omit<Score, "hedges">>

const tolerances: { readonly [K in keyof Required<Expected>]: number } = {
  served: 4,
  extraTokens: 4,
  won: 4,
  p99: 0.6,
  firstTokenP99: 0.6
}

export const mean = (scores: ReadonlyArray<Score>, key: keyof Score): number =>
  scores.reduce((sum, score) => sum + score[key], 0) / scores.length

export const played = (scene: Scene, lane: Lane, seeds: ReadonlyArray<number> = [1, 2, 3]) =>
  Effect.promise(() => Effect.runPromise(Effect.forEach(seeds, (seed) => simulate(scene, lane, seed))))

export const withinTolerance = (scores: ReadonlyArray<Score>, expected: Expected): void => {
  for (const [key, value] of Object.entries(expected)) {
    const of = key as keyof Required<Expected>
    assert.closeTo(mean(scores, of), value, tolerances[of], of)
  }
}
