import { assert, describe, it } from "@effect/vitest"
import { Histogram } from "@switchgear/core/testing"
import { Schema } from "effect"

const between = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))

/** As many short times as long ones, from nothing to 285 years. */
const Time = Schema.Struct({ digits: between(0, 2 ** 20 - 1), doublings: between(0, 33) })

const Times = Schema.Array(Time)
const Some = Times.check(Schema.isMinLength(1), Schema.isMaxLength(50))

const millisOf = ({ digits, doublings }: typeof Time.Type) => (digits * 2 ** doublings) / 1000

const recorded = (times: ReadonlyArray<number>) => {
  const histogram = Histogram.make()
  for (const time of times) histogram.record(time)
  return histogram
}

const percents = [0, 1, 25, 50, 90, 95, 99, 99.9, 100]

/** The shortest of the list that so many percent of it do not exceed. */
const nearestRank = (times: ReadonlyArray<number>, percent: number) => {
  const sorted = [...times].sort((a, b) => a - b)
  return sorted.find((_, index) => (index + 1) * 1000 >= Math.round(percent * 10) * sorted.length)!
}

const runs = Number(process.env.SWITCHGEAR_RUNS ?? 100)
const options = { arbitrary: { runs, size: 100 }, timeout: 10_000 + 40 * runs }

describe("Histogram", () => {
  it.prop(
    "reads every percentile as a recorded one, at most 0.4 % above what a sorted list says",
    { drawn: Some },
    ({ drawn }) => {
      const times = drawn.map(millisOf)
      const histogram = recorded(times)
      for (const percent of percents) {
        const exact = nearestRank(times, percent)
        const read = histogram.percentile(percent)
        // They are kept to the microsecond.
        assert.isTrue(times.some((time) => Math.abs(time - read) <= 0.001), `p${percent}`)
        assert.isAtLeast(read, exact - 0.001, `p${percent}`)
        assert.isAtMost(read, exact * 1.004 + 0.001, `p${percent}`)
      }
    },
    options
  )

  it.prop(
    "reads after a merge and after a reset as if only that had been recorded",
    { one: Some, other: Some },
    ({ one, other }) => {
      const [times, others] = [one.map(millisOf), other.map(millisOf)]
      const merged = recorded(times)
      merged.merge(recorded(others))
      const all = recorded([...times, ...others])
      assert.deepStrictEqual(percents.map((p) => merged.percentile(p)), percents.map((p) => all.percentile(p)))
      merged.reset()
      for (const time of others) merged.record(time)
      const alone = recorded(others)
      assert.deepStrictEqual(percents.map((p) => merged.percentile(p)), percents.map((p) => alone.percentile(p)))
    },
    options
  )

  it.prop("knows the count, the smallest, the largest and the mean exactly", { drawn: Some }, ({ drawn }) => {
    const times = drawn.map(({ digits }) => digits / 1000)
    const histogram = recorded(times)
    const { count, max, mean, min } = histogram.summary()
    assert.deepStrictEqual({ count, max, min }, {
      count: times.length,
      max: Math.max(...times),
      min: Math.min(...times)
    })
    assert.deepStrictEqual([histogram.percentile(0), histogram.percentile(100)], [min, max])
    assert.strictEqual(mean, drawn.reduce((sum, { digits }) => sum + digits, 0) / times.length / 1000)
  }, options)

  it.prop("is one of both when it takes in another", { one: Times, other: Times }, ({ one, other }) => {
    const merged = recorded(one.map(millisOf))
    const taken = recorded(other.map(millisOf))
    const before = taken.summary()
    merged.merge(taken)
    const { mean, ...rest } = merged.summary()
    const { mean: expected, ...summary } = recorded([...one, ...other].map(millisOf)).summary()
    assert.deepStrictEqual(rest, summary)
    // Sums of centuries in microseconds are rounded, each in its order.
    if (rest.count > 0) assert.approximately(mean, expected, expected * 1e-12)
    assert.deepStrictEqual(taken.summary(), before)
  }, options)

  it.prop("is as new after a reset", { before: Times, after: Times }, ({ after, before }) => {
    const histogram = recorded(before.map(millisOf))
    histogram.reset()
    for (const time of after) histogram.record(millisOf(time))
    assert.deepStrictEqual(histogram.summary(), recorded(after.map(millisOf)).summary())
  }, options)

  it("keeps each microsecond apart up to half a millisecond", () => {
    for (let micros = 0; micros < 512; micros++) {
      const histogram = recorded([0, micros / 1000, 1])
      assert.strictEqual(histogram.percentile(50), micros / 1000)
    }
  })

  it("never reads beyond what was recorded, nor less", () => {
    const histogram = recorded([1000.001, 1000.002, 1000.003])
    for (const percent of percents) {
      assert.isAtLeast(histogram.percentile(percent), 1000.001)
      assert.isAtMost(histogram.percentile(percent), 1000.003)
    }
  })

  it("does not lift a rank that is whole to the next by a rounding", () => {
    for (const count of [3, 7, 49, 300, 500]) {
      const micros = Array.from({ length: count }, (_, index) => index + 1)
      const histogram = recorded(micros.map((micros) => micros / 1000))
      for (const rank of micros) {
        assert.strictEqual(histogram.percentile((rank * 100) / count), rank / 1000, `${rank} of ${count}`)
      }
    }
  })

  it("says NaN while there is nothing to read, and null in JSON", () => {
    const { count, ...rest } = Histogram.make().summary()
    assert.strictEqual(count, 0)
    for (const value of Object.values(rest)) assert.isNaN(value)
    assert.include(JSON.stringify(rest), "\"p99\":null")
    assert.isNaN(Histogram.make().percentile(50))
  })

  it("refuses what is no time and no percentage, and counts nothing of it", () => {
    const histogram = Histogram.make()
    for (const millis of [-1, NaN, Infinity, 2 ** 53]) {
      assert.throws(() => histogram.record(millis), RangeError, /Histogram\.record: millis must be from 0 to .*, got /)
    }
    for (const percent of [-1, 101, NaN]) {
      assert.throws(
        () => histogram.percentile(percent),
        `Histogram.percentile: percent must be from 0 to 100, got ${percent}`
      )
    }
    assert.strictEqual(histogram.count, 0)
  })
})
