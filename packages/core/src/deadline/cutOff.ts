/** Calls that ended because the deadline of their caller came. */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Exit from "effect/Exit"
import { holds } from "../internal/data/holds.ts"
import { Expiry } from "../internal/runtime/expiry.ts"
import type { TimeContext } from "../internal/runtime/guard.ts"
import { monotonicMillis } from "../internal/runtime/time.ts"
import * as Outcome from "../Outcome.ts"
import { DeadlineExceeded, exceeded } from "./DeadlineExceeded.ts"

/**
 * The time that a call had, if its caller's total deadline ended it; undefined for any other end. Such a call can end with
 * the time-out itself, with another error made from it, with several errors, or with an interruption. So any failure after
 * the deadline that was in force when the call began counts as ended by it. The exception is work that ends with the
 * rejection of a tool: it has had an answer of its target.
 */
export const cutOff = (
  exit: Exit.Failure<any, any>,
  began: TimeContext | undefined
): number | undefined => {
  const { cause } = exit
  const [first] = cause.reasons
  const error = first !== undefined && cause.reasons.length === 1 && Cause.isFailReason(first) ? first.error : undefined
  const told = holds(error, isExceeded) && error.limit === "total" ? Duration.toMillis(error.after) : undefined
  if (told === 0) return 0
  // A deadline that is set further in belongs to the target, not to the caller.
  const deadline = began?.deadline
  if (deadline?.limit !== "total") return undefined
  const given = deadline.at - began!.now
  if (told === undefined) {
    // Work that outlives its request, such as a stream, may end long after a deadline that did not end it.
    const hasCome = deadline instanceof Expiry ? deadline.hasCome : undefined
    const isInterrupted = Cause.hasInterruptsOnly(cause)
    if (isInterrupted ? hasCome === false : hasCome !== true || given <= 0 || Outcome.isRejected(exit)) return undefined
  }
  return monotonicMillis(began!.clock) < deadline.at ? undefined : told ?? given
}

const isExceeded = (error: unknown) => error instanceof DeadlineExceeded

/** The exit to judge for such a call: an interruption is judged as the time-out that it is. */
export const asExceeded = (exit: Exit.Failure<any, any>, given: number): Exit.Exit<unknown, unknown> =>
  Cause.hasInterruptsOnly(exit.cause)
    ? Exit.fail(exceeded("total", given))
    : exit
