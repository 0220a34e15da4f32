/** How a limiter says no. */
import * as Duration from "effect/Duration"
import * as Schema from "effect/Schema"
import * as Outcome from "../Outcome.ts"

/** It is not the call's turn: the work was not started. */
export class RateLimited
  extends Schema.TaggedError<RateLimited>("@switchgear/core/RateLimit/RateLimited")("RateLimited", {
    limiter: Schema.String,
    /** The resource whose limit decided. */
    bucket: Schema.Literals(["requests", "tokens", "cost"]),
    /** Time until it would be its turn; absent when the limit is too small for the call at any time. */
    retryAfter: Schema.optional(Schema.Duration)
  })
{
  get [Outcome.RejectionTypeId](): true {
    return true
  }

  get isRetryable(): boolean {
    return this.retryAfter !== undefined
  }

  override get message(): string {
    return this.retryAfter === undefined
      ? `Limiter "${this.limiter}" can never pass this call: it asks for more ${this.bucket} than the limit holds. Make it smaller, or raise the limit.`
      : `Limiter "${this.limiter}" has no ${this.bucket} left for the call. Try again in ${
        Duration.format(this.retryAfter)
      }.`
  }
}
