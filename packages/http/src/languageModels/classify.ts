/** What an `AiError` means for others: for the next model, and for the circuit of this one. */
import * as Outcome from "@switchgear/core/Outcome"
import * as AiError from "effect/ai/AiError"
import * as Cause from "effect/Cause"
import * as ChatError from "../ChatError.ts"
import { originalOf } from "./aiErrors.ts"

/** Whether another model may do better. Where a chat error is behind it, its table decides. */
export const movesOn = (error: AiError.AiError): boolean => {
  if (Outcome.isRejection(error)) return true
  const original = originalOf(error)
  if (ChatError.isChatError(original)) return ChatError.movesOn(original) === "yes"
  const { reason } = error
  return reason._tag === "AuthenticationError" ? reason.kind !== "InsufficientPermissions" : !ofCaller.has(reason._tag)
}

/** What the caller has to mend; every model would say the same. */
const ofCaller: ReadonlySet<AiError.AiErrorReason["_tag"]> = new Set([
  "ContentPolicyError",
  "InvalidRequestError",
  "InvalidToolResultError",
  "InvalidUserInputError",
  "ToolConfigurationError",
  "ToolkitRequiredError",
  "ToolResultEncodingError",
  "UnsupportedSchemaError"
])

export const classify: Outcome.Classify = (exit) => {
  if (exit._tag === "Success") return Outcome.success
  let judged: Outcome.Outcome = Outcome.ignored
  for (const reason of exit.cause.reasons) {
    if (Cause.isDieReason(reason)) return Outcome.failure
    if (!Cause.isFailReason(reason)) continue
    if (speaksOfHealth(reason.error)) judged = Outcome.failure
    else if (judged === Outcome.ignored && isOfTool(reason.error)) judged = Outcome.success
  }
  return judged
}

// A guard of a tool refused what the model had asked for: the model has answered.
const isOfTool = (error: unknown): boolean => Outcome.isRejection(error) && !AiError.isAiError(error)

const speaksOfHealth = (error: unknown): boolean => {
  if (Outcome.isRejection(error)) return false
  if (!AiError.isAiError(error)) return true
  const original = originalOf(error)
  return ChatError.isChatError(original) ? ChatError.countsOnBreaker(original) : ofProvider.has(error.reason._tag)
}

const ofProvider: ReadonlySet<AiError.AiErrorReason["_tag"]> = new Set([
  "InternalProviderError",
  "InvalidResponseError",
  "NetworkError"
])
