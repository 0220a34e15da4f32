/** A fiber that waits for a ring misses none. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { vi } from "vitest"

const { Bell } = await vi.importActual<typeof import("../../src/cluster/bell.ts")>("../../src/cluster/bell.ts")

describe("a bell wakes a fiber", () => {
  it.effect("that waits", () =>
    Effect.gen(function*() {
      const bell = new Bell()
      const waiting = yield* Effect.forkChild(bell.rungWithin(Infinity), { startImmediately: true })
      bell.ring()
      yield* Fiber.join(waiting)
    }))

  it.effect("that has decided to wait, and yielded before it did", () =>
    Effect.gen(function*() {
      const bell = new Bell()
      const wait = bell.rungWithin(Infinity)
      bell.ring()
      yield* wait
    }))

  it.effect("at the end of its time, and not for a ring that came before it decided to wait", () =>
    Effect.gen(function*() {
      const bell = new Bell()
      bell.ring()
      const waiting = yield* Effect.forkChild(bell.rungWithin(10), { startImmediately: true })
      assert.isUndefined(waiting.pollUnsafe())
      yield* TestClock.adjust(10)
      yield* Fiber.join(waiting)
    }))

  it.effect("that waits again after it was interrupted", () =>
    Effect.gen(function*() {
      const bell = new Bell()
      yield* Fiber.interrupt(yield* Effect.forkChild(bell.rungWithin(Infinity), { startImmediately: true }))
      const waiting = yield* Effect.forkChild(bell.rungWithin(Infinity), { startImmediately: true })
      bell.ring()
      yield* Fiber.join(waiting)
    }))
})
