/** Error raised when an adaptive throttle rejects a call. */
import type * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { HttpServerResponse } from "effect/http/HttpServerResponse"
import * as Schema from "effect/Schema"
import { errorResponse, respond, respondable } from "../internal/runtime/errorResponse.ts"
import { blank, prepare } from "../internal/runtime/rejection.ts"
import * as Outcome from "../Outcome.ts"

/**
 * Error raised when an adaptive throttle rejects a call. The work was not started.
 *
 * @since 0.1.0
 * @category errors
 */
export class Throttled
  extends Schema.TaggedError<Throttled>("@switchgear/core/AdaptiveThrottle/Throttled")("Throttled", {
    throttle: Schema.String,
    /** The probability with which calls were rejected. */
    rejectionRate: Schema.Number
  })
{
  get [Outcome.RejectionTypeId](): true {
    return true
  }

  get isRetryable(): boolean {
    return true
  }

  get retryAfter(): undefined {
    return undefined
  }

  get blame(): "provider" {
    return "provider"
  }

  /** The answer to an HTTP request: 503, `throttled`. */
  toResponse(): Outcome.ErrorResponse {
    return errorResponse(this, { status: 503, type: "service_unavailable_error", code: "throttled" })
  }

  [respondable](): Effect.Effect<HttpServerResponse> {
    return respond(this.toResponse())
  }

  override get message(): string {
    return `Throttle "${this.throttle}" did not pass the call: its target answers too few, so that ${
      Math.round(this.rejectionRate * 100)
    } % of the calls are not made. Shed load, or use another target.`
  }
}

prepare(Throttled)

/** The fields are set one by one, which is cheaper than the constructor. */
export const refusal = (throttle: string, rejectionRate: number): Exit.Exit<never, Throttled> => {
  const error = blank(Throttled)
  error._tag = "Throttled"
  error.throttle = throttle
  error.rejectionRate = rejectionRate
  return Exit.fail(error)
}
