/**
 * A call ends by the time its caller has promised: the total deadline of a request, and the time-out of each attempt.
 *
 * {@link within} gives everything inside an absolute deadline, which can be narrowed further in but never widened, and
 * interrupts what is still running when it comes. {@link attempt} is the time-out of one attempt and takes the smaller
 * of its own limit and what is left of the deadline. The other guards read the deadline: a retry does not begin a wait
 * that would pass it, a bulkhead does not queue beyond it.
 *
 * **Order.** `within` outermost, `attempt` innermost, next to the call. Where both come due at once, the innermost
 * tells: the breaker between them sees a time-out, not an interruption.
 *
 * **Gotchas.** A time-out interrupts the work and waits for its finalizers: work that cannot be interrupted is not cut
 * short, and what it answers after the deadline is dropped. A defect in it is not.
 *
 * ```ts
 * import { Deadline } from "@switchgear/core"
 * import { Effect } from "effect"
 *
 * const slow = Effect.sleep("1 minute").pipe(Deadline.attempt("20 millis"), Deadline.within("10 seconds"))
 *
 * const error = await Effect.runPromise(Effect.flip(slow))
 * error.limit // => "attempt"
 * ```
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import { type Deadline, Expiry, type Joined, LazyExpiry } from "./internal/expiry.ts"
import type { Moment } from "./internal/guard.ts"
import { OptionsOf } from "./internal/options.ts"
import { withoutStack } from "./internal/rejection.ts"
import { monotonicMillis } from "./internal/time.ts"
import { startTimer } from "./internal/timer.ts"
import { nextTurn, startTimeout } from "./internal/timerLane.ts"

/** Whose limit it is: one attempt's, or the whole call's. */
export type Limit = Deadline["limit"]

export type { Deadline }

/** The deadline that the running fiber is under, if any. */
export const CurrentDeadline = Context.Reference<Deadline | undefined>("@switchgear/core/Deadline/CurrentDeadline", {
  defaultValue: () => undefined
})

/** The time ran out: the work was interrupted, or, with nothing left at the start, not begun. */
export class DeadlineExceeded
  extends Schema.TaggedError<DeadlineExceeded>("@switchgear/core/Deadline/DeadlineExceeded")(
    "DeadlineExceeded",
    {
      limit: Schema.Literals(["attempt", "total"]),
      /** The time that the work was given. */
      after: Schema.Duration
    }
  )
{
  override get message(): string {
    const after = Duration.format(this.after)
    return this.limit === "attempt"
      ? `The attempt had not ended after ${after} and was interrupted. Allow more time, or try another target.`
      : `The deadline passed after ${after}: no time is left for this call. Answer with what there is.`
  }
}

/**
 * Gives the effect so much time from its start, or less if the deadline around it is nearer. Throws a `RangeError` on a
 * duration that is not above zero.
 */
export const within = (
  duration: Duration.Input
): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | DeadlineExceeded, R> => {
  const millis = new OptionsOf("Deadline.within").positive("duration", duration)
  return (self) => limited(self, "total", millis)
}

/** Gives one attempt so much time, or what is left of the deadline if that is less. */
export const attempt = (
  duration: Duration.Input
): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | DeadlineExceeded, R> => {
  const millis = new OptionsOf("Deadline.attempt").positive("duration", duration)
  return (self) => limited(self, "attempt", millis)
}

/**
 * Gives the effect so much time of its own, and goes on with another when it is over: `Effect.timeoutOrElse` for less
 * than half of what it costs. It is no deadline: it neither reads the one around it, whose coming interrupts both, nor
 * tells what runs inside. Infinity is no limit. Throws a `RangeError` on a duration that is not above zero.
 *
 * ```ts
 * import { Deadline } from "@switchgear/core"
 * import { Effect } from "effect"
 *
 * const answer = Effect.never.pipe(
 *   Deadline.timeoutOrElse({ duration: "20 millis", orElse: () => Effect.succeed("We will be right with you.") })
 * )
 *
 * await Effect.runPromise(answer) // => "We will be right with you."
 * ```
 */
