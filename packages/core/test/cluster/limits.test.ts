import { describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { mostIn, play, zipf, type Plan } from "./limits.ts"

const base = { until: 20_000, seed: "one" }
const scenes: Array<[string, (n: number) => Plan["demand"]]> = [
  ["saturated", (n) => { const s = zipf(n); return (_t, i) => 300 * s[i]! }],
  ["90/s", (n) => { const s = zipf(n); return (_t, i) => 90 * s[i]! }],
  ["moves", (n) => { const k = Math.max(1, Math.floor(n / 10)); return (t, i) => { const g = Math.floor(t / 5000) % Math.max(1, Math.floor(n / k)); return Math.floor(i / k) === g ? 150 / k : 0 } }],
  ["storm", (n) => (t) => (Math.floor(t / 5000) % 2 === 0 ? 20 : 600) / n]
]
describe("x", () => {
  for (const n of [1, 3, 20, 200]) for (const [name, demand] of scenes)
    it.live(`${name} ${n}`, () => Effect.gen(function*() {
      const began = performance.now()
      const r = yield* play({ ...base, nodes: n, demand: demand(n) })
      console.log(name, n, { asked: r.asked, passed: r.passed.length, share: r.passed.length / r.ideal, most: mostIn(r.passed, 1000), ops: r.perSecondAtStore, ms: Math.round(performance.now() - began) })
    }), 60000)
})
