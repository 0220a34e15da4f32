/**
 * Makes an object a frame on a fiber's stack, which is called with the exit of everything evaluated inside it. Effect
 * has this frame as an effect, `onExitPrimitive`. Being that effect instead of holding one saves a step of the fiber
 * and two objects per call.
 */
import * as Effect from "effect/Effect"
import * as Effectable from "effect/Effectable"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"

type AnyEffect = Effect.Effect<any, any, any>
type AnyFiber = Fiber.Fiber<any, any>

/** The property under which Effect keeps the evaluation function of an effect. */
interface Evaluated {
  readonly evaluate: (fiber: AnyFiber) => AnyEffect
}

// Effect does not export the name of that property. It is the one that has this function in an effect made with it.
const evaluate = () => Effect.void
const probe = Effectable.Prototype({ label: "Switchgear.probe", evaluate })
const evaluation = Reflect.ownKeys(probe).find((key) => Reflect.get(probe, key) === evaluate) as keyof Evaluated

const platform = Object.getPrototypeOf(Effect.onExitPrimitive(Effect.void, () => undefined)) as Evaluated

// Pushes `this` on the stack of the fiber.
const push = platform[evaluation] as (this: Framed, fiber: AnyFiber) => void

/** What Effect calls with the exit. Must not throw. */
export interface Framed {
  readonly onExit: (exit: Exit.Exit<any, any>) => Effect.Effect<void> | undefined
}

/** The prototype of frames that are evaluated, as effects, by `evaluate`. */
export const framePrototype = <Self extends AnyEffect & Framed>(
  label: string,
  evaluate: (this: Self, fiber: AnyFiber) => AnyEffect
): object => {
  const own = Effectable.Prototype<Self>({ label, evaluate: evaluate as never })
  // An effect that is not a frame has these properties too, but undefined.
  const given = Reflect.ownKeys(own).filter((key) => Reflect.get(own, key) !== undefined)
  return { ...platform, ...Object.fromEntries(given.map((key) => [key, Reflect.get(own, key)])) }
}

/** Pushes the frame around what the fiber evaluates next. Call it in the step that returns what that is. */
export const enterFrame = (frame: Framed, fiber: AnyFiber): void => {
  push.call(frame, fiber)
}

/** Evaluates the first step of an effect now, and returns what comes next. */
export const stepInto = (effect: AnyEffect, fiber: AnyFiber): AnyEffect =>
  (effect as unknown as Evaluated)[evaluation](fiber)
