/** Concurrency limits as `SavedState` saves and restores them. One with an algorithm of the user's own is left out. */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { Saving } from "../registry/kind.ts"
import type { LimitMachine } from "./machine.ts"
import type { ConcurrencyLimit } from "./model.ts"
import { SavedLimit } from "./saved.ts"

const machines = new WeakMap<ConcurrencyLimit, LimitMachine>()

/** Notes what a limit of users is made of. */
export const noteLimit = (made: ConcurrencyLimit, machine: LimitMachine): void => void machines.set(made, machine)

const limitIn = Schema.decodeUnknownOption(SavedLimit)

export const saving: Saving<ConcurrencyLimit> = {
  save: (made) => machines.get(made)?.save(),
  leavesOut: (made) => machines.get(made)?.save() === undefined,
  restore: (made, saved, age) => {
    const machine = machines.get(made)
    if (machine === undefined) return "not-saved"
    const read = Option.getOrUndefined(limitIn(saved))
    return read === undefined ? "malformed" : machine.restore(read, age)
  }
}
