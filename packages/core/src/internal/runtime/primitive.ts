/**
 * Makes an object an effect that a fiber evaluates in one step. Only this file knows how Effect stores the evaluation
 * function of an effect. Every effect of this library that is a step of its own is built here.
 */
import * as Effect from "effect/Effect"
import * as Effectable from "effect/Effectable"
import type * as Fiber from "effect/Fiber"

export type AnyEffect = Effect.Effect<any, any, any>
export type AnyFiber = Fiber.Fiber<any, any>

/** The property under which Effect keeps the evaluation function of an effect. */
export interface Evaluated {
  readonly evaluate: (fiber: AnyFiber) => AnyEffect
}

/** The prototype of effects whose step is `evaluate`, which returns what the fiber evaluates next. */
export const primitivePrototype = <Self extends AnyEffect>(
  label: string,
  evaluate: (this: Self, fiber: AnyFiber) => AnyEffect
): Self => Effectable.Prototype<Self>({ label, evaluate: evaluate as never }) as Self

/** Fails the import of this library, with the reason, when this version of Effect works differently. */
export const unsupported = (what: string): never => {
  throw new Error(
    `@switchgear/core does not work with this version of effect: ${what}. Install a version in the range of its peer dependency.`
  )
}

const probeStep = () => Effect.void
const probe = primitivePrototype("Switchgear.probe", probeStep)

/**
 * Effect does not export the name of that property. It is the one that has the given function in an effect made with it.
 */
export const evaluation = (Reflect.ownKeys(probe).find((key) => Reflect.get(probe, key) === probeStep) ??
  unsupported("an effect does not keep its step as it was given")) as keyof Evaluated

/** Evaluates the first step of an effect now, and returns what comes next. */
export const stepInto = (effect: AnyEffect, fiber: AnyFiber): AnyEffect =>
  (effect as unknown as Evaluated)[evaluation](fiber)
