/** Work under a limit: it runs in a fiber of its own, which is interrupted when the limit comes. */
import * as Cause from "effect/Cause"
import type * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type { CallSource } from "../internal/runtime/callListeners.ts"
import { type Deadline, Expiry, type Joined, type Limit, type Waiting } from "../internal/runtime/expiry.ts"
import { type Admission, passOn, passOnElsewhere, type TimeContext } from "../internal/runtime/guard.ts"
import { monotonicMillis } from "../internal/runtime/time.ts"
import { startTimeout, type Timeout } from "../internal/runtime/timerLane.ts"
import { later, resumeWith } from "../internal/runtime/wake.ts"
import { Rescue } from "../internal/runtime/handler.ts"
import { CurrentDeadline } from "./current.ts"
import { leftBehindBy, outlivedBy } from "./leftBehind.ts"
import { keepsDeadline } from "./keeping.ts"
import { type DeadlineExceeded, exceeded, nothingLeft } from "./DeadlineExceeded.ts"

/** Who interrupts the work of an attempt when its caller is interrupted. */
export interface Owner {
  child: Fiber.Fiber<any, any> | undefined
}

/** What a named time-out counts. */
export interface Counts extends CallSource {
  calls: number
  timeouts: number
}

/** The deadline of a pipeline that begins now: its own, or the one around it if that is nearer. */
export const total = ({ clock, deadline, now }: TimeContext, millis: number): Deadline =>
  deadline !== undefined && deadline.at <= now + millis ? deadline : new Expiry("total", now + millis, clock, millis)

// A nanosecond in milliseconds. What is less, a remainder of sums of fractions, would be told as a time of zero, by which
// a call counts as not begun.
const shortest = 1e-6

/**
 * Runs the effect under a limit that begins at the moment given, which must be now. Where there is an owner, whose frame
 * is around this one, it is left to that to interrupt the child and to wait for it. `outer` is the guard directly around
 * the limit. `counts` are those of the limit that is given, not of a nearer one.
 */
export const limitedAt = <A, E, R>(
  fiber: Fiber.Fiber<any, any>,
  self: Effect.Effect<A, E, R>,
  limit: Deadline["limit"],
  millis: number,
  { clock, deadline: around, now }: TimeContext,
  outer?: Admission | undefined,
  owner?: Owner | undefined,
  counts?: Counts | undefined
): Effect.Effect<A, E | DeadlineExceeded, R> => {
  const nearer = around !== undefined && around.at <= now + millis ? around : undefined
  if (nearer !== undefined && nearer.at - now < shortest) return nothingLeft(nearer)
  // Of limits that come at the same moment, the innermost tells of it and counts it.
  const isCutShort = around !== undefined && around.at < now + millis
  if (counts !== undefined) counts.calls++
  const given = nearer === undefined ? millis : nearer.at - now
  // A deadline that was not given by this module tells nobody, so that one of the same time is put inside it.
  const expiry = nearer instanceof Expiry
    ? nearer
    : new Expiry(nearer?.limit ?? limit, now + given, clock, given)
  const lateness: Lateness = { expiry, given, counts: isCutShort ? undefined : counts }
  const context = Context.add(fiber.context, CurrentDeadline, expiry)
  if (!keepsDeadline(self, fiber)) {
    return timed(fiber, context as Context.Context<R>, self, expiry, (exit) => late(exit, lateness), outer, owner)
  }
  // Before the guard inside is begun, which may put frames of its own inside of this one.
  new Kept(lateness, fiber).enter(fiber, context)
  return passOn(outer, self, fiber)
}

/** What is told when a limit has come. */
interface Lateness {
  readonly expiry: Expiry
  /** Milliseconds. */
  readonly given: number
  /** Undefined where the limit is not that of the time-out that counts. */
  readonly counts: Counts | undefined
}

const late = <A, E>(exit: Exit.Exit<A, E>, { counts, expiry, given }: Lateness): Exit.Exit<never, DeadlineExceeded> => {
  if (counts !== undefined) {
    counts.timeouts++
    counts.onCall?.({ type: "timeout", millis: given })
  }
  return outOfTime(exit, exceeded(expiry.limit, given))
}

/** Work under the deadline that ends itself when it comes: its interruption is then the end of its time. */
class Kept extends Rescue {
  private readonly lateness: Lateness

  constructor(lateness: Lateness, fiber: Fiber.Fiber<any, any>) {
    super(fiber)
    this.lateness = lateness
  }

  failed(cause: Cause.Cause<unknown>): Exit.Exit<never, unknown> {
    const ended = Exit.failCause(cause)
    return this.lateness.expiry.hasCome && Cause.hasInterrupts(cause) ? late(ended, this.lateness) : ended
  }
}

/**
 * Runs the effect in a fiber of its own, which is interrupted when the limit comes; `late` says what to answer instead of
 * the exit of work that was interrupted. What ends at once needs no timer.
 */
