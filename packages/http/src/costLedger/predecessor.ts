/** A ledger that goes on with what another one has added up: what was spent stays spent when its options change. */
import * as Context from "effect/Context"
import type { Ledger } from "./ledger.ts"

/** The ledger with which one that is made goes on. */
export const CurrentPredecessor = Context.Reference<Ledger | undefined>(
  "@switchgear/http/costLedger/predecessor/CurrentPredecessor",
  { defaultValue: () => undefined }
)

const ledgers = new WeakMap<object, Ledger>()

/** Notes what a ledger of users is made of. */
export const noteLedger = (made: object, ledger: Ledger): void => {
  ledgers.set(made, ledger)
}

export const ledgerOf = (made: object | undefined): Ledger | undefined => made && ledgers.get(made)
