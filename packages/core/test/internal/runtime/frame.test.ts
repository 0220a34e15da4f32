/** What the frames of the guards take for granted of the platform: on an Effect that behaves otherwise these fail. */
import { assert, describe, it, vi } from "@effect/vitest"
import { Effect, Exit, Fiber } from "effect"

type AnyExit = Exit.Exit<any, any>
type AnyEffect = Effect.Effect<any, any>
type AnyFiber = Fiber.Fiber<any, any>

interface Framed {
  readonly onExit: (exit: AnyExit) => Effect.Effect<void> | undefined
}

const { enterFrame, framePrototype } = await vi.importActual<{
  readonly enterFrame: (frame: Framed, fiber: AnyFiber) => void
  readonly framePrototype: (label: string, evaluate: (fiber: AnyFiber) => AnyEffect) => object
}>("../../../src/internal/runtime/frame.ts")
const { stepInto } = await vi.importActual<{
  readonly stepInto: (effect: AnyEffect, fiber: AnyFiber) => AnyEffect
}>("../../../src/internal/runtime/primitive.ts")

class Frame implements Framed {
  readonly seen: Array<AnyExit> = []
  readonly after: Effect.Effect<void> | undefined

  constructor(after?: Effect.Effect<void> | undefined) {
    this.after = after
  }

  onExit(exit: AnyExit) {
    this.seen.push(exit)
    return this.after
  }
}

Object.setPrototypeOf(
  Frame.prototype,
  framePrototype("test", () => Effect.succeed("itself"))
)

const framed = <A, E>(frame: Frame, self: Effect.Effect<A, E>) =>
  Effect.withFiber<A, E>((fiber) => {
    enterFrame(frame, fiber)
    return self
  })

describe("a frame, as this version of Effect has them", () => {
  it.effect("sees a success, a failure and a defect once, and changes none of them", () =>
    Effect.gen(function*() {
      for (const exit of [Exit.succeed(1), Exit.fail("503"), Exit.die("bug")]) {
        const frame = new Frame()
        assert.deepStrictEqual(yield* Effect.exit(framed(frame, exit)), exit)
        assert.deepStrictEqual(frame.seen, [exit])
      }
    }))

  it.effect("sees the defect of what throws in the step that entered it", () =>
    Effect.gen(function*() {
      const frame = new Frame()
      const throwing = Effect.withFiber((fiber) => {
        enterFrame(frame, fiber)
        throw "bug"
      })
      assert.deepStrictEqual(yield* Effect.exit(throwing), Exit.die("bug"))
      assert.deepStrictEqual(frame.seen, [Exit.die("bug")])
    }))

  it.effect("sees an interruption, and what it then does is not interrupted", () =>
    Effect.gen(function*() {
      let cleaned = 0
      const frame = new Frame(Effect.yieldNow.pipe(Effect.andThen(Effect.sync(() => void cleaned++))))
      const fiber = yield* Effect.forkChild(framed(frame, Effect.never), { startImmediately: true })
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(frame.seen.length, 1)
      assert.isTrue(Exit.hasInterrupts(frame.seen[0]!))
      assert.strictEqual(cleaned, 1)
    }))

  it.effect("leaves what is inside as interruptible as it was", () =>
    Effect.gen(function*() {
      const interruptible = Effect.withFiber((fiber) =>
        Effect.succeed((fiber as unknown as { readonly interruptible: boolean }).interruptible)
      )
      assert.isTrue(yield* framed(new Frame(), interruptible))
      assert.isFalse(yield* Effect.uninterruptible(framed(new Frame(), interruptible)))
      assert.isTrue(yield* Effect.andThen(framed(new Frame(), Effect.void), interruptible))
    }))

  it.effect("is evaluated by what it was given, as an effect", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* new Frame() as unknown as Effect.Effect<string>, "itself")
    }))

  it.effect("the first step of a catch answers the effect inside, whose failure it catches", () =>
    Effect.gen(function*() {
      const failing = Effect.fail("503")
      const caught = Effect.catchCause(failing, () => Effect.succeed("caught"))
      let next: unknown
      const stepped = Effect.withFiber((fiber) => next = stepInto(caught, fiber))
      assert.strictEqual(yield* stepped, "caught")
      assert.strictEqual(next, failing)
    }))
})
