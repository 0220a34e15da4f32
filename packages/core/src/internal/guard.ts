/**
 * The sound way to stand around an effect. An interrupt or a yield can come between any two steps of a fiber, so
 * "acquire, then register the release" leaks. Here the frame that releases is pushed first, and the admission is
 * taken inside it in one synchronous step: whatever happens, `leave` runs exactly once and sees what was really taken.
 */
import * as Effect from "effect/Effect"
import * as Effectable from "effect/Effectable"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"

type AnyEffect = Effect.Effect<any, any, any>
type AnyFiber = Fiber.Fiber<any, any>

/**
 * What one run of a guarded effect holds. `enter` takes it and says how to go on: with the guarded effect, with a
 * failed `Exit`, or by waiting. `leave` gives back what `enter` took, which is nothing when the run was interrupted
 * before it; it must not throw, since what it throws would replace the result.
 */
export abstract class Admission {
  abstract enter(fiber: AnyFiber): AnyEffect
  abstract leave(exit: Exit.Exit<any, any>): void
}

Object.setPrototypeOf(
  Admission.prototype,
  Effectable.Prototype<AnyEffect & Admission>({
    label: "Switchgear.admission",
    evaluate(fiber) {
      return this.enter(fiber)
    }
  })
)

interface Guarded extends Effect.Effect<any, any, any> {
  readonly begin: (fiber: AnyFiber) => Admission
}

const GuardedProto = Effectable.Prototype<Guarded>({
  label: "Switchgear.guard",
  evaluate(fiber) {
    const admission = this.begin(fiber)
    return Effect.onExitPrimitive(admission as unknown as AnyEffect, (exit) => {
      admission.leave(exit)
      return undefined
    })
  }
})

const Guarded = function(this: { begin: Guarded["begin"] }, begin: Guarded["begin"]) {
  this.begin = begin
} as unknown as new(begin: Guarded["begin"]) => Guarded
Guarded.prototype = GuardedProto

/** An effect that can be run many times; every run begins an admission of its own. */
export const guard = <A, E, R>(begin: (fiber: AnyFiber) => Admission): Effect.Effect<A, E, R> => new Guarded(begin)