export const timeoutOrElse = <A2, E2, R2>({ duration, orElse }: {
  readonly duration: Duration.Input
  readonly orElse: () => Effect.Effect<A2, E2, R2>
}): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A | A2, E | E2, R | R2> => {
  const millis = new OptionsOf("Deadline.timeoutOrElse").limit("duration", duration)
  return <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A | A2, E | E2, R | R2> =>
    millis === Infinity ? self : Effect.withFiber((fiber) => {
      const clock = fiber.getRef(Clock.Clock)
      return timed(
        fiber,
        fiber.context as Context.Context<R>,
        self,
        (expire) => startTimeout(fiber, clock, millis, monotonicMillis(clock) + millis, expire),
        (exit) => {
          const defects = defectsOf(exit)
          return defects.length > 0 ? Exit.failCause(Cause.fromReasons(defects)) : orElse()
        }
      )
    })
}

/** The time left, never negative; undefined when there is no deadline. */
export const remaining: Effect.Effect<Duration.Duration | undefined> = Effect.withFiber((fiber) => {
  const millis = millisLeft(fiber)
  return Effect.succeed(millis === Infinity ? undefined : Duration.millis(Math.max(0, millis)))
})

/**
 * Milliseconds left, zero or less when the deadline has passed, infinity when there is none.
 *
 * @internal
 */
export const millisLeft = (fiber: Fiber.Fiber<any, any>): number => {
  const deadline = fiber.getRef(CurrentDeadline)
  return deadline === undefined ? Infinity : deadline.at - monotonicMillis(fiber.getRef(Clock.Clock))
}

/**
 * Calls `expire` when the deadline comes, which is after so many milliseconds; answers how to leave.
 *
 * @internal
 */
export const onExpiry = (
  fiber: Fiber.Fiber<any, any>,
  deadline: Deadline | undefined,
  left: number,
  expire: () => void
): () => void => {
  if (!(deadline instanceof Expiry)) return startTimer(fiber, left, expire)
  const joined = deadline.join(expire, fiber)
  return () => joined.cancel(fiber)
}

/**
 * The deadline of a pipeline that begins now: its own, or the one around it if that is nearer.
 *
 * @internal
 */
export const total = ({ clock, deadline, now }: Moment, millis: number): Deadline => {
  const at = now + millis
  if (deadline !== undefined && deadline.at <= at) return deadline
  const turn = nextTurn()
  return new LazyExpiry(at, (fiber, onFire) => startTimeout(fiber, clock, millis, at, onFire, turn))
}

/**
 * The failure of what was not begun, because its deadline had passed.
 *
 * @internal
 */
export const nothingLeft = (deadline: Deadline): Exit.Exit<never, DeadlineExceeded> =>
  Exit.fail(exceeded(deadline.limit, 0))

/**
 * What a fiber knows about time at this moment.
 *
 * @internal
 */
export const momentOf = (fiber: Fiber.Fiber<any, any>): Moment => {
  const clock = fiber.getRef(Clock.Clock)
  return { clock, now: monotonicMillis(clock), deadline: fiber.getRef(CurrentDeadline) }
}

const limited = <A, E, R>(
  self: Effect.Effect<A, E, R>,
  limit: Limit,
  millis: number
): Effect.Effect<A, E | DeadlineExceeded, R> =>
  Effect.withFiber((fiber) => limitedAt(fiber, self, limit, millis, momentOf(fiber)))

/**
 * Who interrupts the work of an attempt when its caller is interrupted.
 *
 * @internal
 */
export interface Owner {
  child: Fiber.Fiber<any, any> | undefined
}

/**
 * Runs the effect under a limit that begins at the moment given, which must be now. Where there is an owner, whose frame
 * is around this one, it is left to that to interrupt the child and to wait for it.
 *
 * @internal
 */
