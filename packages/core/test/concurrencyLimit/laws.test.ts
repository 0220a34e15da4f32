/** The laws of `"gradient"` over random histories of calls, and what the other algorithms have of them. */
import { assert, describe, it, vi } from "@effect/vitest"
import type { ConcurrencyLimit } from "@switchgear/core"
import { historyOf, numbers, play, rulesOf } from "./histories.ts"
import { laws } from "./laws.ts"

type Algorithm = ConcurrencyLimit.Algorithm
type AlgorithmRules = ConcurrencyLimit.AlgorithmRules

// What makes the algorithms is private.
const { makeAlgorithm } = await vi.importActual<{
  readonly makeAlgorithm: (rules: AlgorithmRules, now: number, random: () => number) => Algorithm
}>("../../src/concurrencyLimit/makeAlgorithm.ts")

const gradient = (rules: Omit<AlgorithmRules, "algorithm">, now: number): Algorithm =>
  makeAlgorithm({ ...rules, algorithm: "gradient" }, now, () => 0)

const histories = 150

const each = (check: (seed: number) => void) => {
  for (let seed = 1; seed <= histories; seed++) check(seed)
}

describe("gradient, in random histories of calls", () => {
  for (const [name, law] of Object.entries(laws)) {
    it(name, () =>
      each((seed) => {
        const problem = law(gradient, rulesOf(seed), historyOf(seed))
        assert.isUndefined(problem, `history ${seed}`)
      }))
  }

  it("comes to every reason, many times", () => {
    const seen: { [reason: string]: number } = {}
    each((seed) => {
      for (const move of play(gradient(rulesOf(seed), 0), historyOf(seed))) {
        if (move.after !== move.before) seen[move.reason] = (seen[move.reason] ?? 0) + 1
      }
    })
    assert.sameMembers(Object.keys(seen), ["grow", "brake", "drop", "relearn", "min", "max"])
    for (const [reason, times] of Object.entries(seen)) assert.isAbove(times, 20, reason)
  })
})

for (const name of ["aimd", "vegas", "gradient2"] as const) {
  describe(`${name}, in random histories of calls`, () => {
    const made = (seed: number, now = 0): Algorithm =>
      makeAlgorithm({ ...rulesOf(seed), algorithm: name }, now, numbers(seed))

    const limits = (seed: number, algorithm = made(seed)) => play(algorithm, historyOf(seed)).map(({ after }) => after)

    it("the limit is from min to max", () =>
      each((seed) => {
        const { max, min } = rulesOf(seed)
        assert.isTrue(limits(seed).every((limit) => limit >= min && limit <= max), `history ${seed}`)
      }))

    it("the same history gives the same path", () => each((seed) => assert.deepStrictEqual(limits(seed), limits(seed))))

    it("does not grow while less than half of it is in use", () =>
      each((seed) => {
        const idle = historyOf(seed).map((step) => ({ ...step, use: 0.3 }))
        for (const { after, before, inFlight } of play(made(seed), idle)) {
          assert.isTrue(after <= before || inFlight * 2 >= before, `history ${seed}`)
        }
      }))

    it("calls that only begin change nothing", () =>
      each((seed) => {
        const algorithm = made(seed)
        play(algorithm, historyOf(seed))
        const before = algorithm.limit
        for (let inFlight = 1; inFlight <= 500; inFlight++) algorithm.begun(inFlight)
        assert.strictEqual(algorithm.limit, before)
      }))
  })
}
