/** The fleet around, which joins circuits with those of other nodes. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { constVoid } from "effect/Function"
import * as Scope from "effect/Scope"
import type { LinkedCircuit } from "./linkedCircuit.ts"

/**
 * What circuits join.
 *
 * @since 0.1.0
 * @category models
 */
export interface Fleet {
  /** Joins a circuit. Gives what ends that. */
  readonly join: (circuit: LinkedCircuit) => () => void
}

export const CurrentFleet = Context.Reference<Fleet | undefined>("@switchgear/core/CircuitBreaker/CurrentFleet", {
  defaultValue: () => undefined
})

/** Joins a circuit until the current scope closes. Without a scope it stays alone: nothing would end that. */
export const joined = (fleet: Fleet, circuit: LinkedCircuit): Effect.Effect<LinkedCircuit> =>
  Effect.map(joining(fleet), (fleet) => {
    fleet?.join(circuit)
    return circuit
  })

/**
 * The same for circuits that come and go: all that are joined leave when the current scope closes, and none joins later.
 * Undefined without a fleet, and without a scope.
 */
export const joining = (fleet: Fleet | undefined): Effect.Effect<Fleet | undefined> =>
  Effect.withFiber((fiber) => {
    const scope = Context.getOrUndefined(fiber.context, Scope.Scope)
    if (fleet === undefined || scope === undefined) return Effect.undefined
    const leaving = new Set<() => void>()
    let isOver = false
    const join = (circuit: LinkedCircuit): () => void => {
      if (isOver) return constVoid
      const end = fleet.join(circuit)
      const leave = () => {
        if (leaving.delete(leave)) end()
      }
      leaving.add(leave)
      return leave
    }
    const end = Effect.sync(() => {
      isOver = true
      for (const leave of leaving) leave()
    })
    return Effect.as(Scope.addFinalizer(scope, end), { join })
  })
