/** How a server's guard answers a request that it does not take. */
import { errorResponse, respond } from "@switchgear/core/runtime"
import * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type { HttpServerResponse } from "effect/http/HttpServerResponse"

/** The server has as much as it may have at once. */
export const shed: Effect.Effect<HttpServerResponse> = respond(
  errorResponse({
    message: "The server is handling too many requests. Try again in a moment.",
    isRetryable: true,
    retryAfter: Duration.seconds(1)
  }, { status: 503, type: "service_unavailable_error", code: "overloaded" })
)

export const tooLarge = (limit: number): Effect.Effect<HttpServerResponse> =>
  respond(
    errorResponse({ message: `The request is larger than ${limit} bytes.`, isRetryable: false }, {
      status: 413,
      type: "invalid_request_error",
      code: "request_too_large"
    })
  )
