/** What is counted of the runs of a name. How many steps are told apart is bounded: names of steps may be calculated. */
import { type AnyStep, type Degradation, degradationOf } from "./model.ts"
import type { Snapshot, StepCounts } from "./runnerModel.ts"

const mostSteps = 100

type Counted = { -readonly [K in keyof StepCounts]: StepCounts[K] }

export class Counts {
  runs = 0
  waiting = 0
  rounds = 0
  exhausted = 0
  failedAtOnce = 0
  servingFrom: string | undefined
  degraded: Snapshot["degraded"]
  private readonly steps: Array<Counted> = []
  /** The steps that were learnt last: nearly all runs are of the same chain. */
  private learnt: ReadonlyArray<AnyStep> | undefined
  private readonly byName: { readonly [D in Degradation]: Map<string, Counted> } = {
    none: new Map(),
    fallback: new Map(),
    stale: new Map(),
    canned: new Map()
  }

  /** Takes the steps of a chain into the counts. Answers whether there is one that was not there before. */
  learn(steps: ReadonlyArray<AnyStep>): boolean {
    if (steps === this.learnt) return false
    this.learnt = steps
    const before = this.known
    steps.forEach((step, index) => {
      if (step._tag !== "Again") this.of(step.name, degradationOf(step, index))
    })
    return this.known > before
  }

  /** How many steps are told apart. */
  get known(): number {
    return this.steps.length
  }

  of(step: string, degradation: Degradation): Counted {
    const steps = this.byName[degradation]
    return steps.get(step) ?? (this.steps.length < mostSteps ? this.add(step, degradation) : this.other(degradation))
  }

  read(name: string): Snapshot {
    const { degraded, exhausted, failedAtOnce, rounds, runs, servingFrom, waiting } = this
    return {
      name,
      runs,
      waiting,
      rounds,
      steps: this.steps.map((step) => ({ ...step })),
      exhausted,
      failedAtOnce,
      servingFrom,
      degraded
    }
  }

  private other(degradation: Degradation): Counted {
    return this.byName[degradation].get("other") ?? this.add("other", degradation)
  }

  private add(step: string, degradation: Degradation): Counted {
    const counted: Counted = { step, degradation, served: 0, failed: 0 }
    this.steps.push(counted)
    this.byName[degradation].set(step, counted)
    return counted
  }
}
