/** A call of a customer while it runs. */
import * as Context from "effect/Context"
import type { Call, SpanCounts } from "./figures.ts"

/** A call in flight, and the figures that it counts for. */
export class Visit implements Call {
  ended = NaN
  outcome = ""
  answered = false
  reached = 0
  readonly index: number
  readonly at: number
  readonly counts: ReadonlyArray<SpanCounts>

  constructor(index: number, at: number, counts: ReadonlyArray<SpanCounts>) {
    this.index = index
    this.at = at
    this.counts = counts
  }
}

/** The customer's call that the running fiber works for; undefined outside of one. */
export const CurrentVisit = Context.Reference<Visit | undefined>("@switchgear/core/testing/Scenario/CurrentVisit", {
  defaultValue: () => undefined
})
