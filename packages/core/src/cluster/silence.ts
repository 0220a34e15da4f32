/** Why the store of a fleet does not answer, in words for the log: nothing that may be secret. */
import * as Exit from "effect/Exit"
import type { StoreFailed } from "../ClusterStore.ts"
import { failureWord } from "../internal/runtime/failureWord.ts"

export const timedOut = "timed out"

/** It has an answer, and took nothing of the message. */
export const leaps = "counts each message as late: its clock or that of this node leaps"

/** Of a message that has an end, but no answer. A success is an answer to another number of questions. */
export const silenceOf = (exit: Exit.Exit<unknown, StoreFailed>): string => {
  if (Exit.isSuccess(exit)) return "said what no store says"
  const [reason] = exit.cause.reasons
  if (reason?._tag !== "Fail") return "has a fault"
  if (reason.error.reason === "nonsense") return "said what no store says"
  const word = failureWord(reason.error.cause)
  return word === "ECONNREFUSED" ? `refused the connection, ${word}` : `failed with ${word}`
}
