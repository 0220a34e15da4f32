/**
 * From a status and what the provider says to the class of the failure: the error table of the protocol as a function.
 *
 * The provider's `code` is asked before its `type`, since several billing codes share one type; its sentence is asked
 * last, and only where a provider has no code for what it means.
 */
import type { ProviderSays } from "./errorBody.ts"

export type ResponseTag =
  | "InvalidRequest"
  | "ContextTooLong"
  | "ContentBlocked"
  | "Unauthorized"
  | "Forbidden"
  | "ModelNotFound"
  | "QuotaExhausted"
  | "ProviderRateLimited"
  | "Overloaded"
  | "ProviderFault"
  | "MalformedReply"

/**
 * The status a failure has: the one of the response, or, inside a 200, the one the error object names or means.
 */
export const effectiveStatus = (status: number, says: ProviderSays): number =>
  status < 200 || status > 299
    ? status
    : says.httpCode ?? grpcStatuses.get(says.grpcStatus ?? "") ?? words.get(says.code ?? "") ??
      words.get(says.type ?? "") ?? status

/**
 * The class of a failure. `status` is the effective one; `longWait` says that the provider asks to wait for an hour or
 * more.
 */
export const classify = (status: number, says: ProviderSays, longWait: boolean): ResponseTag => {
  if (status >= 300 && status <= 399) return "MalformedReply"
  if (status < 400 || status > 499) return status === 503 || status === 529 ? "Overloaded" : "ProviderFault"
  if (isRateLimitWord(says.code) && (status === 429 || status === 498)) return "ProviderRateLimited"
  if (status === 402 || isQuota(status, says)) return "QuotaExhausted"
  if (isWrongKey(status, says)) return "Unauthorized"
  if (isContext(status, says)) return "ContextTooLong"
  if (status === 400 && isBlocked(says)) return "ContentBlocked"
  if (status === 404 || ((status === 400 || status === 403) && unknownModel.has(says.code ?? "")))
    return "ModelNotFound"
  if (status === 403) return "Forbidden"
  if (status === 429) return isLongQuota(says, longWait) ? "QuotaExhausted" : "ProviderRateLimited"
  if (status === 498) return "ProviderRateLimited"
  if (status === 408 || status === 409) return "ProviderFault"
  return "InvalidRequest"
}

const quotaWords = new Set([
  "insufficient_quota",
  "credit_balance_exhausted",
  "organization_spend_limit_exceeded",
  "project_spend_limit_exceeded",
  "organization_usage_limit_exceeded",
  "billing_hard_limit_reached",
  "billing_not_active",
  "enforced_spend_limit_reached",
  "billing_error"
])

const isRateLimitWord = (code: string | undefined): boolean => code === "rate_limit_exceeded" || code === "slow_down"

const isQuota = (status: number, says: ProviderSays): boolean =>
  quotaWords.has(says.code ?? "") ||
  ((status === 429 || status === 400 || status === 403) && quotaWords.has(says.type ?? "")) ||
  // Anthropic reports spent money as an invalid request; the sentence is all that tells them apart.
  (status === 400 && says.type === "invalid_request_error" &&
    /credit balance is too low|spend limit/i.test(says.text ?? ""))

/** Gemini's quota of a day, or a model the plan grants nothing of: no wait within a request's life helps. */
const isLongQuota = (says: ProviderSays, longWait: boolean): boolean =>
  says.grpcStatus === "RESOURCE_EXHAUSTED" &&
  (longWait || says.reasons.some((reason) => /PerDay/i.test(reason)) || /\blimit: 0\b/.test(says.text ?? ""))

const isWrongKey = (status: number, says: ProviderSays): boolean =>
  status === 401 ||
  // Gemini answers 400 to a wrong key.
  (status === 400 &&
    (says.code === "invalid_api_key" || says.type === "authentication_error" ||
      says.reasons.includes("API_KEY_INVALID") || /^API key not valid\b/i.test(says.text ?? "")))

const isContext = (status: number, says: ProviderSays): boolean =>
  says.code === "context_length_exceeded" ||
  ((status === 400 || status === 413 || status === 422) &&
    /maximum context length|prompt is too long|input token count .* exceeds the maximum/i.test(says.text ?? ""))

const isBlocked = (says: ProviderSays): boolean =>
  [says.code, says.type, ...says.reasons].some((word) => word !== undefined && blockedWords.has(word))

const blockedWords = new Set(["content_filter", "content_policy_violation", "ResponsibleAIPolicyViolation"])

const unknownModel = new Set(["model_not_found", "model_decommissioned", "DeploymentNotFound"])

const grpcStatuses = new Map([
  ["INVALID_ARGUMENT", 400],
  ["FAILED_PRECONDITION", 400],
  ["UNAUTHENTICATED", 401],
  ["PERMISSION_DENIED", 403],
  ["NOT_FOUND", 404],
  ["RESOURCE_EXHAUSTED", 429],
  ["INTERNAL", 500],
  ["UNAVAILABLE", 503],
  ["DEADLINE_EXCEEDED", 504]
])

/** What the words of an error object inside a 200 would have been as a status. */
const words = new Map([
  ["context_length_exceeded", 400],
  ["content_filter", 400],
  ["content_policy_violation", 400],
  ["invalid_request_error", 400],
  ["invalid_prompt", 400],
  ["invalid_api_key", 401],
  ["authentication_error", 401],
  ["insufficient_quota", 429],
  ["billing_error", 402],
  ["permission_error", 403],
  ["model_not_found", 404],
  ["not_found_error", 404],
  ["timeout_error", 408],
  ["conflict_error", 409],
  ["request_too_large", 413],
  ["rate_limit_error", 429],
  ["rate_limit_exceeded", 429],
  ["slow_down", 429],
  ["requests", 429],
  ["tokens", 429],
  ["api_error", 500],
  ["server_error", 500],
  ["server_is_overloaded", 503],
  ["service_unavailable_error", 503],
  ["overloaded_error", 529]
])
