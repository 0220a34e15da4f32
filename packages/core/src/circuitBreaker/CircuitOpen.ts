/** The error of a call that the circuit rejects. */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type { HttpServerResponse } from "effect/http/HttpServerResponse"
import * as Schema from "effect/Schema"
import * as Outcome from "../Outcome.ts"
import { formatWait } from "../internal/data/formatDuration.ts"
import { errorResponse, respond, respondable } from "../internal/runtime/errorResponse.ts"
import { blank, prepare } from "../internal/runtime/rejection.ts"

/**
 * Error of a call that the circuit rejects. The work was not started.
 *
 * @since 0.1.0
 * @category errors
 */
export class CircuitOpen extends Schema.TaggedError<CircuitOpen>("@switchgear/core/CircuitBreaker/CircuitOpen")(
  "CircuitOpen",
  {
    breaker: Schema.String,
    /** `Closed` while the circuit ramps up after closing and lets only a share of the calls pass. */
    state: Schema.Literals(["Open", "HalfOpen", "ForcedOpen", "Closed"]),
    /** Time until the circuit lets a probe pass; absent where something other than time decides. */
    retryAfter: Schema.optional(Schema.Duration)
  }
) {
  get [Outcome.RejectionTypeId](): true {
    return true
  }

  get isRetryable(): boolean {
    return true
  }

  get blame(): "provider" {
    return "provider"
  }

  /** The answer to an HTTP request: 503, `circuit_open`. */
  toResponse(): Outcome.ErrorResponse {
    return errorResponse(this, { status: 503, type: "service_unavailable_error", code: "circuit_open" })
  }

  [respondable](): Effect.Effect<HttpServerResponse> {
    return respond(this.toResponse())
  }

  override get message(): string {
    const advice = this.retryAfter === undefined
      ? advices[this.state]
      : `Try again in ${formatWait(this.retryAfter)}, or use another target.`
    return `Circuit "${this.breaker}" is ${this.state}: the call was not made. ${advice}`
  }
}

const advices = {
  Open: "Use another target.",
  HalfOpen: "Its probes are under way; try again shortly, or use another target.",
  ForcedOpen: "It was forced open by hand and stays so until control.close.",
  Closed: "It has just closed and passes a growing share of calls; try again shortly, or use another target."
}

prepare(CircuitOpen)

export const isCircuitOpen = (error: unknown): error is CircuitOpen => error instanceof CircuitOpen

/**
 * `new CircuitOpen`, without a stack trace. The fields are set one by one, since under overload most calls end here.
 */
export const circuitOpen = (
  breaker: string,
  state: CircuitOpen["state"],
  retryAfter: Duration.Duration | undefined
): CircuitOpen => {
  const error = blank(CircuitOpen)
  error._tag = "CircuitOpen"
  error.breaker = breaker
  error.state = state
  if (retryAfter !== undefined) error.retryAfter = retryAfter
  return error
}
