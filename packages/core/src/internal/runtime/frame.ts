/**
 * How an object becomes a frame on a fiber's stack, which learns how what runs inside ends, whatever ends it. The platform
 * has the frame as an effect, `onExitPrimitive`. To be that effect, instead of holding one, saves a step of the fiber and
 * two objects a call.
 */
import * as Effect from "effect/Effect"
import * as Effectable from "effect/Effectable"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"

type AnyEffect = Effect.Effect<any, any, any>
type AnyFiber = Fiber.Fiber<any, any>

/** Where an effect keeps how it is evaluated. */
interface Evaluated {
  readonly evaluate: (fiber: AnyFiber) => AnyEffect
}

// The platform does not tell its name for that; it is the one under which it keeps what it is given.
const evaluate = () => Effect.void
const probe = Effectable.Prototype({ label: "Switchgear.probe", evaluate })
const evaluation = Reflect.ownKeys(probe).find((key) => Reflect.get(probe, key) === evaluate) as keyof Evaluated

const platform = Object.getPrototypeOf(Effect.onExitPrimitive(Effect.void, () => undefined)) as Evaluated

// It puts `this` on the stack of the fiber.
const push = platform[evaluation] as (this: Framed, fiber: AnyFiber) => void

/** What the platform's frame asks when what is inside has ended. It must not throw. */
export interface Framed {
  readonly onExit: (exit: Exit.Exit<any, any>) => Effect.Effect<void> | undefined
}

/** The prototype of frames that are evaluated, as effects, by `evaluate`. */
export const framePrototype = <Self extends AnyEffect & Framed>(
  label: string,
  evaluate: (this: Self, fiber: AnyFiber) => AnyEffect
): object => {
  const own = Effectable.Prototype<Self>({ label, evaluate: evaluate as never })
  // An effect that is no frame says of each way to go on that it has none.
  const given = Reflect.ownKeys(own).filter((key) => Reflect.get(own, key) !== undefined)
  return { ...platform, ...Object.fromEntries(given.map((key) => [key, Reflect.get(own, key)])) }
}

/** Puts the frame around what the fiber evaluates next. To be called in the step that answers what that is. */
export const enterFrame = (frame: Framed, fiber: AnyFiber): void => {
  push.call(frame, fiber)
}

/** Takes the first step of an effect in the step that would answer with the effect, and answers what comes next. */
export const stepInto = (effect: AnyEffect, fiber: AnyFiber): AnyEffect =>
  (effect as unknown as Evaluated)[evaluation](fiber)
