/** How a server's guard answers a request that it does not take. */
import { DeadlineExceeded } from "@switchgear/core/Deadline"
import type { ErrorResponse } from "@switchgear/core/Outcome"
import { errorResponse } from "@switchgear/core/runtime"
import * as Duration from "effect/Duration"
import * as HttpServerResponse from "effect/http/HttpServerResponse"

/** The server has as much as it may have at once. */
export const shed: ErrorResponse = errorResponse({
  message: "The server is handling too many requests. Try again in a moment.",
  isRetryable: true,
  retryAfter: Duration.seconds(1)
}, { status: 503, type: "service_unavailable_error", code: "overloaded" })

export const tooLarge = (limit: number): ErrorResponse =>
  errorResponse({ message: `The request is larger than ${limit} bytes.`, isRetryable: false }, {
    status: 413,
    type: "invalid_request_error",
    code: "request_too_large"
  })

/** Its caller did not wait any more when it came. */
export const late: ErrorResponse = new DeadlineExceeded({ limit: "total", after: Duration.zero }).toResponse()

export const responseOf = ({ body, headers, status }: ErrorResponse): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.text(body, { status, headers })
