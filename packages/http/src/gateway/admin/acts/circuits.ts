/** What operators may do to a circuit. */
import * as CircuitBreaker from "@switchgear/core/CircuitBreaker"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { Running } from "../model.ts"
import { type Actor, noted } from "./note.ts"

export type Command = "open" | "close" | "disable" | "metricsOnly" | "trip"

/** The state after the command; undefined where there is no such circuit. `duration` is that of `trip`. */
export const onCircuit = (
  running: Running,
  id: string,
  command: Command,
  actor: Actor,
  duration?: Duration.Duration
): Effect.Effect<CircuitBreaker.State | undefined> => {
  const found = running.registry.find(CircuitBreaker.kind.tag, id)
  if (found === undefined) return Effect.undefined
  const { control, state } = found.guard as CircuitBreaker.CircuitBreaker
  const run: { readonly [C in Command]: Effect.Effect<void> } = {
    open: control.forceOpen,
    close: control.close,
    disable: control.disable,
    metricsOnly: control.metricsOnly,
    trip: control.trip(duration)
  }
  return Effect.andThen(noted(running, command, `CircuitBreaker ${id}`, actor, run[command]), state)
}