export const timed = <A, E, R, B, E2, R2>(
  fiber: Fiber.Fiber<any, any>,
  context: Context.Context<R>,
  self: Effect.Effect<A, E, R>,
  limit: Limit,
  late: (exit: Exit.Exit<A, E>) => Effect.Effect<B, E2, R2>,
  outer?: Admission | undefined,
  owner?: Owner | undefined
): Effect.Effect<A | B, E | E2, R2> =>
  // The child starts in the step that registers its interruption, so that no interrupt can come between the two.
  Effect.callback<A | B, E | E2, R2>((resume) => {
    const work = new LimitedWork(fiber)
    const joined = limit.join(work)
    const child = work.child = Effect.runForkWith(context)(passOnElsewhere(outer, self) as Effect.Effect<A, E, R>)
    const early = child.pollUnsafe()
    if (early !== undefined) {
      joined.cancel(fiber)
      return resume(early)
    }
    limit.arm(fiber)
    // Told before it leaves: what is further out must find the time-out dealt with when its own turn comes.
    const told = work.told = (exit: Exit.Exit<A, E>) => {
      work.told = undefined
      // What waits further in for the same limit may have ended itself, before it was the turn of this work to be interrupted.
      const isLate = work.isLate || limit.hasCome && Exit.hasInterrupts(exit)
      const answer: Effect.Effect<A | B, E | E2, R2> = isLate ? late(exit) : exit
      const left = leftBehindBy(child)
      goOnFrom(fiber, resume, left === undefined ? answer : Effect.andThen(outlivedBy(fiber, left), answer), joined)
    }
    child.addObserver(told)
    // It came in the very step in which the work began.
    if (work.isLate) child.interruptUnsafe(fiber.id)
    if (owner === undefined) return Effect.suspend(() => ended(child))
    owner.child = child
    return undefined
  })

// Of limits inside of each other each ends the next one further out, or interrupts the one further in: of thousands that
// would use up the stack.
const deepest = 50
let depth = 0

/** The fiber goes on, and then leaves the limit, if it was under one. */
const goOnFrom = <Next>(
  fiber: Fiber.Fiber<any, any>,
  resume: (next: Next) => void,
  next: Next,
  joined?: Joined | undefined
): void => {
  if (depth >= deepest) return later(fiber, () => goOnFrom(fiber, resume, next, joined))
  depth++
  try {
    resumeWith(resume, next)
    joined?.cancel(fiber)
  } finally {
    depth--
  }
}

class LimitedWork implements Waiting {
  isLate = false
  child: Fiber.Fiber<any, any> | undefined
  /** Goes on with what the work came to; undefined when that was done. */
  told: ((exit: Exit.Exit<any, any>) => void) | undefined
  readonly fiber: Fiber.Fiber<any, any>

  constructor(fiber: Fiber.Fiber<any, any>) {
    this.fiber = fiber
  }

  expire(): void {
    const { child } = this
    // An observer that the work has put on its own fiber may have thrown, so that those after it were not told.
    const exit = child?.pollUnsafe()
    if (exit !== undefined) return this.told?.(exit)
    this.isLate = true
    try {
      child?.interruptUnsafe(this.fiber.id)
    } finally {
      const exit = child?.pollUnsafe()
      if (exit !== undefined) this.told?.(exit)
    }
  }
}

/** A limit for one piece of work, which nobody further in is told of. */
export class OwnLimit implements Limit, Joined {
  readonly hasCome = false
  private readonly clock: Clock.Clock
  private readonly millis: number
  private readonly due: number
  private waiting: Waiting | undefined
  private timeout: Timeout | undefined

  constructor(clock: Clock.Clock, millis: number) {
    this.clock = clock
    this.millis = millis
    this.due = monotonicMillis(clock) + millis
  }

  join(waiting: Waiting): Joined {
    this.waiting = waiting
    return this
  }

  arm(fiber: Fiber.Fiber<any, any>): void {
    this.timeout = startTimeout(fiber, this.clock, this.millis, this.due, () => this.waiting!.expire())
  }

  cancel(fiber: Fiber.Fiber<any, any>): void {
    this.timeout?.cancel(fiber)
  }
}

/** Interrupts the child of an attempt and waits for its end; a defect that came to light by it is told. */
export const ended = (child: Fiber.Fiber<any, any>): Effect.Effect<void> =>
  Effect.withFiber((fiber) => {
    if (depth >= deepest) return Effect.andThen(Effect.yieldNow, ended(child))
    depth++
    try {
      child.interruptUnsafe(fiber.id)
    } finally {
      depth--
    }
    return Effect.callback((resume) => {
      const unobserve = child.addObserver((exit) => {
        const defects = defectsOf(exit)
        const end = defects.length === 0 ? Exit.void : Exit.failCause(Cause.fromReasons<never>(defects))
        const left = leftBehindBy(child)
        goOnFrom(fiber, resume, left === undefined ? end : Effect.andThen(Fiber.awaitAll(left), end))
      })
      return Effect.sync(unobserve)
    })
  })

// A defect that came to light while the work was being interrupted is not lost in the time-out.
const outOfTime = <A, E>(exit: Exit.Exit<A, E>, error: DeadlineExceeded): Exit.Exit<never, DeadlineExceeded> =>
  Exit.failCause(Cause.fromReasons([Cause.makeFailReason(error), ...defectsOf(exit)]))

export const defectsOf = (exit: Exit.Exit<unknown, unknown>): ReadonlyArray<Cause.Die> =>
  exit._tag === "Success" ? [] : exit.cause.reasons.filter(Cause.isDieReason)
