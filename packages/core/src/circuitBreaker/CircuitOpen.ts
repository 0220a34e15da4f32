/** How a circuit says no. */
import type * as Duration from "effect/Duration"
import * as Schema from "effect/Schema"
import * as Outcome from "../Outcome.ts"
import { formatWait } from "../internal/data/formatDuration.ts"
import { blank, prepare } from "../internal/runtime/rejection.ts"

/** The circuit did not let the call through: the work was not started. */
export class CircuitOpen extends Schema.TaggedError<CircuitOpen>("@switchgear/core/CircuitBreaker/CircuitOpen")(
  "CircuitOpen",
  {
    breaker: Schema.String,
    /** Closed while it ramps up after closing and passes only a share of the calls. */
    state: Schema.Literals(["Open", "HalfOpen", "ForcedOpen", "Closed"]),
    /** Time until the circuit asks again; absent where something else than time decides. */
    retryAfter: Schema.optional(Schema.Duration)
  }
) {
  get [Outcome.RejectionTypeId](): true {
    return true
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
 * `new CircuitOpen`, cheaply. Field by field, since under overload this is what most calls do.
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
