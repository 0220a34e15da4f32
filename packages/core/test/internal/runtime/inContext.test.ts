/** What the change of a context takes for granted of the platform: on an Effect that behaves otherwise these fail. */
import { assert, describe, it, vi } from "@effect/vitest"
import { Context, Effect, Exit, Fiber } from "effect"

const { inContext } = await vi.importActual<typeof import("../../../src/internal/runtime/inContext.ts")>(
  "../../../src/internal/runtime/inContext.ts"
)

const Word = Context.Reference<string>("test/Word", { defaultValue: () => "outside" })

const saying = <A, E>(word: string, self: Effect.Effect<A, E>): Effect.Effect<A, E> =>
  Effect.withFiber((fiber) => inContext(self, Context.add(fiber.context, Word, word)))

describe("an effect in another context", () => {
  it.effect("reads it, and what comes after reads the one before, however the effect ends", () =>
    Effect.gen(function*() {
      for (const exit of [Exit.succeed(1), Exit.fail("503"), Exit.die("bug")]) {
        const seen: Array<string> = []
        const ended = yield* Effect.exit(
          saying("inside", Effect.andThen(Effect.map(Word, (word) => seen.push(word)), exit))
        )
        assert.deepStrictEqual(ended, exit)
        assert.deepStrictEqual([...seen, yield* Word], ["inside", "outside"])
      }
    }))

  it.effect("is put back before what is around hears of the end", () =>
    Effect.gen(function*() {
      const heard: Array<string> = []
      const hearing = <A, E>(self: Effect.Effect<A, E>) =>
        Effect.onExit(self, () => Effect.map(Word, (word) => heard.push(word)))
      yield* hearing(saying("inside", hearing(saying("further inside", Effect.void))))
      assert.deepStrictEqual(heard, ["inside", "outside"])
    }))

  it.effect("is put back where the work throws in the step that begins it", () =>
    Effect.gen(function*() {
      const throwing = Effect.suspend((): Effect.Effect<void> => {
        throw new Error("bug")
      })
      yield* Effect.exit(saying("inside", throwing))
      assert.strictEqual(yield* Word, "outside")
    }))

  it.effect("is put back before the finalizers outside of it run, where the work is interrupted", () =>
    Effect.gen(function*() {
      const heard: Array<string> = []
      const fiber = yield* Effect.forkChild(
        Effect.onInterrupt(
          saying("inside", Effect.onInterrupt(Effect.never, () => Effect.map(Word, (word) => heard.push(word)))),
          () => Effect.map(Word, (word) => heard.push(word))
        ),
        { startImmediately: true }
      )
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(heard, ["inside", "outside"])
    }))

  it.effect("runs as often as it is asked to", () =>
    Effect.gen(function*() {
      const twice = saying("inside", Word)
      assert.deepStrictEqual([yield* twice, yield* Word, yield* twice, yield* Word], [
        "inside",
        "outside",
        "inside",
        "outside"
      ])
    }))
})
