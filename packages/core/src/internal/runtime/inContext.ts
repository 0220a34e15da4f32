/**
 * Runs an effect in another context: what `Effect.updateContext` does, at a third of its steps. A call through all guards
 * changes its context half a dozen times.
 *
 * The frame that puts the context back needs no exit of what it is around: Effect tells every frame that it is left, whatever
 * ends the work, before it looks whether the frame handles that end. So nothing can come between the end and the context.
 */
import type * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import { enterFrame } from "./frame.ts"
import { leaving } from "./frameNames.ts"
import { type AnyEffect, type AnyFiber, primitivePrototype } from "./primitive.ts"

type AnyContext = Context.Context<never>

/** A frame that puts a context back. */
const Around = function(this: { context: AnyContext }, context: AnyContext) {
  this.context = context
} as unknown as new(context: AnyContext) => never
Around.prototype = {
  [leaving](this: { readonly context: AnyContext }, fiber: AnyFiber): void {
    fiber.setContext(this.context)
  }
}

interface InContext extends AnyEffect {
  readonly self: AnyEffect
  readonly context: AnyContext
}

const InContext = function(this: { self: AnyEffect; context: AnyContext }, self: AnyEffect, context: AnyContext) {
  this.self = self
  this.context = context
} as unknown as new(self: AnyEffect, context: AnyContext) => InContext
InContext.prototype = primitivePrototype<InContext>("Switchgear.inContext", function(fiber) {
  enterFrame(new Around(fiber.context), fiber)
  fiber.setContext(this.context)
  return this.self
})

/** The effect in this context, which must be made from that of the fiber that runs the effect. */
export const inContext = <A, E, R>(self: Effect.Effect<A, E, R>, context: AnyContext): Effect.Effect<A, E, R> =>
  new InContext(self, context)
