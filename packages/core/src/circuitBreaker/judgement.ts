/**
 * What the exit of a call says about the callee. This never throws: what the user's judge throws, and any answer of it
 * that is no outcome, is replaced by the default judgement.
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

/** What is recorded of a call; waits are milliseconds. `undefined` for a call that says nothing. */
export interface Judgement {
  readonly failed: boolean
  /** The wait that the callee asked for. */
  readonly retryAfter: number | undefined
  /** For how long the circuit is to open now; zero: as long as its schedule says. */
  readonly tripFor: number | undefined
}

const succeeded: Judgement = { failed: false, retryAfter: undefined, tripFor: undefined }

export const judge = (classify: Outcome.Classify<any, any>, exit: Exit.Exit<any, any>): Judgement | undefined => {
  try {
    const judgement = read(atOnce(classify(exit)) as Outcome.Outcome, exit)
    if (judgement !== null) return judgement
  } catch {
    // Read on: the default judge is asked instead.
  }
  return read(Outcome.fromExit(exit), exit) ?? undefined
}

/** Null for what is no outcome. */
const read = (outcome: Outcome.Outcome, exit: Exit.Exit<any, any>): Judgement | undefined | null => {
  // A judge in plain JavaScript may answer anything.
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

/** Zero for what is no duration above zero. */
const millisOf = (duration: unknown): number =>
  Duration.isDuration(duration) ? Math.max(0, Duration.toMillis(duration)) : 0

/**
 * The time that a call was given which its caller's deadline ended; undefined for any other end. However it shows, as the
 * time-out that the call itself tells or what somebody has made of it, alone, twice or with what its finalizers say, or as
 * an interruption: what fails after the deadline in force at its beginning has come, says first that it had no more time.
 * Only work that ends with the rejection of a tool has called the callee, as at any other time.
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
  // Only the deadline that was in force when the call began is the caller's: one that is set further in is the callee's.
  const deadline = began?.deadline
  if (deadline?.limit !== "total") return undefined
  const given = deadline.at - began!.now
  if (told === undefined) {
    // Work that its request has left behind, such as a stream, may end long after a deadline that ended nobody.
    const hasCome = deadline instanceof Expiry ? deadline.hasCome : undefined
    const isInterrupted = Cause.hasInterruptsOnly(cause)
    if (isInterrupted ? hasCome === false : hasCome !== true || given <= 0 || Outcome.isRejected(exit)) return undefined
  }
  return monotonicMillis(began!.clock) < deadline.at ? undefined : told ?? given
}

const isExceeded = (error: unknown) => error instanceof Deadline.DeadlineExceeded

/** The exit of a call as it is judged that was given so long, whichever of the two ways it shows. */
export const exceeded = (exit: Exit.Failure<any, any>, given: number): Exit.Exit<unknown, unknown> =>
  Cause.hasInterruptsOnly(exit.cause)
    ? Exit.fail(rejection(Deadline.DeadlineExceeded, {
      _tag: "DeadlineExceeded",
      limit: "total",
      after: Duration.millis(given)
    }))
    : exit
