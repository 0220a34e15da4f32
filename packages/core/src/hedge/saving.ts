/** Hedges as `SavedState` saves and restores them: the budget and the last results. The times of calls are learnt anew. */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { Saving } from "../registry/kind.ts"
import { machines } from "./machines.ts"
import type { Hedge } from "./model.ts"
import { SavedHedge } from "./saved.ts"

const hedgeIn = Schema.decodeUnknownOption(SavedHedge)

export const saving: Saving<Hedge> = {
  save: (hedge) => machines.get(hedge.protectWith)?.save(),
  restore: (hedge, saved) => {
    const machine = machines.get(hedge.protectWith)
    if (machine === undefined) return "not-saved"
    const read = Option.getOrUndefined(hedgeIn(saved))
    if (read === undefined) return "malformed"
    if (!machine.accepts(read)) return "other-options"
    if (!machine.isFresh) return "in-use"
    machine.restore(read)
    return "restored"
  }
}
