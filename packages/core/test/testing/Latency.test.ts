import { Latency } from "@switchgear/core/testing"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Random } from "effect"

/** So many times, smallest first. */
const times = (latency: Latency.Latency, count: number) =>
  Effect.map(Random.withSeed(Random.Random, "latency"), (random) => {
    const draw = Latency.sampler(latency)
    return Array.from({ length: count }, () => draw(random)).sort((a, b) => a - b)
  })

const near = (actual: number | undefined, expected: number, share: number) =>
  assert.isTrue(Math.abs(actual! - expected) <= share * expected, `${actual} is not near ${expected}`)

describe("Latency", () => {
  it.effect("is always the same where it is constant, and takes nothing from the generator", () =>
    Effect.gen(function*() {
      const drawing: Random.Random = {
        nextIntUnsafe: () => assert.fail("drawn"),
        nextDoubleUnsafe: () => assert.fail("drawn")
      }
      assert.strictEqual(Latency.sample(Latency.constant("1.5 seconds"), drawing), 1500)
      assert.deepStrictEqual(yield* times(Latency.constant(7), 3), [7, 7, 7])
    }))

  it.effect("lies between its bounds, evenly, where it is uniform", () =>
    Effect.gen(function*() {
      const drawn = yield* times(Latency.uniform("1 second", "3 seconds"), 10_000)
      assert.isAtLeast(drawn[0]!, 1000)
      assert.isAtMost(drawn.at(-1)!, 3000)
      for (const share of [0.1, 0.25, 0.5, 0.75, 0.9]) near(drawn[share * 10_000], 1000 + 2000 * share, 0.02)
    }))

  it.effect("has the median and the tail that were asked for where it is log-normal", () =>
    Effect.gen(function*() {
      const drawn = yield* times(Latency.logNormal({ median: "800 millis", p95: "2 seconds" }), 20_000)
      near(drawn[10_000], 800, 0.02)
      near(drawn[19_000], 2000, 0.03)
      assert.isTrue(drawn[0]! > 0)
    }))

  it.effect("has the mean and the tail of a process without memory where it is exponential", () =>
    Effect.gen(function*() {
      const drawn = yield* times(Latency.exponential("1 second"), 20_000)
      near(drawn.reduce((sum, each) => sum + each, 0) / 20_000, 1000, 0.02)
      near(drawn[10_000], 1000 * Math.LN2, 0.03)
      near(drawn[19_000], 1000 * Math.log(20), 0.03)
    }))

  it.effect("is one of the durations that were measured, each as often", () =>
    Effect.gen(function*() {
      const drawn = yield* times(Latency.empirical([20, "1 second", 300]), 3000)
      assert.deepStrictEqual([...new Set(drawn)], [20, 300, 1000])
      near(drawn.filter((each) => each === 300).length, 1000, 0.05)
    }))

  it.effect("is that of one part of a mix, by the shares", () =>
    Effect.gen(function*() {
      const none = Latency.constant(1)
      const drawn = yield* times(
        Latency.mix([[0, none], [9, Latency.constant(50)], [1, Latency.uniform(100, 200)]]),
        10_000
      )
      assert.strictEqual(drawn[0], 50)
      near(drawn.filter((each) => each === 50).length, 9000, 0.02)
      assert.isAbove(drawn.at(-1)! - drawn[9500]!, 30)
    }))

  it.effect("keeps microseconds below ten milliseconds", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* times(Latency.constant("400 micros"), 1), [0.4])
      assert.deepStrictEqual(yield* times(Latency.constant(9.9), 1), [9.9])
      assert.deepStrictEqual(yield* times(Latency.constant(10.4), 1), [10])
      near((yield* times(Latency.logNormal({ median: "300 micros", p95: "900 micros" }), 10_000))[5000], 0.3, 0.03)
    }))

  it.effect("is the same again with the same seed, drawn one by one or by a sampler, and whole from ten milliseconds on", () =>
    Effect.gen(function*() {
      const latency = Latency.logNormal({ median: 800, p95: 2000 })
      const random = yield* Random.withSeed(Random.Random, "latency")
      const drawn = Array.from({ length: 100 }, () => Latency.sample(latency, random)).sort((a, b) => a - b)
      assert.deepStrictEqual(drawn, yield* times(latency, 100))
      assert.isTrue(drawn.every(Number.isInteger))
    }))

  it("that makes no sense is refused with the field, the value and the range", () => {
    const bad: ReadonlyArray<readonly [Latency.Latency, string]> = [
      [Latency.constant(-1), "latency.duration must be a finite duration of zero or more, got -1"],
      [Latency.constant(NaN), "latency.duration must be a finite duration of zero or more, got NaN"],
      [Latency.constant("Infinity"), "latency.duration must be a finite duration of zero or more, got \"Infinity\""],
      [
        "5 seconds" as unknown as Latency.Latency,
        "latency must be one that `Latency` makes, such as Latency.constant("
      ],
      [Latency.uniform(-5, 5), "latency.min must be a finite duration of zero or more, got -5"],
      [Latency.uniform(5, 4), "latency.max must be at least as long as `min`, got 4"],
      [Latency.exponential(0), "latency.mean must be a finite duration above zero, got 0"],
      [Latency.empirical([]), "latency.durations must be a list with something in it, got []"],
      [Latency.empirical([1, -1]), "latency.durations[1] must be a finite duration of zero or more, got -1"],
      [Latency.mix([[0, Latency.constant(1)]]), "latency.shares must be a list with a share above zero"],
      [Latency.mix([[-1, Latency.constant(1)]]), "latency.shares[0][0] must be a number of zero or more, got -1"],
      [Latency.mix([[1, Latency.uniform(5, 4)]]), "latency.shares[0][1].max must be at least as long as `min`, got 4"],
      [Latency.logNormal({ median: 0, p95: 5 }), "latency.median must be a finite duration above zero, got 0"],
      [Latency.logNormal({ median: 10, p95: 5 }), "latency.p95 must be at least as long as `median`, got 5"]
    ]
    for (const [latency, message] of bad) {
      assert.throws(() => Latency.validate("rules[1]", latency), RangeError, `rules[1]: ${message}`)
    }
    for (const latency of [Latency.constant(0), Latency.uniform(0, 0), Latency.logNormal({ median: 1, p95: 1 })]) {
      Latency.validate("rules[1]", latency)
    }
  })
})
