/** What is left of a lane in the morning, in numbers. */
import type { Cascade } from "@switchgear/core"
import { Duration } from "effect"
import type { Change, Ledger, Settled } from "./ledger.ts"
import { phases, primary } from "./scenario.ts"

/** A lane in numbers, as `--json` prints it. Times are milliseconds of the play, customers are counted once each. */
export interface LaneReport {
  /** Customers who asked. */
  readonly calls: number
  readonly answered: number
  /** Customers who saw an error. */
  readonly errors: number
  /** Answers by how far they are from what was asked for. */
  readonly degradation: Readonly<Record<Cascade.Degradation, number>>
  /** Calls that reached the provider, for whichever model. */
  readonly upstreamCalls: number
  /** How long customers waited for the answer or the error. */
  readonly p50Ms: number
  readonly p95Ms: number
  readonly p99Ms: number
  /** By when every answer was promised; null where nothing was. */
  readonly deadlineMs: number | null
  readonly transitions: ReadonlyArray<Change>
  /** Answers by the step they came from. */
  readonly steps: Readonly<Record<string, number>>
  /** Errors by their tag. */
  readonly errorsByTag: Readonly<Record<string, number>>
  readonly upstreamCallsByModel: Readonly<Record<string, number>>
  /** Calls that reached any model, and the one that was down, while it was down. */
  readonly upstreamCallsWhileDown: number
  readonly primaryCallsWhileDown: number
  /** From the provider's recovery until the first model serves again; null if it never did. */
  readonly recoveredAfterMs: number | null
}

export interface Reports {
  readonly bare: LaneReport
  readonly protected: LaneReport
}

/** Sums up a lane that is over. `received` is what each model of its provider has received in all. */
export const report = (
  { changes, marks, settled }: Ledger,
  received: Readonly<Record<string, number>>,
  deadline: Duration.Duration | undefined
): LaneReport => {
  const answers = settled.map(({ result }) => result).filter((result) => result._tag === "Answered")
  const errors = settled.map(({ result }) => result).filter((result) => result._tag === "Failed")
  const waits = settled.map(({ waited }) => waited).sort((a, b) => a - b)
  const down = marks.find(({ phase }) => phases[phase]!.primary === "down")
  const up = marks.find(({ phase }) => down !== undefined && phase > down.phase && phases[phase]!.primary === "up")
  const whileDown = (model: string) => (up?.received[model] ?? 0) - (down?.received[model] ?? 0)
  return {
    calls: settled.length,
    answered: answers.length,
    errors: errors.length,
    degradation: { none: 0, fallback: 0, stale: 0, canned: 0, ...count(answers.map(({ degradation }) => degradation)) },
    upstreamCalls: sum(Object.values(received)),
    p50Ms: percentile(waits, 50),
    p95Ms: percentile(waits, 95),
    p99Ms: percentile(waits, 99),
    deadlineMs: deadline === undefined ? null : Duration.toMillis(deadline),
    transitions: changes,
    steps: count(answers.map(({ step }) => step)),
    errorsByTag: count(errors.map(({ error }) => error)),
    upstreamCallsByModel: received,
    upstreamCallsWhileDown: sum(Object.keys(received).map(whileDown)),
    primaryCallsWhileDown: whileDown(primary),
    recoveredAfterMs: up === undefined ? null : recoveredAfter(settled, up.at)
  }
}

/** The nearest-rank percentile of numbers in ascending order, rounded to a whole one; 0 of none. */
export const percentile = (ascending: ReadonlyArray<number>, percent: number): number =>
  Math.round(ascending[Math.max(0, Math.ceil((percent / 100) * ascending.length) - 1)] ?? 0)

/** So many customers in a row served by the first model are no accident. What comes from the cache tells nothing. */
const inARow = 5

/** The time from the recovery to the first of them. */
export const recoveredAfter = (settled: ReadonlyArray<Settled>, recovery: number): number | null => {
  const asked = settled.filter(({ at, result }) =>
    at >= recovery && !(result._tag === "Answered" && result.step === "cache")
  )
  const first = asked.findIndex((_, i) =>
    i + inARow <= asked.length &&
    asked.slice(i, i + inARow).every(({ result }) => result._tag === "Answered" && result.step === primary)
  )
  return first < 0 ? null : Math.round(asked[first]!.at - recovery)
}

const count = (names: ReadonlyArray<string>): Record<string, number> => {
  const counts: Record<string, number> = {}
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1
  return counts
}

const sum = (numbers: ReadonlyArray<number>): number => numbers.reduce((a, b) => a + b, 0)
