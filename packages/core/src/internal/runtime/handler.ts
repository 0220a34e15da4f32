/**
 * A frame that goes on from the end of work: what `Effect.matchCauseEffect` does, in a context as `inContext` sets it, with
 * one object for what would take half a dozen. A call through all guards has as many of them as layers.
 */
import type * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import { enterFrame } from "./frame.ts"
import { leaving, onFailure, onSuccess } from "./frameNames.ts"
import { type AnyEffect, type AnyFiber, primitivePrototype } from "./primitive.ts"

type AnyContext = Context.Context<never>

/** One run of work. An object is entered once. */
export abstract class Handler {
  private readonly before: AnyContext

  constructor({ context }: AnyFiber) {
    this.before = context
  }

  /**
   * Pushes the frame around what the fiber evaluates next, which runs in this context. Call it in the step that returns what
   * that is: nothing can come between the two.
   */
  enter(fiber: AnyFiber, context: AnyContext = this.before): void {
    enterFrame(this as never, fiber)
    if (context !== this.before) fiber.setContext(context)
  }

  /** What the fiber evaluates after work that has succeeded. */
  abstract succeeded(value: any, fiber: AnyFiber): AnyEffect

  /** What the fiber evaluates after work that has failed. */
  abstract failed(cause: Cause.Cause<any>, fiber: AnyFiber): AnyEffect
}

Object.setPrototypeOf(Handler.prototype, {
  // With the name of an effect, as `matchCauseEffect` has one: Effect tells by it that an interrupt has passed over a handler.
  ...primitivePrototype("Switchgear.handler", function(): AnyEffect {
    throw new Error("a handler is no effect")
  }),
  [leaving](this: { readonly before: AnyContext }, fiber: AnyFiber): void {
    if (fiber.context !== this.before) fiber.setContext(this.before)
  },
  [onSuccess](this: Handler, value: unknown, fiber: AnyFiber): AnyEffect {
    return this.succeeded(value, fiber)
  },
  [onFailure](this: Handler, cause: Cause.Cause<unknown>, fiber: AnyFiber): AnyEffect {
    return this.failed(cause, fiber)
  }
})
