/** An end of one's own beside `Effect.onExitPrimitive`, which it stands for. */
import { assert, it, vi } from "@effect/vitest"
import { Effect, Exit, Fiber } from "effect"

const { Ending } = await vi.importActual<typeof import("../../../src/internal/runtime/ending.ts")>(
  "../../../src/internal/runtime/ending.ts"
)

class Noted extends Ending {
  readonly exits: Array<string>

  constructor(exits: Array<string>) {
    super()
    this.exits = exits
  }

  onExit(exit: Exit.Exit<unknown, unknown>): undefined {
    this.exits.push(exit._tag === "Success" ? "Success" : exit.cause.reasons.map(({ _tag }) => _tag).join())
  }
}

const noted = <A, E>(exits: Array<string>, self: Effect.Effect<A, E>): Effect.Effect<A, E> =>
  Effect.withFiber((fiber) => {
    new Noted(exits).enter(fiber)
    return self
  })

it.effect("an end is told once, whatever ends the work, and changes nothing of it", () =>
  Effect.gen(function*() {
    for (const exit of [Exit.succeed(1), Exit.fail("503"), Exit.die("bug"), Exit.interrupt(7)]) {
      const exits: Array<string> = []
      const ended = yield* Effect.exit(noted(exits, Effect.andThen(Effect.yieldNow, exit)))
      assert.deepStrictEqual(ended, exit)
      assert.deepStrictEqual(exits, [exit._tag === "Success" ? "Success" : exit.cause.reasons[0]!._tag])
    }
  }))

it.effect("an end is told of work that is interrupted, or that throws in the step that begins it", () =>
  Effect.gen(function*() {
    const exits: Array<string> = []
    const fiber = yield* Effect.forkChild(noted(exits, Effect.never), { startImmediately: true })
    yield* Fiber.interrupt(fiber)
    const throwing = Effect.suspend((): Effect.Effect<void> => {
      throw new Error("bug")
    })
    yield* Effect.exit(noted(exits, throwing))
    assert.deepStrictEqual(exits, ["Interrupt", "Die"])
  }))
