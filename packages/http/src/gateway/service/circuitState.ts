/** Brings a circuit that has just been made into a state. */
import type * as CircuitBreaker from "@switchgear/core/CircuitBreaker"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"

/** An open circuit admits a probe after `openFor`, or when its options say so. A half-open one admits it at once. */
export const enterState = (
  control: CircuitBreaker.Control,
  state: CircuitBreaker.State,
  openFor?: Duration.Duration | undefined
): Effect.Effect<void> => {
  switch (state) {
    case "Closed":
      return Effect.void
    case "Open":
      return control.trip(openFor)
    case "HalfOpen":
      return control.trip(0)
    case "ForcedOpen":
      return control.forceOpen
    case "Disabled":
      return control.disable
    case "MetricsOnly":
      return control.metricsOnly
  }
}
