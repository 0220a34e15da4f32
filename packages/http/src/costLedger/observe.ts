/** Ledgers in the registry, and as `SavedState` saves and restores them. */
import type * as Registry from "@switchgear/core/Registry"
import type * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { Snapshot } from "./model.ts"
import { ledgerOf } from "./predecessor.ts"
import { SavedLedger } from "./savedLedger.ts"

const ledgerIn = Schema.decodeUnknownOption(SavedLedger)

/**
 * The kind of ledgers: for `Registry.find` and `SavedState`. Budgets are restored; totals begin at zero.
 *
 * @since 0.1.0
 * @category models
 */
export const kind: Registry.Kind<{ readonly snapshot: Effect.Effect<Snapshot> }, Snapshot> = {
  tag: "CostLedger",
  snapshot: (ledger) => ledger.snapshot,
  saving: {
    save: (made, clock) => ledgerOf(made)?.save(clock.currentTimeMillisUnsafe()),
    restore: (made, saved, _age, clock) => {
      const ledger = ledgerOf(made)
      if (ledger === undefined) return "not-saved"
      const read = Option.getOrUndefined(ledgerIn(saved))
      return read === undefined ? "malformed" : ledger.restore(read, clock.currentTimeMillisUnsafe())
    }
  }
}
