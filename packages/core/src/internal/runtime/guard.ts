/**
 * The sound way to stand around an effect. An interrupt or a yield can come between any two steps of a fiber, so
 * "acquire, then register the release" leaks. Here the frame that releases is pushed first, and the admission is
 * taken inside it in one synchronous step: whatever happens, `leave` runs exactly once and sees what was really taken.
 *
 * Guards that stand directly around each other know of each other: when one refuses, those around it learn that the
 * work has not begun. A refusal that comes out of the work itself, such as that of an agent's tool, is no such thing.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import { report } from "./callBack.ts"
import type { Deadline } from "./expiry.ts"
import { enterFrame, framePrototype } from "./frame.ts"
import { type AnyEffect, type AnyFiber, primitivePrototype } from "./primitive.ts"

export type { AnyEffect, AnyFiber }

/** What the guards that ask in one synchronous stretch know about time, which saves each of them looking. */
export interface TimeContext {
  readonly clock: Clock.Clock
  /** Monotonic milliseconds. */
  readonly now: number
  deadline: Deadline | undefined
}

/** The clock, looked up where nobody did before. */
export const clockOf = (fiber: AnyFiber, time: TimeContext | undefined): Clock.Clock =>
  time === undefined ? fiber.getRef(Clock.Clock) : time.clock

/**
 * What one run of a guarded effect holds. `enter` takes it and says how to go on: with the guarded effect, by `goOn`;
 * with a failed `Exit`; or by waiting. `leave` gives back what `enter` took, which is nothing when the run was
 * interrupted before it.
 */
export abstract class Admission {
  /** Whether the work has begun. Not so while a guard directly inside, such as another circuit, may still refuse it. */
  begun = false
  /** Whether the work began in an earlier attempt of a retry directly inside, and failed. */
  hasFailed = false
  /** Whether there is such a guard directly inside. */
  leads = false
  /** The admission of the guard that is directly around this one. */
  outer: Admission | undefined

  abstract acquire(fiber: AnyFiber, time?: TimeContext | undefined): AnyEffect
  abstract release(exit: Exit.Exit<any, any>): void

  /**
   * Sends a call away that waits: it goes on with the rejection, if there is one. Answers whether it did; a call that does
   * not wait is left alone.
   */
  sendAway(_rejection: () => Exit.Exit<never, any> | undefined): boolean {
    return false
  }

  /** The work begins now. */
  begin(): void {
    this.begun = true
    this.outer?.begin()
  }

  /** A retry directly inside begins an attempt, after those that have failed. */
  again(): void {
    if (this.begun) {
      this.begun = false
      this.hasFailed = true
    }
    this.outer?.again()
  }

  onExit(exit: Exit.Exit<any, any>): Effect.Effect<void> | undefined {
    releaseSafely(this, exit)
    return undefined
  }
}

// As an effect, an admission enters.
Object.setPrototypeOf(
  Admission.prototype,
  framePrototype<AnyEffect & Admission>("Switchgear.admission", function(fiber) {
    return this.acquire(fiber)
  })
)

export const InsideId = "~@switchgear/core/guard/inside"

/** An effect that is a guard, or only leads to one, and can tell the guard around it whether the work has begun. */
export interface Inside extends AnyEffect {
  /** What the fiber evaluates next, as what stands directly inside of `outer`. */
  readonly [InsideId]: (fiber: AnyFiber, outer: Admission | undefined) => AnyEffect
}

/** To be asked once for an effect, and not each time it is run: most have no such property, which takes long to tell. */
export const isInside = (self: AnyEffect): self is Inside => (self as Partial<Inside>)[InsideId] !== undefined

/** What a guard goes on with when the call has passed it: the guard directly inside, or the work, which begins. */
export const goOn = (admission: Admission, self: AnyEffect, fiber: AnyFiber): AnyEffect => {
  if (admission.leads) return (self as Inside)[InsideId](fiber, admission)
  admission.begin()
  return self
}

/** The same for what stands between a guard and another without holding anything itself. */
export const passOn = (outer: Admission | undefined, self: AnyEffect, fiber: AnyFiber): AnyEffect => {
  if (outer === undefined) return self
  if (isInside(self)) return self[InsideId](fiber, outer)
  outer.begin()
  return self
}

/** The same where another fiber evaluates the work next. */
export const passOnElsewhere = (outer: Admission | undefined, self: AnyEffect): AnyEffect => {
  if (outer === undefined) return self
  if (outer.leads && isInside(self)) {
    return Effect.withFiber((fiber) => {
      outer.again()
      return self[InsideId](fiber, outer)
    })
  }
  outer.begin()
  return self
}

/**
 * The prototype of effects that are guards, or lead to one. `run` is what both ways of running do; `evaluate` calls it
 * without an outer admission. It is given, since one function for all prototypes would be slow for each of them.
 */
export const insidePrototype = <Self extends AnyEffect>(
  label: string,
  run: (self: Self, fiber: AnyFiber, outer: Admission | undefined) => AnyEffect,
  evaluate: (this: Self, fiber: AnyFiber) => AnyEffect
): Self & Inside =>
  Object.assign(primitivePrototype<Self & Inside>(label, evaluate), {
    [InsideId](this: Self, fiber: AnyFiber, outer: Admission | undefined) {
      return run(this, fiber, outer)
    }
  }) as Self & Inside

/** Begins one run of a guard around an effect. */
export type StartAdmission = (fiber: AnyFiber, self: AnyEffect, time?: TimeContext | undefined) => Admission

