/**
 * Judges the exit of a call. This never throws: where the user's `classify` throws or answers no outcome, the default
 * judges.
 */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Exit from "effect/Exit"
import * as Deadline from "../Deadline.ts"
import * as Outcome from "../Outcome.ts"
import { atOnce } from "../internal/data/atOnce.ts"
import { Expiry } from "../internal/runtime/expiry.ts"
import type { TimeContext } from "../internal/runtime/guard.ts"
import { holds } from "../internal/data/holds.ts"
import { rejection } from "../internal/runtime/rejection.ts"
import { monotonicMillis } from "../internal/runtime/time.ts"

/** What is recorded of a call, with waits in milliseconds. `undefined` stands for an ignored call. */
export interface Judgement {
  readonly failed: boolean
  /** The wait that the target asked for. */
  readonly retryAfter: number | undefined
  /** How long the circuit opens now; zero for as long as its schedule says. */
  readonly tripFor: number | undefined
}

const succeeded: Judgement = { failed: false, retryAfter: undefined, tripFor: undefined }

export const judge = (classify: Outcome.Classify<any, any>, exit: Exit.Exit<any, any>): Judgement | undefined => {
  try {
    const judgement = read(atOnce(classify(exit)) as Outcome.Outcome, exit)
    if (judgement !== null) return judgement
  } catch {
    // The default judges below.
  }
  return read(Outcome.fromExit(exit), exit) ?? undefined
}

/** Null for a value that is no outcome. */
const read = (outcome: Outcome.Outcome, exit: Exit.Exit<any, any>): Judgement | undefined | null => {
  // A `classify` in plain JavaScript may answer anything.
  switch ((outcome as Outcome.Outcome | undefined | null)?._tag) {
    case "Success":
      return succeeded
    case "Ignored":
      return undefined
    case "Failure": {
      const told = millisOf((outcome as { readonly retryAfter?: unknown }).retryAfter)
      return { failed: true, retryAfter: told > 0 ? told : millisOf(Outcome.retryAfterOf(exit)), tripFor: undefined }
    }
    case "TripFor": {
      const { duration } = outcome as { readonly duration?: unknown }
      return Duration.isDuration(duration) ? { failed: true, retryAfter: undefined, tripFor: millisOf(duration) } : null
    }
    default:
      return null
  }
}

/** Zero for anything but a duration above zero. */
const millisOf = (duration: unknown): number =>
  Duration.isDuration(duration) ? Math.max(0, Duration.toMillis(duration)) : 0

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

const isExceeded = (error: unknown) => error instanceof Deadline.DeadlineExceeded

/** The exit to judge for such a call: an interruption is judged as the time-out that it is. */
export const exceeded = (exit: Exit.Failure<any, any>, given: number): Exit.Exit<unknown, unknown> =>
  Cause.hasInterruptsOnly(exit.cause)
    ? Exit.fail(rejection(Deadline.DeadlineExceeded, {
      _tag: "DeadlineExceeded",
      limit: "total",
      after: Duration.millis(given)
    }))
    : exit
