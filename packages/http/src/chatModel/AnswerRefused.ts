/** The error of an answer that its caller does not accept. */
import type * as Outcome from "@switchgear/core/Outcome"
import { respond, respondable, withoutStack } from "@switchgear/core/runtime"
import type * as Effect from "effect/Effect"
import type { HttpServerResponse } from "effect/http/HttpServerResponse"
import * as Schema from "effect/Schema"
import { answer } from "../chatError/answer.ts"

/**
 * A model answered, and the caller's check refused the answer: `accept` of a cascade or of one of its steps. A cascade
 * moves on to the next model. It has no stack trace.
 *
 * @category errors
 * @since 0.1.0
 */
export class AnswerRefused extends Schema.TaggedError<AnswerRefused>("@switchgear/http/ChatModel/AnswerRefused")(
  "AnswerRefused",
  {
    /** The name of the model whose answer it was. */
    model: Schema.String,
    /** Why, in the words of the check. At most 100 characters. */
    reason: Schema.optional(Schema.String),
    /** What the circuit of the model counts the call as. */
    countsAs: Schema.Literals(["success", "failure"])
  }
) {
  /** The model has answered: the same request is not repeated on it. */
  get isRetryable(): boolean {
    return false
  }
  get retryAfter(): undefined {
    return undefined
  }
  get blame(): "provider" {
    return "provider"
  }
  override get message(): string {
    const reason = this.reason === undefined ? "" : ` (${this.reason})`
    return `The answer of ${this.model} was not accepted${reason}. Ask another model, or change the request or the check.`
  }
  /** See `ChatError.toResponse`. */
  toResponse(): Outcome.ErrorResponse {
    return answer(this, 502, "server_error", "answer_refused")
  }
  [respondable](): Effect.Effect<HttpServerResponse> {
    return respond(this.toResponse())
  }
}

const longestReason = 100

export const refused = (model: string, reason: string | undefined, countsAs: "success" | "failure"): AnswerRefused =>
  withoutStack(() => new AnswerRefused({ model, reason: reason?.slice(0, longestReason), countsAs }))
