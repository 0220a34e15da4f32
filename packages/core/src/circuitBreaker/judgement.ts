/**
 * Judges the exit of a call. This never throws: where the user's `classify` throws or answers no outcome, the default
 * judges.
 */
import * as Duration from "effect/Duration"
import type * as Exit from "effect/Exit"
import * as Outcome from "../Outcome.ts"
import { atOnce } from "../internal/data/atOnce.ts"

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
