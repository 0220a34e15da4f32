/**
 * Makes an object a frame on a fiber's stack, which is called with the exit of everything evaluated inside it. Effect
 * has this frame as an effect, `onExitPrimitive`. Being that effect instead of holding one saves a step of the fiber
 * and two objects per call.
 */
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import {
  type AnyEffect,
  type AnyFiber,
  type Evaluated,
  evaluation,
  primitivePrototype,
  unsupported
} from "./primitive.ts"

const platform = Object.getPrototypeOf(Effect.onExitPrimitive(Effect.void, () => undefined)) as Evaluated

// Pushes `this` on the stack of the fiber.
const push = (platform[evaluation] ?? unsupported("onExitPrimitive is no step of its own")) as (
  this: Framed,
  fiber: AnyFiber
) => void

/** What Effect calls with the exit. Must not throw. */
export interface Framed {
  readonly onExit: (exit: Exit.Exit<any, any>) => Effect.Effect<void> | undefined
}

/** The prototype of frames that are evaluated, as effects, by `evaluate`. */
export const framePrototype = <Self extends AnyEffect & Framed>(
  label: string,
  evaluate: (this: Self, fiber: AnyFiber) => AnyEffect
): object => {
  const own = primitivePrototype<Self>(label, evaluate)
  // An effect that is not a frame has these properties too, but undefined.
  const given = Reflect.ownKeys(own).filter((key) => Reflect.get(own, key) !== undefined)
  return { ...platform, ...Object.fromEntries(given.map((key) => [key, Reflect.get(own, key)])) }
}

/** The prototype of frames that are no effects. */
export const plainFramePrototype: object = platform

/** Pushes the frame around what the fiber evaluates next. Call it in the step that returns what that is. */
export const enterFrame = (frame: Framed, fiber: AnyFiber): void => {
  push.call(frame, fiber)
}
