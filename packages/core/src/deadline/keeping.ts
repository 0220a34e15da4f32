/**
 * Work that keeps the deadline of its fiber itself, and so needs no fiber of its own that could be interrupted: it waits
 * for one thing only, which it can leave at any moment.
 */
import type * as Clock from "effect/Clock"
import type * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import { Expiry, type Joined } from "../internal/runtime/expiry.ts"
import type { AnyEffect, AnyFiber } from "../internal/runtime/guard.ts"
import { primitivePrototype, stepInto } from "../internal/runtime/primitive.ts"
import { CurrentDeadline } from "./current.ts"

type Keeps = (fiber: AnyFiber) => boolean

interface Keeping extends AnyEffect {
  readonly self: AnyEffect
  readonly keeps: Keeps
}

// An effect of its own: a mark on any other would give it a shape that all code would have to reckon with.
const Keeping = function(this: { self: AnyEffect; keeps: Keeps }, self: AnyEffect, keeps: Keeps) {
  this.self = self
  this.keeps = keeps
} as unknown as new(self: AnyEffect, keeps: Keeps) => Keeping
Keeping.prototype = primitivePrototype<Keeping>("Switchgear.keeping", function(fiber) {
  return stepInto(this.self, fiber)
})

/** The effect, as one that keeps the deadline of the fibers for which the predicate holds. */
export const keepingDeadline = <A, E, R>(self: Effect.Effect<A, E, R>, keeps: Keeps): Effect.Effect<A, E, R> =>
  new Keeping(self, keeps)

/** The effect around another one, as one that keeps the deadlines that the other one keeps. */
export const keepingAs = <A, E, R>(
  self: Effect.Effect<A, E, R>,
  inside: Effect.Effect<any, any, any>
): Effect.Effect<A, E, R> => inside instanceof Keeping ? new Keeping(self, inside.keeps) : self

/** Whether an effect keeps the deadline of a fiber. */
export const keepsDeadline = (self: AnyEffect, fiber: AnyFiber): boolean => self instanceof Keeping && self.keeps(fiber)

/** A wait under the deadline of its fiber. */
export interface Kept extends Joined {
  /** Whether the deadline comes before a time of this clock, so that the wait needs no timer for that. */
  readonly comesBefore: (due: number, clock: Clock.Clock) => boolean
}

const none: Kept = { cancel: () => {}, comesBefore: () => false }

/**
 * Joins the deadline of the fiber for a wait. When it comes, `leave` is called, which must leave what is waited for and go
 * on with an interruption.
 */
export const joinDeadline = (fiber: Fiber.Fiber<any, any>, leave: () => void): Kept => {
  const deadline = fiber.getRef(CurrentDeadline)
  if (!(deadline instanceof Expiry)) return none
  const joined = deadline.join({ fiber, child: undefined, expire: leave })
  deadline.arm(fiber)
  return joined
}
