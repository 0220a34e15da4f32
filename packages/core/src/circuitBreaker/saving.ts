/** Circuits and families as `SavedState` saves and restores them. */
import type * as Clock from "effect/Clock"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { Saving } from "../registry/kind.ts"
import type { Circuit } from "./circuit.ts"
import type { Family } from "./familyModel.ts"
import { LinkedCircuit } from "./linkedCircuit.ts"
import type { Members } from "./members.ts"
import type { CircuitBreaker } from "./model.ts"
import { SavedCircuit } from "./savedStates.ts"

const circuits = new WeakMap<CircuitBreaker, Circuit>()
const families = new WeakMap<Family, Members | "fleet">()

/** Notes what a circuit breaker of users is made of. */
export const noteCircuit = (made: CircuitBreaker, circuit: Circuit): void => void circuits.set(made, circuit)

/** Notes the circuits of a family of users; those of a fleet have their state from the fleet. */
export const noteFamily = (made: Family, members: Members | "fleet"): void => void families.set(made, members)

const circuitIn = Schema.decodeUnknownOption(SavedCircuit)

/** Circuits of a family by their keys, the least recently used first. */
const SavedFamily = Schema.Struct({
  circuits: Schema.Array(Schema.Struct({
    key: Schema.String,
    /** Milliseconds since the last use. */
    unused: Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 8.64e15 })),
    circuit: Schema.optionalKey(SavedCircuit)
  }))
})

const familyIn = Schema.decodeUnknownOption(SavedFamily)

export const circuitSaving: Saving<CircuitBreaker> = {
  save: (breaker, clock) => {
    const circuit = circuits.get(breaker)
    return circuit === undefined || circuit instanceof LinkedCircuit ? undefined : circuit.save(clock)
  },
  restore: (breaker, saved, age, clock) => {
    const circuit = circuits.get(breaker)
    if (circuit === undefined) return "not-saved"
    if (circuit instanceof LinkedCircuit) return "fleet"
    const read = Option.getOrUndefined(circuitIn(saved))
    if (read === undefined) return "malformed"
    if (!circuit.accepts(read)) return "other-options"
    return circuit.restore(read, age, clock) ? "restored" : "in-use"
  }
}

export const familySaving: Saving<Family> = {
  save: (family, clock) => {
    const members = families.get(family)
    return members === undefined || members === "fleet" ? undefined : { circuits: members.save(clock) }
  },
  restore: (family, saved, age, clock: Clock.Clock) => {
    const members = families.get(family)
    if (members === undefined) return "not-saved"
    if (members === "fleet") return "fleet"
    const read = Option.getOrUndefined(familyIn(saved))
    if (read === undefined) return "malformed"
    return members.restore(read.circuits, age, clock)
  }
}
