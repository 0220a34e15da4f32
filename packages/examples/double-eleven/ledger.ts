/** What happened to each customer of a lane, and to its circuits, written down as it happens. */
import type { Cascade, CircuitBreaker } from "@switchgear/core"

/** One customer served, or sent away. Times are milliseconds of the play. */
export interface Settled {
  /** When the customer had the answer or the error. */
  readonly at: number
  /** How long they waited for it. */
  readonly waited: number
  readonly result:
    | { readonly _tag: "Answered"; readonly step: string; readonly degradation: Cascade.Degradation }
    | { readonly _tag: "Failed"; readonly error: string }
}

/** A change of a circuit. */
export interface Change {
  readonly model: string
  readonly from: CircuitBreaker.State
  readonly to: CircuitBreaker.State
  readonly reason: CircuitBreaker.TransitionReason
  readonly atMs: number
}

/** The calls that each model had received when a phase began. */
export interface Mark {
  readonly phase: number
  readonly at: number
  readonly received: Readonly<Record<string, number>>
}

export interface Ledger {
  readonly settled: Array<Settled>
  readonly changes: Array<Change>
  readonly marks: Array<Mark>
}

export const empty = (): Ledger => ({ settled: [], changes: [], marks: [] })
