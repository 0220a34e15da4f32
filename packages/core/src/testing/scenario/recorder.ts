/** Records a run: the figures of each phase, and the counts of the claims. */
import * as Context from "effect/Context"
import { type Call, type Figures, type Span, SpanCounts } from "./figures.ts"
import { type Judge, type Judged, judgeOf } from "./judge.ts"
import type { Plan } from "./plan.ts"
import { Recent, type Watch } from "./watch.ts"

/** How a call has ended. */
export type Ending = Pick<Call, "answered" | "ended" | "outcome">

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

export class Recorder {
  private readonly all: SpanCounts
  private readonly timelines: ReadonlyArray<ReadonlyArray<SpanCounts>>
  private readonly underWay = new Map<number, Visit>()
  private readonly recent = new Recent()
  private readonly judges: ReadonlyArray<Judge>
  private readonly watches: ReadonlyArray<Watch>

  constructor({ claims, load, providers }: Plan) {
    const names = providers.map(({ name }) => name)
    const timelines = [load, ...providers.map(({ phases }) => phases.map(({ span }) => span))]
    const countsOf = (span: Span) => new SpanCounts(span, names)
    this.all = countsOf({ name: "the whole run", provider: undefined, from: 0, to: Infinity })
    this.timelines = timelines.map((spans) => spans.map(countsOf))
    this.judges = claims.map((claim) => judgeOf(claim, timelines.flat(), names, this.recent))
    this.watches = this.judges.flatMap(({ watch }) => watch === undefined ? [] : [watch])
  }

  arrived(index: number, at: number): Visit {
    const visit = new Visit(index, at, this.countsAt(at))
    this.underWay.set(index, visit)
    for (const counts of visit.counts) counts.calls++
    for (const watch of this.watches) watch.arrived(at)
    return visit
  }

  reached(provider: string, at: number, visit: Visit | undefined): void {
    if (visit !== undefined) visit.reached++
    for (const counts of this.countsAt(at)) counts.reached[provider]!++
    for (const watch of this.watches) watch.reached(provider, at, visit)
  }

  settled(index: number, ending: Ending): void {
    const visit = Object.assign(this.underWay.get(index)!, ending)
    this.underWay.delete(index)
    for (const counts of visit.counts) counts.settled(visit)
    for (const watch of this.watches) watch.settled(visit)
    this.recent.add(visit)
  }

  /** The results at the end of the run. */
  end(at: number): {
    readonly all: Figures
    readonly phases: ReadonlyArray<Figures>
    readonly claims: ReadonlyArray<Judged>
  } {
    const all = this.all.figures(at)
    const phases = this.timelines.flat().map((counts) => counts.figures(at))
    const figuresOf = (phase: string | undefined) => phases.find(({ name }) => name === phase) ?? all
    return { all, phases, claims: this.judges.map(({ judge }) => judge(figuresOf)) }
  }

  private countsAt(at: number): ReadonlyArray<SpanCounts> {
    const all = [this.all]
    for (const timeline of this.timelines) {
      const counts = timeline.find(({ span }) => at < span.to)
      if (counts !== undefined) all.push(counts)
    }
    return all
  }
}
