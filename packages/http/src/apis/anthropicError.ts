/** How Anthropic's API tells an error. */

/** The body of a response with this status, or the data of an event in a stream. */
export const errorOf = (status: number, message: string, id: string): string =>
  JSON.stringify({ type: "error", error: { type: typeOf(status), message }, request_id: id })

/** Anthropic's SDK knows errors by their status, and people by this type. */
const typeOf = (status: number): string => types.get(status) ?? (status >= 500 ? "api_error" : "invalid_request_error")

const types = new Map([
  [401, "authentication_error"],
  [402, "billing_error"],
  [403, "permission_error"],
  [404, "not_found_error"],
  [413, "request_too_large"],
  [429, "rate_limit_error"],
  [503, "overloaded_error"],
  [504, "timeout_error"],
  [529, "overloaded_error"]
])
