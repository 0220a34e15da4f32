/**
 * What operators may do to a circuit. In a fleet, `open`, `close` and `trip` are for all gateways, and for this one at once, also
 * where its own circuit was set by hand. `disable` and `metricsOnly` are for this gateway alone.
 */
import * as CircuitBreaker from "@switchgear/core/CircuitBreaker"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { Running, State } from "../model.ts"
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
  const commanded = commandOf(running, id, command, duration)
  return commanded === undefined
    ? Effect.undefined
    : Effect.andThen(
      noted(running, command, `CircuitBreaker ${id}`, actor, commanded),
      circuitOf(running, id)!.state
    )
}

/** The same without a note of it. */
export const commandOf = (
  running: Pick<State, "node" | "registry">,
  id: string,
  command: Command,
  duration?: Duration.Duration
): Effect.Effect<void> | undefined => {
  const circuit = circuitOf(running, id)
  if (circuit === undefined) return undefined
  const { control, state } = circuit
  const all = running.node?.control(id)
  const run: { readonly [C in Command]: Effect.Effect<void> } = {
    open: all === undefined ? control.forceOpen : Effect.andThen(freed(control, state), all.forceOpen),
    close: all === undefined ? control.close : Effect.andThen(all.close, control.close),
    disable: control.disable,
    metricsOnly: control.metricsOnly,
    trip: all === undefined || duration === undefined ? control.trip(duration) : all.trip(duration)
  }
  return run[command]
}

const circuitOf = ({ registry }: Pick<State, "registry">, id: string): CircuitBreaker.CircuitBreaker | undefined =>
  registry.find(CircuitBreaker.kind.tag, id)?.guard as CircuitBreaker.CircuitBreaker | undefined

/** What was set by hand here, the fleet could not change. */
const freed = (
  control: CircuitBreaker.Control,
  state: Effect.Effect<CircuitBreaker.State>
): Effect.Effect<void> =>
  Effect.flatMap(state, (state) => state === "Disabled" || state === "MetricsOnly" ? control.close : Effect.void)
