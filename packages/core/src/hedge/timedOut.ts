/** Whether a call was ended by a limit of its time: it takes at least as long. */
import * as Cause from "effect/Cause"
import type * as Exit from "effect/Exit"
import { fieldOf } from "../internal/data/fieldOf.ts"
import * as Outcome from "../Outcome.ts"

const tags: ReadonlySet<unknown> = new Set(["DeadlineExceeded", "TimedOut", "TimeoutError"])

/** An error that says so by its tag, and not that it has refused the call. */
export const isTimeout = (exit: Exit.Exit<unknown, unknown>): boolean =>
  exit._tag === "Failure" &&
  exit.cause.reasons.some((reason) =>
    Cause.isFailReason(reason) && tags.has(fieldOf(reason.error, "_tag")) && !Outcome.isRejection(reason.error)
  )
