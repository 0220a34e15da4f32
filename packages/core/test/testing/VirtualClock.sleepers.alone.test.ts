import { assert, it } from "@effect/vitest"
import { VirtualClock } from "@switchgear/core/testing"
import { Effect, Fiber, Random } from "effect"
import { vi } from "vitest"

type IsBefore = (a: unknown, b: unknown) => boolean

let comparisons = 0

vi.mock("../../src/internal/data/heap.ts", async (original) => {
  const { Heap } = await original<{ readonly Heap: new(isBefore: IsBefore) => object }>()
  class Counted extends Heap {
    constructor(isBefore: IsBefore) {
      super((a, b) => {
        comparisons++
        return isBefore(a, b)
      })
    }
  }
  return { Heap: Counted }
})

it.effect("n sleepers, half of whom are interrupted, cost n log n comparisons", () =>
  Effect.gen(function*() {
    const sleepers = 100_000
    const sleep = Effect.flatMap(Random.nextIntBetween(1, 1_000_000), (millis) => Effect.sleep(millis))
    const all = Effect.gen(function*() {
      const fibers: Array<Fiber.Fiber<void>> = []
      for (let i = 0; i < sleepers; i++) fibers.push(yield* Effect.forkChild(sleep, { startImmediately: true }))
      for (const [i, fiber] of fibers.entries()) if (i % 2 === 0) fiber.interruptUnsafe()
      for (const fiber of fibers) yield* Fiber.await(fiber)
    })
    yield* VirtualClock.play(Random.withSeed(all, "sleepers"), { promises: "none" })
    assert.isAbove(comparisons, sleepers)
    assert.isBelow(comparisons, 3 * sleepers * Math.log2(sleepers))
  }))
