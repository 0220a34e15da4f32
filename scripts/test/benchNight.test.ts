import { assert, describe, it } from "vitest"
import { saidBy } from "../../bench/night/answers.ts"
import { customers } from "../../bench/night/customers.ts"
import { linesOf } from "../../bench/night/firstUse.ts"
import { beginnings, phaseAt, phases } from "../../bench/night/script.ts"
import { sumUp } from "../../bench/night/sumUp.ts"
import { table } from "../../bench/report.ts"

describe("the night of the benchmark", () => {
  it("brings the same customers to every lane, in order, at the rate of each phase", () => {
    const all = customers()
    assert.strictEqual(all.length, 1508)
    assert.deepStrictEqual(all, customers())
    assert.isTrue(all.every(({ at }, i) => i === 0 || at >= all[i - 1]!.at))
    phases.forEach(({ millis, rate }, i) => {
      const expected = rate * millis / 1000
      const came = all.filter(({ at }) => phaseAt(at) === i).length
      assert.isBelow(Math.abs(came - expected), 4 * Math.sqrt(expected), phases[i]!.name)
    })
  })

  it("is in its first phase before it begins, and in its last one when it is over", () => {
    assert.deepStrictEqual([-1, 0, 3999, 4000, 1e9].map(phaseAt), [0, 0, 0, 1, phases.length - 1])
    assert.strictEqual(beginnings.at(-1), 21_000)
  })

  it("counts each customer once, and the recovery from the first model that answers after it", () => {
    const recovery = beginnings[phases.findLastIndex(({ isFirstUp }) => !isFirstUp) + 1]!
    const sum = sumUp([
      { at: 10, from: "gpt-4.1", waited: 80 },
      { at: 20, from: "cache", waited: 1 },
      { at: 5000, from: "canned", because: "CircuitOpen", waited: 5 },
      { at: 5001, from: "canned", because: "CircuitOpen", waited: 5 },
      { at: 6000, from: "error", because: "TypeError", waited: 9 },
      { at: recovery, from: "gave up", waited: 1500 },
      { at: recovery + 100, from: "gpt-4.1", waited: 200 }
    ], { cpu: 12.3, stoodStill: 4.5 })
    const { byModel, canned, customers, errors, fresh, gaveUp, reasons, recovered } = sum
    assert.deepStrictEqual([customers, byModel, fresh, canned, errors, gaveUp, recovered], [7, 2, 1, 2, 1, 1, 300])
    assert.deepStrictEqual(reasons, { "slow: CircuitOpen": 2, "slow: TypeError": 1 })
  })

  it("takes no sentence for the answer of a model", () => {
    assert.deepStrictEqual(saidBy("[gpt-4.1] Hello"), { from: "gpt-4.1" })
    assert.throws(() => saidBy("Please try again in a minute."), /No model says/)
    assert.throws(() => saidBy(undefined), /No model says/)
  })

  it("counts lines of a program that are neither empty nor comments", () => {
    assert.strictEqual(linesOf("import x\n\n// says why\nconst a = 1 // one\n"), 2)
  })

  it("prints several numbers of each lane, each column as wide as it must be", () => {
    const text = table({
      title: "A title",
      grid: { columns: ["", "calls", "ms"], lines: [["ours", 1409, 5], ["theirs", 12, "none"]] },
      notes: [],
      rows: []
    })
    assert.include(text, "          calls    ms\n  ours    1,409     5\n  theirs     12  none")
  })
})