/** Answers with a rejection where a run must not go on; nothing is held. */
export type Check = (fiber: AnyFiber, time?: TimeContext | undefined) => Exit.Exit<never, any> | undefined

interface Guarded extends AnyEffect {
  readonly self: AnyEffect
  readonly begin: StartAdmission
  readonly refuse: Check | undefined
  /** Whether the guarded effect is a guard itself. */
  readonly leads: boolean
}

const runGuarded = (guarded: Guarded, fiber: AnyFiber, outer: Admission | undefined): AnyEffect => {
  const refused = guarded.refuse?.(fiber)
  if (refused !== undefined) return refused
  const admission = guarded.begin(fiber, guarded.self)
  admission.leads = guarded.leads
  admission.outer = outer
  enterFrame(admission, fiber)
  return admission.acquire(fiber)
}

/** Gives back what was taken. What that throws is logged: it must neither replace the result nor keep others from leaving. */
export const releaseSafely = (admission: Admission, exit: Exit.Exit<any, any>): void => {
  try {
    admission.release(exit)
  } catch (defect) {
    report(defect)
  }
}

const GuardedProto = insidePrototype<Guarded>("Switchgear.guard", runGuarded, function(fiber) {
  return runGuarded(this, fiber, undefined)
})

const Guarded = function(
  this: { self: AnyEffect; begin: StartAdmission; refuse: Check | undefined; leads: boolean },
  self: AnyEffect,
  begin: StartAdmission,
  refuse: Check | undefined
) {
  this.self = self
  this.begin = begin
  this.refuse = refuse
  this.leads = isInside(self)
} as unknown as new(self: AnyEffect, begin: StartAdmission, refuse: Check | undefined) => Guarded
Guarded.prototype = GuardedProto

/**
 * An effect that can be run many times; every run begins an admission of its own. `refuse` is asked before that, where it
 * is given: under overload most calls are refused, and for those there is nothing to give back.
 */
export const guard = <A, E, R>(
  self: AnyEffect,
  begin: StartAdmission,
  refuse?: Check | undefined
): Effect.Effect<A, E, R> => new Guarded(self, begin, refuse)

interface Gated extends AnyEffect {
  readonly self: AnyEffect
  readonly refuse: Check
}

const runGated = (gated: Gated, fiber: AnyFiber, outer: Admission | undefined): AnyEffect =>
  gated.refuse(fiber) ?? passOn(outer, gated.self, fiber)

const GatedProto = insidePrototype<Gated>("Switchgear.gate", runGated, function(fiber) {
  return runGated(this, fiber, undefined)
})

const Gated = function(this: { self: AnyEffect; refuse: Check }, self: AnyEffect, refuse: Check) {
  this.self = self
  this.refuse = refuse
} as unknown as new(self: AnyEffect, refuse: Check) => Gated
Gated.prototype = GatedProto

/** An effect before which a question is asked, each time it is run. */
export const gate = <A, E, R>(self: AnyEffect, refuse: Check): Effect.Effect<A, E, R> => new Gated(self, refuse)

/** Wraps an effect and adds an error to it. */
export type Protect<E> = <A, E1, R>(self: Effect.Effect<A, E1, R>) => Effect.Effect<A, E | E1, R>

// What a combinator is made of stands on it, so that a pipeline need not call what may be somebody's own function.
const StartId = Symbol("@switchgear/core/guard/start")
const CheckId = Symbol("@switchgear/core/guard/check")

/** The combinator that guards effects in this way. A pipeline can take it apart. */
export const guardBy = <E>(start: StartAdmission, check?: Check | undefined): Protect<E> =>
  Object.assign((self: AnyEffect) => guard<any, any, any>(self, start, check), { [StartId]: start })

/** The combinator that asks in this way. A pipeline can take it apart. */
export const gateBy = <E>(check: Check): Protect<E> =>
  Object.assign((self: AnyEffect) => gate<any, any, any>(self, check), { [CheckId]: check })

/** How a combinator begins, if it was made by `guardBy`, so that several can share one frame. */
export const startOf = (combinator: Protect<any>): StartAdmission | undefined =>
  (combinator as { readonly [StartId]?: StartAdmission })[StartId]

/** What a combinator asks, if it was made by `gateBy`. */
export const checkOf = (combinator: Protect<any>): Check | undefined =>
  (combinator as { readonly [CheckId]?: Check })[CheckId]

interface Through extends AnyEffect {
  readonly self: AnyEffect
  readonly around: (self: AnyEffect, fiber: AnyFiber) => AnyEffect
}

const runThrough = ({ around, self }: Through, fiber: AnyFiber, outer: Admission | undefined): AnyEffect =>
  around(passOnElsewhere(outer, self), fiber)

const ThroughProto = insidePrototype<Through>(
  "Switchgear.through",
  runThrough,
  function(fiber) {
    return runThrough(this, fiber, undefined)
  }
)

const Through = function(
  this: { self: AnyEffect; around: Through["around"] },
  self: AnyEffect,
  around: Through["around"]
) {
  this.self = self
  this.around = around
} as unknown as new(self: AnyEffect, around: Through["around"]) => Through
Through.prototype = ThroughProto

/** What the combinator makes of the effect, without hiding a guard inside from the one around. */
export const through = <A, E, R, A2, E2, R2>(
  self: Effect.Effect<A, E, R>,
  around: (self: Effect.Effect<A, E, R>, fiber: AnyFiber) => Effect.Effect<A2, E2, R2>
): Effect.Effect<A2, E2, R2> => new Through(self, around as Through["around"])
