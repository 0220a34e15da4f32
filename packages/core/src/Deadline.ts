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
 * **Work that goes on by itself.** A deadline in force holds for everything that was begun inside it, also for a detached
 * fiber that outlives the request: its attempts end at the deadline even when the fiber that set it is gone. Put work
 * that is meant to go on under {@link detached}. The other way round, a deadline waits for the finalizers of its own
 * work and for nothing that was detached from it.
 *
 * **Gotchas.** A time-out interrupts the work and waits for its finalizers: work that cannot be interrupted is not cut
 * short, and what it answers after the deadline is dropped. A defect in it is not. Work that keeps the event loop busy is
 * found late only when it lets go of it: if it has ended by then, its answer stands. With no time left at the start the
 * work is not begun: the error's `after` is zero then, and it is a rejection, which no circuit counts.
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
import type * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { CurrentDeadline, timeContextOf } from "./deadline/current.ts"
import { DeadlineExceeded } from "./deadline/DeadlineExceeded.ts"
import { limit } from "./deadline/limit.ts"
import { defectsOf, OwnLimit, timed } from "./deadline/limited.ts"
import type { Deadline } from "./internal/runtime/expiry.ts"
import { through } from "./internal/runtime/guard.ts"
import { OptionsOf } from "./internal/config/checks.ts"

/** Whose limit it is: one attempt's, or the whole call's. */
export type Limit = Deadline["limit"]

export type { Deadline }

export {
  /** The deadline that the running fiber is under, if any. */
  CurrentDeadline,
  DeadlineExceeded
}

/**
 * Gives the effect this much time from its start, or less if the deadline around it is nearer. With zero or less, as a
 * calculation of what is left may answer, the effect is not begun. Throws a `RangeError` on a duration that is not finite.
 */
export const within = (
  duration: Duration.Input
): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | DeadlineExceeded, R> => {
  const millis = new OptionsOf("Deadline.within").left("duration", duration)
  return (self) => limit(self, "total", millis)
}

/**
 * Gives one attempt this much time, or what is left of the deadline if that is less. Throws a `RangeError` on a duration
 * that is not above zero and finite.
 */
export const attempt = (
  duration: Duration.Input
): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | DeadlineExceeded, R> => {
  const millis = new OptionsOf("Deadline.attempt").positive("duration", duration)
  return (self) => limit(self, "attempt", millis)
}

/**
 * Runs the effect under no deadline: for work that is begun by a request and goes on when that has been answered. Limits
 * further in hold as they do everywhere.
 *
 * ```ts
 * import { Deadline } from "@switchgear/core"
 * import { Effect } from "effect"
 *
 * const refresh = Deadline.remaining.pipe(Deadline.detached)
 *
 * await Effect.runPromise(refresh.pipe(Deadline.within("5 seconds"))) // => undefined
 * ```
 */
export const detached = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  through(self, Effect.provideService(CurrentDeadline, undefined))

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
    millis === Infinity ? self : through(self, (self, fiber) =>
      timed(
        fiber,
        fiber.context as Context.Context<R>,
        self,
        new OwnLimit(fiber.getRef(Clock.Clock), millis),
        (exit): Effect.Effect<A2, E2, R2> => {
          const defects = defectsOf(exit)
          return defects.length > 0 ? Exit.failCause(Cause.fromReasons(defects)) : Effect.suspend(orElse)
        }
      ))
}

/** The time left, never negative; undefined when there is no deadline. */
export const remaining: Effect.Effect<Duration.Duration | undefined> = Effect.withFiber((fiber) => {
  const { deadline, now } = timeContextOf(fiber)
  return Effect.succeed(deadline === undefined ? undefined : Duration.millis(Math.max(0, deadline.at - now)))
})
