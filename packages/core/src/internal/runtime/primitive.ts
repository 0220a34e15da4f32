/**
 * How an object becomes an effect that a fiber evaluates in one step. This is the only place that knows how the platform
 * keeps that: every effect of this library that is a step of its own is built here.
 */
import * as Effect from "effect/Effect"
import * as Effectable from "effect/Effectable"
import type * as Fiber from "effect/Fiber"

export type AnyEffect = Effect.Effect<any, any, any>
export type AnyFiber = Fiber.Fiber<any, any>

/** Where an effect keeps how it is evaluated. */
export interface Evaluated {
  readonly evaluate: (fiber: AnyFiber) => AnyEffect
}

/** The prototype of effects whose step is `evaluate`, which answers what the fiber evaluates next. */
export const primitivePrototype = <Self extends AnyEffect>(
  label: string,
  evaluate: (this: Self, fiber: AnyFiber) => AnyEffect
): Self => Effectable.Prototype<Self>({ label, evaluate: evaluate as never }) as Self

/** Ends the loading of this library with the reason, where the platform is not as it is taken for. */
export const unsupported = (what: string): never => {
  throw new Error(
    `@switchgear/core does not work with this version of effect: ${what}. Install a version in the range of its peer dependency.`
  )
}

const probeStep = () => Effect.void
const probe = primitivePrototype("Switchgear.probe", probeStep)

/** The platform's name for the step of an effect, which it does not tell: the one under which it keeps what it is given. */
export const evaluation = (Reflect.ownKeys(probe).find((key) => Reflect.get(probe, key) === probeStep) ??
  unsupported("an effect does not keep its step as it was given")) as keyof Evaluated

/** Takes the first step of an effect in the step that would answer with the effect, and answers what comes next. */
export const stepInto = (effect: AnyEffect, fiber: AnyFiber): AnyEffect =>
  (effect as unknown as Evaluated)[evaluation](fiber)
