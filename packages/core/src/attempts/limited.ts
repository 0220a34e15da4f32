/** An effect under a budget of attempts. A guard directly around it learns whether the work inside has begun. */
import * as Effect from "effect/Effect"
import { type Admission, type AnyEffect, type AnyFiber, insidePrototype, passOnElsewhere } from "../internal/guard.ts"
import { CurrentAttempts, NestedBudget } from "./budget.ts"

interface Limited extends AnyEffect {
  readonly self: AnyEffect
  readonly further: number
}

const runLimited = ({ further, self }: Limited, fiber: AnyFiber, outer: Admission | undefined): AnyEffect => {
  const budget = new NestedBudget(further, fiber.getRef(CurrentAttempts))
  return Effect.onExitPrimitive(Effect.provideService(passOnElsewhere(outer, self), CurrentAttempts, budget), () => {
    budget.end()
    return undefined
  })
}

const LimitedProto = insidePrototype<Limited>("Switchgear.attempts", runLimited, function(fiber) {
  return runLimited(this, fiber, undefined)
})

const Limited = function(this: { self: AnyEffect; further: number }, self: AnyEffect, further: number) {
  this.self = self
  this.further = further
} as unknown as new(self: AnyEffect, further: number) => Limited
Limited.prototype = LimitedProto

/** Allows each run of the effect so many attempts beside its first. */
export const limited = <A, E, R>(self: Effect.Effect<A, E, R>, further: number): Effect.Effect<A, E, R> =>
  new Limited(self, further)
