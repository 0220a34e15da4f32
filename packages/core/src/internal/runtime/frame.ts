/**
 * How an object becomes a frame on a fiber's stack, which learns how what runs inside ends, whatever ends it. The platform
 * has the frame as an effect, `onExitPrimitive`. To be that effect, instead of holding one, saves a step of the fiber and
 * two objects a call.
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

// It puts `this` on the stack of the fiber.
const push = (platform[evaluation] ?? unsupported("onExitPrimitive is no step of its own")) as (
  this: Framed,
  fiber: AnyFiber
) => void

/** What the platform's frame asks when what is inside has ended. It must not throw. */
export interface Framed {
  readonly onExit: (exit: Exit.Exit<any, any>) => Effect.Effect<void> | undefined
}

/** The prototype of frames that are evaluated, as effects, by `evaluate`. */
export const framePrototype = <Self extends AnyEffect & Framed>(
  label: string,
  evaluate: (this: Self, fiber: AnyFiber) => AnyEffect
): object => {
  const own = primitivePrototype<Self>(label, evaluate)
  // An effect that is no frame says of each way to go on that it has none.
  const given = Reflect.ownKeys(own).filter((key) => Reflect.get(own, key) !== undefined)
  return { ...platform, ...Object.fromEntries(given.map((key) => [key, Reflect.get(own, key)])) }
}

/** Puts the frame around what the fiber evaluates next. To be called in the step that answers what that is. */
export const enterFrame = (frame: Framed, fiber: AnyFiber): void => {
  push.call(frame, fiber)
}
