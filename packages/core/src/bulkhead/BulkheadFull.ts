/** Error raised when a bulkhead refuses a call. */
import type * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { HttpServerResponse } from "effect/http/HttpServerResponse"
import * as Schema from "effect/Schema"
import { errorResponse, respond, respondable } from "../internal/runtime/errorResponse.ts"
import { blank, prepare } from "../internal/runtime/rejection.ts"
import * as Outcome from "../Outcome.ts"

/**
 * Why a bulkhead rejected a call: the queue was full, no slot was free within `maxWait`, or none before the deadline.
 *
 * @since 0.1.0
 * @category errors
 */
export type Reason = "queue-full" | "wait-timeout" | "deadline"

/**
 * Error raised when a bulkhead rejects a call. The work was not started.
 *
 * @since 0.1.0
 * @category errors
 */
export class BulkheadFull extends Schema.TaggedError<BulkheadFull>("@switchgear/core/Bulkhead/BulkheadFull")(
  "BulkheadFull",
  {
    bulkhead: Schema.String,
    reason: Schema.Literals(["queue-full", "wait-timeout", "deadline"]),
    retryAfter: Schema.optional(Schema.Duration)
  }
) {
  get [Outcome.RejectionTypeId](): true {
    return true
  }

  get isRetryable(): boolean {
    return true
  }

  get blame(): "application" {
    return "application"
  }

  /** The answer to an HTTP request: 503, `bulkhead_full`. */
  toResponse(): Outcome.ErrorResponse {
    return errorResponse(this, { status: 503, type: "service_unavailable_error", code: "bulkhead_full" })
  }

  [respondable](): Effect.Effect<HttpServerResponse> {
    return respond(this.toResponse())
  }

  override get message(): string {
    const why = {
      "queue-full": "no slot is free for it and the queue is full. Shed load, or use another target.",
      "wait-timeout": "no slot came free within its maxWait. Shed load, or use another target.",
      "deadline": "no slot came free before the caller's deadline. Answer with what there is."
    }
    return `Bulkhead "${this.bulkhead}" did not take the call: ${why[this.reason]}`
  }
}

prepare(BulkheadFull)

/**
 * Each rejection is a new error, because error reporters mark the errors that they have seen. The fields are set one by
 * one, which is cheaper than the constructor.
 */
export const refusal = (bulkhead: string, reason: Reason): Exit.Exit<never, BulkheadFull> => {
  const error = blank(BulkheadFull)
  error._tag = "BulkheadFull"
  error.bulkhead = bulkhead
  error.reason = reason
  return Exit.fail(error)
}
