/**
 * Wraps an effect with a guard so that nothing leaks. An interrupt or a yield can come between any two steps of a
 * fiber, so "acquire, then register the release" leaks. Here the frame that releases is pushed first, and the admission
 * acquires inside it in one synchronous step. `release` therefore runs exactly once and sees exactly what was acquired.
 *
 * Guards that directly wrap each other are linked: when one rejects, those around it learn that the work has not begun.
 * A rejection that comes out of the work itself, such as that of an agent's tool, does not count.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import { report } from "./callBack.ts"
import type { Deadline } from "./expiry.ts"
import { enterFrame, framePrototype } from "./frame.ts"
import { type AnyEffect, type AnyFiber, primitivePrototype } from "./primitive.ts"

export type { AnyEffect, AnyFiber }

/** The clock, the time and the deadline of a call, read once for all guards of one synchronous step. */
export interface TimeContext {
  readonly clock: Clock.Clock
  /** Monotonic milliseconds. */
  readonly now: number
  deadline: Deadline | undefined
}

/** The clock of the time context, or of the fiber. */
export const clockOf = (fiber: AnyFiber, time: TimeContext | undefined): Clock.Clock =>
  time === undefined ? fiber.getRef(Clock.Clock) : time.clock

/**
 * One run of a guarded effect, and what it holds. `acquire` takes it and returns how to continue: the guarded effect
 * (by `goOn`), a failed `Exit`, or an effect that waits. `release` gives back what `acquire` took, which is nothing if
 * an interrupt came first.
 */
export abstract class Admission {
  /** Whether the work has begun. False while a guard directly inside, such as another circuit, may still reject it. */
  begun = false
  /** Whether the work began and failed in an earlier attempt of a retry directly inside. */
  hasFailed = false
  /** Whether there is a guard directly inside. */
  leads = false
  /** The admission of the guard directly around this one. */
  outer: Admission | undefined

  abstract acquire(fiber: AnyFiber, time?: TimeContext | undefined): AnyEffect
  abstract release(exit: Exit.Exit<any, any>): void

  /**
   * Ends the wait of a call with the rejection, if there is one. Returns whether it did; a call that does not wait is
   * not affected.
   */
  sendAway(_rejection: () => Exit.Exit<never, any> | undefined): boolean {
    return false
  }

  /** The work begins now. */
  begin(): void {
    this.begun = true
    this.outer?.begin()
  }

  /** A retry directly inside starts a further attempt. */
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

// Evaluated as an effect, an admission acquires.
Object.setPrototypeOf(
  Admission.prototype,
  framePrototype<AnyEffect & Admission>("Switchgear.admission", function(fiber) {
    return this.acquire(fiber)
  })
)

export const InsideId = "~@switchgear/core/guard/inside"

/** An effect that is a guard or leads directly to one, and can tell the guard around it whether the work has begun. */
export interface Inside extends AnyEffect {
  /** What the fiber evaluates next when this effect is directly inside the guard of `outer`. */
  readonly [InsideId]: (fiber: AnyFiber, outer: Admission | undefined) => AnyEffect
}

/** Ask once per effect, not once per run: most effects lack the property, and looking up a missing one is slow. */
export const isInside = (self: AnyEffect): self is Inside => (self as Partial<Inside>)[InsideId] !== undefined

/** Continues a call that has passed the guard: with the guard directly inside, or with the work, which begins. */
export const goOn = (admission: Admission, self: AnyEffect, fiber: AnyFiber): AnyEffect => {
  if (admission.leads) return (self as Inside)[InsideId](fiber, admission)
  admission.begin()
  return self
}

/** The same for an effect between two guards that holds nothing itself. */
export const passOn = (outer: Admission | undefined, self: AnyEffect, fiber: AnyFiber): AnyEffect => {
  if (outer === undefined) return self
  if (isInside(self)) return self[InsideId](fiber, outer)
  outer.begin()
  return self
}

/** The same where another fiber evaluates the work. */
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
 * The prototype of effects that are guards or lead to one. Both ways of running call `run`; `evaluate` calls it without
 * an outer admission. Each prototype is given its own function, because one shared by all would be megamorphic and
 * slow.
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

/** Creates the admission of one run of a guard around an effect. */
export type StartAdmission = (fiber: AnyFiber, self: AnyEffect, time?: TimeContext | undefined) => Admission

/** Returns a rejection if a run must not continue. Holds nothing. */
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

/**
 * Releases, and logs what `release` throws: it must neither replace the result nor keep other guards from releasing.
 */
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
 * A guarded effect that can run many times; each run has an admission of its own. `refuse` is called before that, if
 * given: under overload most calls are rejected, and those have nothing to release.
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

/** An effect before which `refuse` is called on each run. */
export const gate = <A, E, R>(self: AnyEffect, refuse: Check): Effect.Effect<A, E, R> => new Gated(self, refuse)

/** Wraps an effect and adds an error to it. */
export type Protect<E> = <A, E1, R>(self: Effect.Effect<A, E1, R>) => Effect.Effect<A, E | E1, R>

// Kept on the combinator, so that a pipeline can use its parts without calling a function that may be the user's.
const StartId = Symbol("@switchgear/core/guard/start")
const CheckId = Symbol("@switchgear/core/guard/check")

/** A combinator that guards effects. A pipeline can take it apart with `startOf` and `checkOf`. */
export const guardBy = <E>(start: StartAdmission, check?: Check | undefined): Protect<E> =>
  Object.assign((self: AnyEffect) => guard<any, any, any>(self, start, check), { [StartId]: start })

/** A combinator that only checks. A pipeline can take it apart with `checkOf`. */
export const gateBy = <E>(check: Check): Protect<E> =>
  Object.assign((self: AnyEffect) => gate<any, any, any>(self, check), { [CheckId]: check })

/** The start of a combinator made by `guardBy`, so that several guards can share one frame. */
export const startOf = (combinator: Protect<any>): StartAdmission | undefined =>
  (combinator as { readonly [StartId]?: StartAdmission })[StartId]

/** The check of a combinator made by `guardBy` or `gateBy`. */
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

/** Applies a combinator to the effect without hiding a guard inside it from the guard around it. */
export const through = <A, E, R, A2, E2, R2>(
  self: Effect.Effect<A, E, R>,
  around: (self: Effect.Effect<A, E, R>, fiber: AnyFiber) => Effect.Effect<A2, E2, R2>
): Effect.Effect<A2, E2, R2> => new Through(self, around as Through["around"])
