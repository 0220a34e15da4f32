/**
 * Frames that go on from the end of work, in a context as `inContext` sets it: what `Effect.map` and `Effect.matchCauseEffect`
 * do, and `Effect.catchCause`, with one object for what would take half a dozen. A call through all guards has as many of them as layers.
 */
import type * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import { enterFrame } from "./frame.ts"
import { leaving, onFailure, onSuccess } from "./frameNames.ts"
import { type AnyEffect, type AnyFiber, primitivePrototype } from "./primitive.ts"

type AnyContext = Context.Context<never>

/** A frame around work, which runs in a context. One object serves one run. */
abstract class ContextFrame {
  private readonly before: AnyContext

  constructor({ context }: AnyFiber) {
    this.before = context
  }

  /**
   * Pushes the frame around what the fiber evaluates next, which runs in this context. Call it in the step that returns what
   * that is: nothing can come between the two. It is called again only when that has ended.
   */
  enter(fiber: AnyFiber, context: AnyContext = this.before): void {
    enterFrame(this as never, fiber)
    if (context !== this.before) fiber.setContext(context)
  }
}

/** Goes on from work that has succeeded. */
export abstract class Continuation extends ContextFrame {
  /** What the fiber evaluates after work that has succeeded. */
  abstract succeeded(value: any, fiber: AnyFiber): AnyEffect
}

/** Goes on from work that has failed. */
export abstract class Rescue extends ContextFrame {
  /** What the fiber evaluates after work that has failed. */
  abstract failed(cause: Cause.Cause<any>, fiber: AnyFiber): AnyEffect
}

/** Goes on from work that has ended. */
export abstract class Handler extends Continuation {
  /** What the fiber evaluates after work that has failed. */
  abstract failed(cause: Cause.Cause<any>, fiber: AnyFiber): AnyEffect
}

// With the name of an effect, as those of Effect have one: by it an interrupt knows that it has passed over a handler.
const named = primitivePrototype("Switchgear.handler", function(): AnyEffect {
  throw new Error("a frame is no effect")
})

Object.setPrototypeOf(ContextFrame.prototype, {
  ...named,
  [leaving](this: { readonly before: AnyContext }, fiber: AnyFiber): void {
    if (fiber.context !== this.before) fiber.setContext(this.before)
  }
})

Object.defineProperty(Continuation.prototype, onSuccess, {
  value(this: Continuation, value: unknown, fiber: AnyFiber): AnyEffect {
    return this.succeeded(value, fiber)
  }
})

for (const frame of [Rescue, Handler]) {
  Object.defineProperty(frame.prototype, onFailure, {
    value(this: Rescue, cause: Cause.Cause<unknown>, fiber: AnyFiber): AnyEffect {
      return this.failed(cause, fiber)
    }
  })
}
