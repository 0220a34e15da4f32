/** The fleet around, which joins circuits with those of other nodes. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import type { LinkedCircuit } from "./linkedCircuit.ts"

export interface Fleet {
  /** Joins a circuit. Gives what ends that. */
  readonly join: (circuit: LinkedCircuit) => () => void
}

export const CurrentFleet = Context.Reference<Fleet | undefined>("@switchgear/core/CircuitBreaker/CurrentFleet", {
  defaultValue: () => undefined
})

/** Joins a circuit until the current scope closes. Without a scope it stays alone: nothing would end that. */
export const joined = (fleet: Fleet, circuit: LinkedCircuit): Effect.Effect<LinkedCircuit> =>
  Effect.uninterruptible(Effect.withFiber((fiber) => {
    const scope = Context.getOrUndefined(fiber.context, Scope.Scope)
    const join = scope === undefined ? Effect.void : Scope.addFinalizer(scope, Effect.sync(fleet.join(circuit)))
    return Effect.as(join, circuit)
  }))
