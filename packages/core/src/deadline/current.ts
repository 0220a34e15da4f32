/** The deadline that a fiber is under, by the clock that the fiber reads. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import type * as Fiber from "effect/Fiber"
import { type Deadline, Expiry } from "../internal/runtime/expiry.ts"
import type { TimeContext } from "../internal/runtime/guard.ts"
import { monotonicMillis } from "../internal/runtime/time.ts"

/**
 * The deadline that the running fiber is under, if any.
 *
 * @since 0.1.0
 * @category references
 */
export const CurrentDeadline = Context.Reference<Deadline | undefined>("@switchgear/core/Deadline/CurrentDeadline", {
  defaultValue: () => undefined
})

/** What a fiber knows about time at this moment. */
export const timeContextOf = (fiber: Fiber.Fiber<any, any>): TimeContext => {
  const clock = fiber.getRef(Clock.Clock)
  const now = monotonicMillis(clock)
  return { clock, now, deadline: deadlineOf(fiber, clock, now) }
}

/** The deadline of the fiber, told by `clock`, which shows `now`. */
export const deadlineOf = (fiber: Fiber.Fiber<any, any>, clock: Clock.Clock, now: number): Deadline | undefined => {
  const deadline = fiber.getRef(CurrentDeadline)
  if (deadline === undefined || (deadline instanceof Expiry && deadline.clock === clock)) return deadline
  if (deadline instanceof Expiry)
    return { limit: deadline.limit, at: now + deadline.at - monotonicMillis(deadline.clock) }
  // One that somebody has calculated from what was no number is none: nothing would come before or after it.
  return deadline.at <= Infinity ? deadline : undefined
}
