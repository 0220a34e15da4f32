/** Records a run: the figures of each phase, and the counts of the claims. */
import { Fibers } from "./fibers.ts"
import type { Figures, Span } from "./figures.ts"
import type { Happened } from "./happened.ts"
import { type Judge, type Judged, judgeOf } from "./judge.ts"
import { NodeCalls } from "./nodeCalls.ts"
import type { Plan } from "./plan.ts"
import type { Steps } from "./steps.ts"
import { Timelines } from "./timelines.ts"
import { type Ending, Visit } from "./visit.ts"
import { Recent, type Watch } from "./watch.ts"

/** What a run has shown so far. */
export interface Recorded {
  readonly all: Figures
  readonly phases: ReadonlyArray<Figures>
  /** The calls of customers to each node. */
  readonly nodes: ReadonlyArray<Figures>
  readonly claims: ReadonlyArray<Judged>
}

export class Recorder {
  private readonly customers: Timelines
  private readonly nodes: ReadonlyMap<string, NodeCalls>
  private readonly underWay = new Map<number, Visit>()
  private readonly recent = new Recent()
  private readonly judges: ReadonlyArray<Judge>
  private readonly watches: ReadonlyArray<Watch>
  private readonly steps: Steps | undefined
  /** Set if a claim is about fibers. */
  readonly fibers: Fibers | undefined

  constructor({ claims, faults, load, providers }: Plan, nodes: ReadonlyArray<string>, steps: Steps | undefined) {
    this.steps = steps
    this.fibers = claims.some(({ _tag }) => _tag === "Left") ? new Fibers(defectsOf(providers)) : undefined
    const reached = [...providers.map(({ name }) => name), ...nodes]
    const spans = [
      load,
      ...providers.map(({ phases }) => phases.map(({ span }) => span)),
      ...faults.map((one) => [one])
    ]
    const whole: Span = { name: "the whole run", of: "run", provider: undefined, from: 0, to: Infinity }
    this.customers = new Timelines(whole, spans, reached)
    const recentOf = new Map(nodes.map((node) => [node, new Recent()]))
    this.judges = claims.map((claim) =>
      judgeOf(claim, {
        phases: spans.flat(),
        providers: providers.map(({ name }) => name),
        nodes,
        recentOf: (node) => node === undefined ? this.recent : recentOf.get(node)!
      })
    )
    const watchesOf = (node: string | undefined) =>
      this.judges.flatMap((judge) => judge.watch === undefined || judge.node !== node ? [] : [judge.watch])
    this.watches = watchesOf(undefined)
    this.nodes = new Map(nodes.map((node) => [
      node,
      new NodeCalls(
        new Timelines({ ...whole, name: node, of: "node" }, spans, []),
        watchesOf(node),
        recentOf.get(node)!
      )
    ]))
  }

  arrived(index: number, at: number): Visit {
    const visit = new Visit(index, at, this.customers.at(at))
    this.underWay.set(index, visit)
    for (const counts of visit.counts) counts.calls++
    for (const watch of this.watches) watch.arrived(at)
    this.steps?.arrived(index, at)
    return visit
  }

  /** A call reaches a provider or a node. */
  reached(name: string, at: number, visit: Visit | undefined): void {
    if (visit !== undefined) visit.reached++
    for (const counts of this.customers.at(at)) counts.reached[name]!++
    for (const watch of this.watches) watch.reached(name, at, visit)
    this.steps?.reached(name, at, visit?.index)
  }

  /** A customer calls a node. What it returns is told how that call has ended. */
  called(node: string, at: number, visit: Visit | undefined): (ending: Ending) => void {
    this.reached(node, at, visit)
    const calls = this.nodes.get(node)!
    const call = calls.begun(visit?.index ?? -1, at)
    return (ending) => {
      if (visit !== undefined && ending.exit._tag === "Success") {
        visit.answers = (visit.answers ?? new Map<string, unknown>()).set(node, ending.exit.value)
      }
      calls.ended(call, ending)
    }
  }

  /** Whether a customer gets an answer as a node has given it. */
  isOfNode(index: number, answer: unknown): boolean {
    const answers = this.underWay.get(index)?.answers
    return answers !== undefined && [...answers.values()].includes(answer)
  }

  settled(index: number, ending: Ending): void {
    const visit = this.underWay.get(index)!
    this.underWay.delete(index)
    visit.end(ending)
    for (const watch of this.watches) watch.settled(visit)
    this.recent.add(visit)
    this.fibers?.seen(visit, ending.exit)
    this.steps?.ended(index, ending.ended, ending.outcome)
  }

  /** The results at the end of the run. */
  end(at: number, known: Pick<Happened, "outcomes" | "harmless">): Recorded {
    const { all, phases } = this.customers.figures(at)
    const nodes = new Map([...this.nodes].map(([node, { timelines }]) => [node, timelines.figures(at)]))
    const run = { ...known, all, phases, fibers: this.fibers, nodes }
    return {
      all,
      phases,
      nodes: [...nodes.values()].map(({ all }) => all),
      claims: this.judges.map(({ judge }) => judge(run))
    }
  }
}

const defectsOf = (providers: Plan["providers"]): ReadonlySet<unknown> =>
  new Set(
    providers.flatMap(({ phases }) => phases).flatMap(({ rules }) =>
      rules.flatMap(({ inject }) => inject._tag === "Defect" ? [inject.defect] : [])
    )
  )
