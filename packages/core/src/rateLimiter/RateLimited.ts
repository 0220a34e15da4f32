/** Error raised when a rate limiter rejects a call. */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { HttpServerResponse } from "effect/http/HttpServerResponse"
import * as Schema from "effect/Schema"
import { formatWait } from "../internal/data/formatDuration.ts"
import { errorResponse, respond, respondable } from "../internal/runtime/errorResponse.ts"
import { blank, prepare } from "../internal/runtime/rejection.ts"
import * as Outcome from "../Outcome.ts"

/**
 * Error raised when a rate limiter rejects a call. The work was not started.
 *
 * @since 0.1.0
 * @category errors
 */
export class RateLimited
  extends Schema.TaggedError<RateLimited>("@switchgear/core/RateLimiter/RateLimited")("RateLimited", {
    limiter: Schema.String,
    /** The resource whose limit rejected the call. */
    bucket: Schema.Literals(["requests", "tokens", "cost"]),
    /**
     * Why the call was rejected:
     *
     * - `"limit"`: the limit has not enough left in time.
     * - `"paused"`: the limiter is paused.
     * - `"too-large"`: the call costs more than the limit ever holds.
     * - `"queue-full"`: as many calls wait as `queue` allows.
     * - `"store-away"`: the limit is that of a fleet whose store does not answer, and no call passes meanwhile.
     *
     * @default "limit"
     */
    reason: Schema.Literals(["limit", "paused", "too-large", "queue-full", "store-away"]).pipe(
      Schema.withConstructorDefault(Effect.succeed("limit" as const))
    ),
    /**
     * Time until the turn of the call; with `"queue-full"`, until a place in the queue is free; with `"store-away"`, until the store
     * is tried again. Absent when the call costs more than the limit ever holds.
     */
    retryAfter: Schema.optional(Schema.Duration)
  })
{
  get [Outcome.RejectionTypeId](): true {
    return true
  }

  get isRetryable(): boolean {
    return this.retryAfter !== undefined
  }

  get blame(): "application" {
    return "application"
  }

  /** The answer to an HTTP request: 429, `rate_limit_exceeded`. As of OpenAI's API, its type is the resource. */
  toResponse(): Outcome.ErrorResponse {
    return errorResponse(this, { status: 429, type: this.bucket, code: "rate_limit_exceeded" })
  }

  [respondable](): Effect.Effect<HttpServerResponse> {
    return respond(this.toResponse())
  }

  override get message(): string {
    const limiter = `Limiter "${this.limiter}"`
    if (this.retryAfter === undefined) {
      return `${limiter} can never pass this call: it asks for more ${this.bucket} than the limit holds. Make it smaller, or raise the limit.`
    }
    return `${limiter} ${obstacle(this)}. Try again in ${formatWait(this.retryAfter)}.`
  }
}

const obstacle = ({ bucket, reason }: RateLimited): string => {
  switch (reason) {
    case "paused":
      return "is paused"
    case "queue-full":
      return "has no place left in its queue"
    case "store-away":
      return "lets no call pass: the store of its fleet does not answer"
    default:
      return `has no ${bucket} left for the call`
  }
}

prepare(RateLimited)

/** Cheaper than `new RateLimited`, because under overload most calls are rejected. */
export const rateLimited = (
  limiter: string,
  bucket: RateLimited["bucket"],
  reason: RateLimited["reason"],
  retryAfter: Duration.Duration | undefined
): RateLimited => {
  const error = blank(RateLimited)
  error._tag = "RateLimited"
  error.limiter = limiter
  error.bucket = bucket
  error.reason = reason
  if (retryAfter !== undefined) error.retryAfter = retryAfter
  return error
}
