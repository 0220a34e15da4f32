/** What an error of a language model of the AI SDK means. It knows no package: an error is known by its fields. */
import * as Predicate from "effect/Predicate"
import * as ChatError from "../ChatError.ts"
import * as TransportFailure from "../chatClient/transportFailure.ts"
import type { Where } from "./guardedCall.ts"
import { readSafely } from "./lost.ts"

/** That of a response, of a connection, of the model, or of the request. */
export const meaningOf = (error: unknown, where: Where, now: number): ChatError.ChatError =>
  readSafely(where, () => {
    const fields: Readonly<Record<string, unknown>> = Predicate.isReadonlyObject(error) ? error : {}
    const { isRetryable, message, name, responseBody: body, responseHeaders: headers, statusCode: status } = fields
    if (typeof status === "number") {
      const said = {
        ...where,
        status,
        headers: (Predicate.isReadonlyObject(headers) ? headers : {}) as Record<string, string | undefined>,
        body: typeof body === "string" ? body : JSON.stringify({ error: { message: String(message) } }),
        now
      }
      return status >= 400
        ? ChatError.fromResponse(said)
        : new ChatError.MalformedReply({ ...where, status, found: "something else" })
    }
    const own = typeof name === "string" && name.startsWith("AI_") ? ofName.get(name) : "connection"
    switch (own) {
      case "connection":
        return TransportFailure.beforeResponse({ ...where, host: where.provider }, error)
      case "reply":
        return new ChatError.MalformedReply({ ...where, found: "something else" })
      case "account":
        return new ChatError.Unauthorized(where)
      case "model":
        return new ChatError.ModelNotFound(where)
      case "feature":
        return new ChatError.InvalidRequest({ ...where, code: "unsupported_parameter" })
      case undefined:
        return isRetryable === true
          ? TransportFailure.beforeResponse({ ...where, host: where.provider }, error)
          : new ChatError.InvalidRequest(where)
    }
  })

/** What the errors of the AI SDK speak of that have no status. Those that are not here speak of the request. */
const ofName: ReadonlyMap<string, "connection" | "reply" | "account" | "model" | "feature"> = new Map([
  ["AI_APICallError", "connection"],
  ["AI_EmptyResponseBodyError", "reply"],
  ["AI_InvalidResponseDataError", "reply"],
  ["AI_JSONParseError", "reply"],
  ["AI_NoContentGeneratedError", "reply"],
  ["AI_TypeValidationError", "reply"],
  ["AI_LoadAPIKeyError", "account"],
  ["AI_LoadSettingError", "account"],
  ["AI_NoSuchModelError", "model"],
  ["AI_NoSuchProviderReferenceError", "feature"],
  ["AI_UnsupportedFunctionalityError", "feature"]
])
