/** A call of a customer while it runs. */
import * as Context from "effect/Context"
import type * as Exit from "effect/Exit"
import type { Call, SpanCounts } from "./figures.ts"

/** How a call has ended. */
export interface Ending {
  readonly ended: number
  readonly outcome: string
  readonly exit: Exit.Exit<unknown, unknown>
}

/** A call in flight, and the figures that it counts for. */
export class Visit implements Call {
  ended = NaN
  outcome = ""
  answered = false
  reached = 0
  /** The latest answer of each node that it has called. */
  answers: Map<string, unknown> | undefined
  readonly index: number
  readonly at: number
  readonly counts: ReadonlyArray<SpanCounts>

  constructor(index: number, at: number, counts: ReadonlyArray<SpanCounts>) {
    this.index = index
    this.at = at
    this.counts = counts
  }

  end({ ended, exit, outcome }: Ending): void {
    this.ended = ended
    this.outcome = outcome
    this.answered = exit._tag === "Success"
    for (const counts of this.counts) counts.settled(this)
  }
}

/** The customer's call that the running fiber works for; undefined outside of one. */
export const CurrentVisit = Context.Reference<Visit | undefined>("@switchgear/core/testing/Scenario/CurrentVisit", {
  defaultValue: () => undefined
})
