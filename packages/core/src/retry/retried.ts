/** An effect that is tried again. A guard directly around it learns whether any of the attempts has begun its work. */
import type * as Effect from "effect/Effect"
import { type Admission, type AnyEffect, type AnyFiber, insidePrototype, passOnElsewhere } from "../internal/guard.ts"
import { attemptAll } from "./attemptAll.ts"
import type { Policy } from "./policy.ts"

interface Retried extends AnyEffect {
  readonly self: AnyEffect
  readonly policy: Policy
}

const runRetried = ({ policy, self }: Retried, fiber: AnyFiber, outer: Admission | undefined): AnyEffect =>
  attemptAll(passOnElsewhere(outer, self), policy, fiber)

const RetriedProto = insidePrototype<Retried>("Switchgear.retry", runRetried, function(fiber) {
  return runRetried(this, fiber, undefined)
})

const Retried = function(this: { self: AnyEffect; policy: Policy }, self: AnyEffect, policy: Policy) {
  this.self = self
  this.policy = policy
} as unknown as new(self: AnyEffect, policy: Policy) => Retried
Retried.prototype = RetriedProto

/** Retries each run of the effect by the policy. */
export const retried = <A, E, R>(self: Effect.Effect<A, E, R>, policy: Policy): Effect.Effect<A, E, R> =>
  new Retried(self, policy)
