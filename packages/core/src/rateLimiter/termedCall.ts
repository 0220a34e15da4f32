/** A call of terms of its own: what `protectWith` does, with one object for each call in the place of a combinator. */
import type * as Fiber from "effect/Fiber"
import { type Admission, type AnyEffect, insidePrototype, isInside } from "../internal/runtime/guard.ts"
import { enterFrame } from "../internal/runtime/frame.ts"
import { ProtectedCall, type Settling } from "./call.ts"
import type { Limiter } from "./limiter.ts"
import type { Cost } from "./model.ts"

/**
 * What one call takes, told when it is made, and what it has taken, told by its value; `settleFailed` tells it of one that has failed.
 * Where that is left out, what a failed call has taken stays taken.
 *
 * @since 0.1.0
 * @category options
 */
export interface Terms<A = any> extends Settling {
  readonly costs: () => Cost
  readonly settle: (value: A) => Cost
}

interface Termed extends AnyEffect {
  readonly limiter: Limiter
  readonly self: AnyEffect
  readonly terms: Terms
  /** Whether the effect is a guard itself. */
  readonly leads: boolean
}

const where = "RateLimiter.protectCall"

const run = (
  { leads, limiter, self, terms }: Termed,
  fiber: Fiber.Fiber<any, any>,
  outer: Admission | undefined
): AnyEffect => {
  const { maxWait } = limiter
  // A call that does not wait is refused before anything is held for it.
  if (maxWait === 0 && limiter.rejectsNow) {
    const refused = limiter.refuse(() => limiter.costs(terms.costs(), where))
    if (refused !== undefined) return refused
  }
  const call = new ProtectedCall(limiter, limiter.costs(terms.costs(), where), maxWait, self, terms)
  call.leads = leads
  call.outer = outer
  enterFrame(call, fiber)
  return call.acquire(fiber)
}

const TermedProto = insidePrototype<Termed>("Switchgear.rateLimiter", run, function(fiber) {
  return run(this, fiber, undefined)
})

const Termed = function(
  this: { limiter: Limiter; self: AnyEffect; terms: Terms; leads: boolean },
  limiter: Limiter,
  self: AnyEffect,
  terms: Terms
) {
  this.limiter = limiter
  this.self = self
  this.terms = terms
  this.leads = isInside(self)
} as unknown as new(limiter: Limiter, self: AnyEffect, terms: Terms) => Termed
Termed.prototype = TermedProto

/** The effect through the limiter, by these terms. It can run many times. */
export const termed = (limiter: Limiter, self: AnyEffect, terms: Terms): AnyEffect => new Termed(limiter, self, terms)
