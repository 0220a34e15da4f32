/** What the customers of a lane got, in numbers. */
import type { Got } from "./answers.ts"
import { beginnings, models, phaseAt, phases } from "./script.ts"
import type { Served } from "./told.ts"
import { quantile } from "../stats.ts"

/** A customer who has an answer, or has none and never will. Times are milliseconds. */
export interface Settled extends Got {
  readonly at: number
  readonly waited: number
}

const recovery = phases.findLastIndex(({ isFirstUp }) => !isFirstUp) + 1

export const sumUp = (all: ReadonlyArray<Settled>, { cpu, stoodStill }: Pick<Served, "cpu" | "stoodStill">): Served => {
  const waits = all.map(({ waited }) => waited)
  const back = all.filter(({ at, from }) => at >= beginnings[recovery]! && from === models[0])
  const recovered = Math.min(...back.map(({ at, waited }) => at + waited - beginnings[recovery]!))
  const reasons: Record<string, number> = {}
  for (const { at, because } of all) {
    if (because === undefined) continue
    const reason = `${phases[phaseAt(at)]!.name}: ${because}`
    reasons[reason] = (reasons[reason] ?? 0) + 1
  }
  const { customers, ...got } = count(all)
  return {
    customers,
    ...got,
    fresh: from(all, "cache"),
    stale: from(all, "stale"),
    p50: Math.round(quantile(waits, 0.5)),
    p95: Math.round(quantile(waits, 0.95)),
    p99: Math.round(quantile(waits, 0.99)),
    cpu: Math.round(cpu),
    recovered: recovered === Infinity ? undefined : Math.round(recovered),
    stoodStill: Math.round(stoodStill),
    phases: phases.map(({ name }, i) => ({ phase: name, ...count(all.filter(({ at }) => phaseAt(at) === i)) })),
    reasons
  }
}

const from = (all: ReadonlyArray<Settled>, source: string): number => all.filter(({ from }) => from === source).length

const count = (all: ReadonlyArray<Settled>) => ({
  customers: all.length,
  byModel: models.reduce((sum, model) => sum + from(all, model), 0),
  canned: from(all, "canned"),
  errors: from(all, "error"),
  gaveUp: from(all, "gave up")
})
