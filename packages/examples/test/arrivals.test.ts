import { assert, describe, it } from "@effect/vitest"
import { Effect, Random } from "effect"
import { arrivals, frequent } from "../double-eleven/arrivals.ts"
import { beginnings, phases, seed } from "../double-eleven/scenario.ts"

const drawn = (from: string) => Random.withSeed(arrivals(phases), from)

describe("arrivals", () => {
  it.effect("are the same for the same seed and others for another", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* drawn(seed), yield* drawn(seed))
      assert.notDeepEqual(yield* drawn(seed), yield* drawn("another night"))
    }))

  it.effect("come in order, from the first second of the night to its last", () =>
    Effect.gen(function*() {
      const times = (yield* drawn(seed)).map(({ at }) => at)
      assert.deepStrictEqual(times, times.toSorted((a, b) => a - b))
      assert.isAbove(times[0]!, 0)
      assert.isBelow(times.at(-1)!, beginnings.at(-1)!)
    }))

  it.effect("come fifteen times as often in the burst as in a calm hour", () =>
    Effect.gen(function*() {
      // One phase after the other, long enough for the chances to even out.
      const [calm, burst] = yield* Effect.forEach([1, 15], (crowd) =>
        Random.withSeed(arrivals([{ ...phases[0]!, crowd, seconds: 10_000 }]), seed))
      assert.closeTo(burst!.length / calm!.length, 15, 0.5)
    }))

  it.effect("ask frequent questions in four of ten cases, and otherwise what nobody else asks", () =>
    Effect.gen(function*() {
      const questions = (yield* Random.withSeed(arrivals([{ ...phases[0]!, seconds: 10_000 }]), seed)).map((
        { question }
      ) => question)
      const unique = questions.filter((question) => !frequent.includes(question))
      assert.closeTo(unique.length / questions.length, 0.6, 0.02)
      assert.strictEqual(new Set(unique).size, unique.length)
    }))

  it.effect("ask in Chinese and in English", () =>
    Effect.gen(function*() {
      const all = yield* drawn(seed)
      const chinese = all.filter(({ question }) => /\p{Script=Han}/u.test(question)).length
      assert.isAbove(chinese, all.length * 0.4)
      assert.isBelow(chinese, all.length * 0.8)
    }))
})
