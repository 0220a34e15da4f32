/** Records a run: the figures of each phase, and the counts of the claims. */
import type * as Exit from "effect/Exit"
import { Fibers } from "./fibers.ts"
import { type Figures, type Span, SpanCounts } from "./figures.ts"
import { type Judge, type Judged, judgeOf } from "./judge.ts"
import type { Plan } from "./plan.ts"
import type { Steps } from "./steps.ts"
import { Visit } from "./visit.ts"
import { Recent, type Watch } from "./watch.ts"

/** How a call has ended. */
export interface Ending {
  readonly ended: number
  readonly outcome: string
  readonly exit: Exit.Exit<unknown, unknown>
}

export class Recorder {
  private readonly all: SpanCounts
  private readonly timelines: ReadonlyArray<ReadonlyArray<SpanCounts>>
  private readonly underWay = new Map<number, Visit>()
  private readonly recent = new Recent()
  private readonly judges: ReadonlyArray<Judge>
  private readonly watches: ReadonlyArray<Watch>
  private readonly steps: Steps | undefined
  /** Set if a claim is about fibers. */
  readonly fibers: Fibers | undefined

  constructor({ claims, load, providers }: Plan, steps: Steps | undefined) {
    this.steps = steps
    this.fibers = claims.some(({ _tag }) => _tag === "Left") ? new Fibers(defectsOf(providers)) : undefined
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
    this.steps?.arrived(index, at)
    return visit
  }

  reached(provider: string, at: number, visit: Visit | undefined): void {
    if (visit !== undefined) visit.reached++
    for (const counts of this.countsAt(at)) counts.reached[provider]!++
    for (const watch of this.watches) watch.reached(provider, at, visit)
    this.steps?.reached(provider, at, visit?.index)
  }

  settled(index: number, { ended, exit, outcome }: Ending): void {
    const visit = this.underWay.get(index)!
    this.underWay.delete(index)
    visit.ended = ended
    visit.outcome = outcome
    visit.answered = exit._tag === "Success"
    for (const counts of visit.counts) counts.settled(visit)
    for (const watch of this.watches) watch.settled(visit)
    this.recent.add(visit)
    this.fibers?.seen(visit, exit)
    this.steps?.ended(index, ended, outcome)
  }

  /** The results at the end of the run, in which calls may end in the ways of `outcomes`. */
  end(at: number, outcomes: ReadonlySet<string>): {
    readonly all: Figures
    readonly phases: ReadonlyArray<Figures>
    readonly claims: ReadonlyArray<Judged>
  } {
    const all = this.all.figures(at)
    const phases = this.timelines.flat().map((counts) => counts.figures(at))
    const run = { all, phases, outcomes, fibers: this.fibers }
    return { all, phases, claims: this.judges.map(({ judge }) => judge(run)) }
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

const defectsOf = (providers: Plan["providers"]): ReadonlySet<unknown> =>
  new Set(
    providers.flatMap(({ phases }) => phases).flatMap(({ rules }) =>
      rules.flatMap(({ inject }) => inject._tag === "Defect" ? [inject.defect] : [])
    )
  )
