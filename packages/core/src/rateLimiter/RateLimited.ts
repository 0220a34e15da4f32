/** How a limiter says no. */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { formatWait } from "../internal/data/formatDuration.ts"
import { blank, prepare } from "../internal/runtime/rejection.ts"
import * as Outcome from "../Outcome.ts"

/** It is not the call's turn: the work was not started. */
export class RateLimited
  extends Schema.TaggedError<RateLimited>("@switchgear/core/RateLimiter/RateLimited")("RateLimited", {
    limiter: Schema.String,
    /** The resource whose limit decided. */
    bucket: Schema.Literals(["requests", "tokens", "cost"]),
    /**
     * Why: the limit has nothing left in time, the limiter is paused, the call is larger than the limit ever holds, or
     * as many calls wait as may.
     *
     * @default "limit"
     */
    reason: Schema.Literals(["limit", "paused", "too-large", "queue-full"]).pipe(
      Schema.withConstructorDefault(Effect.succeed("limit" as const))
    ),
    /**
     * Time until it would be its turn; when the queue is full, until the next place is free. Absent when the limit is too
     * small for the call at any time.
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
    default:
      return `has no ${bucket} left for the call`
  }
}

prepare(RateLimited)

/** `new RateLimited`, cheaply: field by field, since under overload this is what most calls do. */
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
