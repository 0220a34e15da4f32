/**
 * What hedges are worth, in virtual time: the numbers of the design, which an independent simulation has measured, within 4
 * points and 0.6 seconds. Beside the default stand no hedge, and one after two seconds that no budget holds.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { readFileSync } from "node:fs"
import { type Expected, mean, played, scenes, withinTolerance } from "./scenes.ts"
import type { Lane, Score } from "./simulation.ts"

const lanes = {
  none: { options: undefined, target: "same" },
  "2 s, no budget": {
    options: { delay: "2 seconds", on: "result", budget: { ratio: 1, burst: 1000 }, minimumWinRate: 0 },
    target: "same"
  },
  default: { options: {}, target: "next" }
} satisfies Record<string, Lane>

/** Of each scene: what came of no hedge, of the one without a budget, and of the default. */
const expected: { readonly [S in keyof typeof scenes]: { readonly [L in keyof typeof lanes]: Expected } } = {
  "calm, 5 % stragglers": {
    none: { served: 99.9, p99: 6.96, firstTokenP99: 4.79 },
    "2 s, no budget": { served: 100, p99: 5.57, firstTokenP99: 2.37, extraTokens: 21 },
    default: { served: 100, p99: 5.64, firstTokenP99: 1.84, extraTokens: 6 }
  },
  "calm, a tail by size": {
    none: { served: 99.8, p99: 5.16, firstTokenP99: 0.69 },
    "2 s, no budget": { served: 99.8, p99: 5.35, extraTokens: 71 },
    default: { served: 99.8, p99: 5.16, firstTokenP99: 0.69, extraTokens: 1.4 }
  },
  "85 % load, 3 % stragglers": {
    none: { served: 99.1, p99: 7.38, firstTokenP99: 4.52 },
    "2 s, no budget": { served: 17 },
    default: { served: 99.4, p99: 6.09, firstTokenP99: 1.11, extraTokens: 6 }
  },
  "a brownout of two minutes": {
    none: { served: 49 },
    "2 s, no budget": { served: 8 },
    default: { served: 61 }
  }
}

const plain = (page: string) =>
  readFileSync(new URL(`../../../../docs/${page}.md`, import.meta.url), "utf8").replaceAll(/\s+/g, " ")

const rows: { readonly [L in keyof typeof lanes]: string } = {
  none: "none",
  "2 s, no budget": "after 2 s without a result, without a budget",
  default: "default, to the next model"
}

/** What the documentation says of a lane in a scene. */
const said = (
  scene: string,
  lane: keyof typeof lanes,
  scores: ReadonlyArray<Score>
): readonly [page: string, text: string] | undefined => {
  const [served, tokens, first] = [mean(scores, "served"), mean(scores, "extraTokens"), mean(scores, "firstTokenP99")]
  if (scene === "85 % load, 3 % stragglers") {
    const answered = lane === "2 s, no budget" ? served.toFixed(0) : served.toFixed(1)
    const time = lane === "2 s, no budget" ? "" : `${first.toFixed(1)} s `
    const more = lane === "none" ? "" : `${tokens.toFixed(0)} % `
    return ["hedge", `| ${rows[lane]} | ${answered} % | ${time}| ${more}|`]
  }
  if (scene !== "calm, 5 % stragglers" || lane === "2 s, no budget") return undefined
  return [
    "choosing",
    lane === "none"
      ? `first token ${first.toFixed(1)} s →`
      : `→ ${first.toFixed(1)} s, for ${tokens.toFixed(0)} % more tokens`
  ]
}

describe("of hedges, a simulation of two providers says:", () => {
  for (const scene of Object.keys(scenes) as ReadonlyArray<keyof typeof scenes>) {
    for (const lane of Object.keys(lanes) as ReadonlyArray<keyof typeof lanes>) {
      it.effect(`${scene}, ${lane}`, () =>
        Effect.gen(function*() {
          const scores = yield* played(scenes[scene], lanes[lane])
          withinTolerance(scores, expected[scene][lane])
          // Whatever comes, hedges are five in a hundred calls, and the ten that were saved up.
          const row = said(scene, lane, scores)
          if (row !== undefined) assert.include(plain(row[0]), row[1])
          if (lane === "default") { for (const { hedges } of scores) assert.isAtMost(hedges, 7) }
        }), { timeout: 60_000 })
    }
  }
})
