import { assert, describe, it } from "vitest"
import { growth, median, quantile } from "../../bench/stats.ts"

describe("the numbers of the benchmark", () => {
  it("take the middle, between the two in the middle of an even count, and leave the samples as they are", () => {
    const samples = [9, 1, 100, 3]
    assert.strictEqual(median(samples), 6)
    assert.strictEqual(median([9, 1, 100]), 9)
    assert.deepStrictEqual(samples, [9, 1, 100, 3])
  })

  it("interpolate quartiles", () => {
    assert.strictEqual(quantile([4, 1, 3, 2, 5], 0.25), 2)
    assert.strictEqual(quantile([1, 2, 3, 4], 0.25), 1.75)
  })

  it("tell linear growth from quadratic, whatever the unit", () => {
    const points = (cost: (size: number) => number) => [10, 100, 1_000].map((size) => ({ size, cost: cost(size) }))
    assert.closeTo(growth(points((n) => 7 * n)), 1, 1e-9)
    assert.closeTo(growth(points((n) => 0.1 * n ** 2)), 2, 1e-9)
  })
})
