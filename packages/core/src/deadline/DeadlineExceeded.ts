/** The error of a call whose time ran out. */
import * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { HttpServerResponse } from "effect/http/HttpServerResponse"
import * as Schema from "effect/Schema"
import { formatDuration } from "../internal/data/formatDuration.ts"
import type { Deadline } from "../internal/runtime/expiry.ts"
import { errorResponse, respond, respondable } from "../internal/runtime/errorResponse.ts"
import { rejection } from "../internal/runtime/rejection.ts"
import * as Outcome from "../Outcome.ts"

/**
 * The time ran out: the work was interrupted, or it was not begun because no time was left. In the second case `after` is
 * zero and the error is a rejection, which no circuit counts: a call that was not made says nothing about the target.
 *
 * @since 0.1.0
 * @category errors
 */
export class DeadlineExceeded
  extends Schema.TaggedError<DeadlineExceeded>("@switchgear/core/Deadline/DeadlineExceeded")(
    "DeadlineExceeded",
    {
      limit: Schema.Literals(["attempt", "total"]),
      /** The time that the work was given. */
      after: Schema.Duration
    }
  )
{
  get [Outcome.RejectionTypeId](): boolean {
    return Duration.isZero(this.after)
  }

  get isRetryable(): boolean {
    return true
  }

  get retryAfter(): undefined {
    return undefined
  }

  /** Whether the target had some time, and did not answer in it. */
  get isOverload(): boolean {
    return !Duration.isZero(this.after)
  }

  /** The caller when no time was left at the beginning, otherwise the provider that did not answer in time. */
  get blame(): "caller" | "provider" {
    return Duration.isZero(this.after) ? "caller" : "provider"
  }

  /** The answer to an HTTP request: 504, `deadline_exceeded`. */
  toResponse(): Outcome.ErrorResponse {
    return errorResponse(this, { status: 504, type: "server_error", code: "deadline_exceeded" })
  }

  [respondable](): Effect.Effect<HttpServerResponse> {
    return respond(this.toResponse())
  }

  override get message(): string {
    if (Duration.isZero(this.after)) {
      return "The deadline had passed before the call began: the call was not made. Answer with what there is."
    }
    const after = formatDuration(this.after)
    return this.limit === "attempt"
      ? `The attempt had not ended after ${after} and was interrupted. Allow more time, or try another target.`
      : `The deadline passed after ${after}: no time is left for this call. Answer with what there is.`
  }
}

/** The failure of work that was given `millis` milliseconds. */
export const exceeded = (limit: Deadline["limit"], millis: number): DeadlineExceeded =>
  rejection(DeadlineExceeded, { _tag: "DeadlineExceeded", limit, after: Duration.millis(millis) })

/** The failure of what was not begun, because its deadline had passed. */
export const nothingLeft = ({ limit }: Deadline): Exit.Exit<never, DeadlineExceeded> => Exit.fail(exceeded(limit, 0))
