/** What is done about an error: whether it is retried, moves on, is counted, parks the key, may be billed. */
import type { ChatError, Forbidden } from "./errors.ts"
import { isNotImplemented, isRefused } from "./fields.ts"
import { hasWorked } from "./worked.ts"

/**
 * How often the same model is worth another attempt. `once` is for a struggling provider, where more attempts make it
 * worse.
 *
 * @category predicates
 * @since 0.1.0
 */
export const retries = (error: ChatError): "yes" | "once" | "no" =>
  !error.isRetryable ? "no" : error._tag === "Overloaded" || error._tag === "MalformedReply" ? "once" : "yes"

/**
 * Whether the next model of a cascade is asked: always, never, only one with a larger window, or only where the step
 * opted in to it.
 *
 * @category predicates
 * @since 0.1.0
 */
export const movesOn = (error: ChatError): "yes" | "no" | "larger-window" | "opt-in" => {
  switch (error._tag) {
    case "InvalidRequest":
      return error.status === 413 ? "larger-window" : modelSpecific.has(error.code ?? "") ? "opt-in" : "no"
    case "ContextTooLong":
      return "larger-window"
    case "ContentBlocked":
      return "opt-in"
    case "Forbidden":
      return isSaid(error) ? "opt-in" : "yes"
    default:
      return "yes"
  }
}

/**
 * Whether a provider says by a code or a type that it is about a permission or a region. A 403 that says neither may be
 * anything, such as spent money in a language that no dialect knows.
 */
const isSaid = ({ code, type }: Forbidden): boolean =>
  /permission|forbidden|denied|region|country|precondition/i.test(`${code} ${type}`)

/** Codes by which a model refuses what another model may accept. */
const modelSpecific = new Set(["invalid_prompt", "unsupported_parameter", "unsupported_value", "unknown_parameter"])

/**
 * Whether the error speaks of the model's health. A spent quota, a wrong key or a bad request does not, and neither does
 * a `ProviderFault` with a status from 400 to 499, but for 408.
 *
 * @category predicates
 * @since 0.1.0
 */
export const countsOnBreaker = (error: ChatError): boolean => {
  switch (error._tag) {
    case "ProviderFault":
      return error.status !== 409 && error.status !== 424 && !isRefused(error.status) && !isNotImplemented(error.status)
    case "TimedOut":
      return error.phase !== "reader"
    case "Overloaded":
    case "ConnectFailed":
    case "Truncated":
      return true
    case "MalformedReply":
      // The limit of tokens is the caller's.
      return error.code !== "length"
    default:
      return false
  }
}

/**
 * Whether the key is of no use for a while, so that another key of the same provider should be taken: for all models,
 * or, where a `QuotaExhausted` has `scope: "model"`, for the model that was asked.
 *
 * @category predicates
 * @since 0.1.0
 */
export const parksKey = (error: ChatError): boolean => error._tag === "Unauthorized" || error._tag === "QuotaExhausted"

/**
 * Whether the provider may have worked on the call, and may bill it although no answer came of it: it was cut, took too
 * long, was answered with something else, or broke off. What is refused before the work is not billed, but what is
 * withdrawn, filtered or given up after it is, whatever its class.
 *
 * @category predicates
 * @since 0.1.0
 */
export const possiblyBilled = (error: ChatError): boolean => {
  if (hasWorked(error)) return true
  switch (error._tag) {
    case "ProviderFault":
      return !isNotImplemented(error.status) && !isRefused(error.status)
    case "TimedOut":
      return error.phase !== "connect"
    case "ConnectFailed":
      return lostCodes.has(error.code ?? "")
    case "ClientReleased":
      // With a status, the reply had begun.
      return error.status !== undefined
    case "Truncated":
    case "MalformedReply":
    // A filter has read the prompt, and may have read an answer: Azure bills both, also with a 400.
    case "ContentBlocked":
      return true
    default:
      return false
  }
}

/** A connection that was there and was lost may have carried the request. */
const lostCodes = new Set(["ECONNRESET", "EPIPE", "UND_ERR_SOCKET"])