export const limitedAt = <A, E, R>(
  fiber: Fiber.Fiber<any, any>,
  self: Effect.Effect<A, E, R>,
  limit: Limit,
  millis: number,
  { clock, deadline: around, now }: Moment,
  owner?: Owner | undefined
): Effect.Effect<A, E | DeadlineExceeded, R> => {
  const nearer = around !== undefined && around.at <= now + millis ? around : undefined
  if (nearer !== undefined && nearer.at <= now) return nothingLeft(nearer)
  // A deadline that was not given by this module tells nobody, so that one of the same time is put inside it.
  const shared = nearer instanceof Expiry ? nearer : undefined
  // One of its own even where it follows a nearer one: what is inside of it is told before it is.
  const expiry = new Expiry(nearer?.limit ?? limit, nearer?.at ?? now + millis)
  const given = expiry.at - now
  const context = Context.add(fiber.context, CurrentDeadline, expiry) as Context.Context<R>
  return timed(
    fiber,
    context,
    self,
    (expire) => {
      const fire = () => expiry.fire(expire)
      return shared ? shared.join(fire, fiber) : startTimeout(fiber, clock, nearer ? given : millis, expiry.at, fire)
    },
    (exit) => outOfTime(exit, exceeded(expiry.limit, given)),
    owner
  )
}

/**
 * Runs the effect in a fiber of its own, which the time-out interrupts: `arm` begins it, and `late` says what to answer
 * instead of the exit of work that was interrupted by it. What ends at once needs none.
 */
const timed = <A, E, R, B, E2, R2>(
  fiber: Fiber.Fiber<any, any>,
  context: Context.Context<R>,
  self: Effect.Effect<A, E, R>,
  arm: (expire: () => void) => Joined,
  late: (exit: Exit.Exit<A, E>) => Effect.Effect<B, E2, R2>,
  owner?: Owner | undefined
): Effect.Effect<A | B, E | E2, R2> =>
  // The child starts in the step that registers its interruption, so that no interrupt can come between the two.
  Effect.callback<A | B, E | E2, R2>((resume) => {
    const child = Effect.runForkWith(context)(self)
    const early = child.pollUnsafe()
    if (early !== undefined) return resume(early)
    let isLate = false
    const timeout = arm(() => {
      isLate = true
      child.interruptUnsafe(fiber.id)
    })
    // Told before it is cancelled: what is further out must find the time-out dealt with when its own turn comes.
    child.addObserver((exit) => {
      resume(isLate ? late(exit) : exit)
      timeout.cancel(fiber)
    })
    if (owner === undefined) return Effect.suspend(() => ended(child))
    owner.child = child
    return undefined
  })

/**
 * Interrupts the child of an attempt and waits for its end; a defect that came to light by it is told.
 *
 * @internal
 */
export const ended = (child: Fiber.Fiber<any, any>): Effect.Effect<void> =>
  Effect.flatMap(Effect.andThen(Fiber.interrupt(child), Fiber.await(child)), (exit) => {
    const defects = defectsOf(exit)
    return defects.length === 0 ? Effect.void : Effect.failCause(Cause.fromReasons(defects))
  })

const exceeded = (limit: Limit, millis: number): DeadlineExceeded =>
  withoutStack(() => new DeadlineExceeded({ limit, after: Duration.millis(millis) }))

// A defect that came to light while the work was being interrupted is not lost in the time-out.
const outOfTime = <A, E>(exit: Exit.Exit<A, E>, error: DeadlineExceeded): Exit.Exit<never, DeadlineExceeded> =>
  Exit.failCause(Cause.fromReasons([Cause.makeFailReason(error), ...defectsOf(exit)]))

const defectsOf = (exit: Exit.Exit<unknown, unknown>): ReadonlyArray<Cause.Die> =>
  exit._tag === "Success" ? [] : exit.cause.reasons.filter(Cause.isDieReason)
