/** What a step of a fiber takes for granted of the platform. */
import { afterEach, assert, describe, it, vi } from "@effect/vitest"
import { Effect, type Fiber } from "effect"

interface Primitive {
  readonly primitivePrototype: (
    label: string,
    evaluate: (fiber: Fiber.Fiber<unknown>) => Effect.Effect<unknown>
  ) => object
}

const load = () => vi.importActual<Primitive>("../../../src/internal/runtime/primitive.ts")

afterEach(() => {
  vi.doUnmock("effect/Effectable")
  vi.resetModules()
})

describe("a step of a fiber, as this version of Effect has them", () => {
  it.effect("is evaluated by its own function, with itself and the fiber, and goes on with what that answers", () =>
    Effect.gen(function*() {
      const { primitivePrototype } = yield* Effect.promise(load)
      const seen: Array<unknown> = []
      const step: Effect.Effect<unknown> = Object.create(primitivePrototype("test", function(this: unknown, fiber) {
        seen.push(this, fiber)
        return Effect.succeed("next")
      }))
      const fiber = yield* Effect.withFiber((fiber) => Effect.succeed(fiber))
      assert.strictEqual(yield* step, "next")
      assert.isTrue(Effect.isEffect(step))
      assert.deepStrictEqual(seen.map((one) => one === step || one === fiber), [true, true])
    }))

  it("is refused with the reason when the library is loaded, where the platform keeps it in another way", async () => {
    vi.resetModules()
    vi.doMock("effect/Effectable", () => ({ Prototype: () => ({ other: () => Effect.void }) }))
    const told = await import("../../../src/internal/runtime/primitive.ts" as string).then(
      () => "loaded",
      (error: unknown) => String(error)
    )
    assert.include(told, "@switchgear/core does not work with this version of effect")
    assert.include(told, "Install a version in the range of its peer dependency")
  })
})
