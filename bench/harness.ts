/**
 * Measures what guards cost. All subjects of a comparison run in one process, in interleaved rounds (A B C A B C …), each
 * for about the same time; the overhead of a guard is the difference to its own bare baseline in the same round, and
 * what is reported is the median over the rounds.
 *
 * Garbage is collected before the warm-up and not between rounds: a forced collection throws optimised code and type
 * feedback away, and whoever comes next in the round pays for it, with several times its real cost.
 */
import { Effect } from "effect"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { compared, type Comparison, type Row } from "./section.ts"
import type { Settings } from "./settings.ts"
import { median, quantile } from "./stats.ts"

/** Something whose calls are timed. */
export interface Subject {
  readonly name: string
  /** The name of the subject that does the same work without a guard. */
  readonly over?: string | undefined
  readonly against?: ReadonlyArray<{ readonly peer: string; readonly atMost?: number | undefined }> | undefined
  /** Makes so many calls, one after the other. */
  readonly run: (calls: number) => Promise<void>
}

setFlagsFromString("--expose-gc")

/** Collects all garbage now; with `minor`, only what is young, which leaves compiled code as it is. */
export const collectGarbage = runInNewContext("gc") as (options?: { readonly type: "minor" }) => void

// Every operation under test answers 1. Summing the answers up keeps the work from being optimised away, and tells a
// benchmark that measures its own failure.
const checkAnswers = (answers: number, calls: number): void => {
  if (answers !== calls) throw new Error(`${calls} calls gave ${answers} answers`)
}

/** Calls in one fiber, each by `yield*`. */
export const inFiber = (call: Effect.Effect<number, unknown>): Subject["run"] => inFiberEach(() => call)

/** Calls in one fiber; the n-th call runs the effect made for it. */
export const inFiberEach = (call: (index: number) => Effect.Effect<number, unknown>): Subject["run"] => (calls) =>
  Effect.runPromise(Effect.gen(function*() {
    let answers = 0
    for (let i = 0; i < calls; i++) answers += yield* call(i)
    checkAnswers(answers, calls)
  }))

/** Calls of an async function, each by `await`. */
export const awaited = (call: () => Promise<number>): Subject["run"] => async (calls) => {
  let answers = 0
  for (let i = 0; i < calls; i++) answers += await call()
  checkAnswers(answers, calls)
}

/** Measures the subjects against each other; one row each, in their order. */
export const measure = async (settings: Settings, subjects: ReadonlyArray<Subject>): Promise<ReadonlyArray<Row>> => {
  collectGarbage()
  const entries = await warmUp(settings, subjects)
  for (let round = 0; round < settings.rounds; round++) {
    for (const { calls, nanos, subject } of entries) nanos.push(await time(subject, calls))
  }
  const rows = entries.map((entry) => toRow(entry, entries))
  return rows.map((row, i) => ({ ...row, comparisons: compare(row, subjects[i]!, rows) }))
}

interface Entry {
  readonly subject: Subject
  readonly calls: number
  /** Nanoseconds a call, one number a round. */
  readonly nanos: Array<number>
}

const time = async ({ run }: Subject, calls: number): Promise<number> => {
  const start = performance.now()
  await run(calls)
  return (performance.now() - start) * 1e6 / calls
}

const steps = 8

// Every subject in turn, several times over: code that got hot with one subject is compiled anew when it meets the next.
const warmUp = async (settings: Settings, subjects: ReadonlyArray<Subject>): Promise<ReadonlyArray<Entry>> => {
  const nanos = new Map<Subject, number>()
  for (let step = 0; step < steps; step++) {
    for (const subject of subjects) nanos.set(subject, await warm(subject, settings.warmUpMillis / steps))
  }
  return subjects.map((subject) => ({
    subject,
    calls: Math.max(8, Math.round(settings.batchMillis * 1e6 / nanos.get(subject)!)),
    nanos: []
  }))
}

/** Calls for so long, and answers what a call took at best. */
const warm = async (subject: Subject, millis: number): Promise<number> => {
  const until = performance.now() + millis
  let best = Infinity
  for (let calls = 8; performance.now() < until; calls = Math.min(calls * 2, 1_000)) {
    best = Math.min(best, await time(subject, calls))
  }
  return best
}

const find = <A>(all: ReadonlyArray<A>, name: string, nameOf: (a: A) => string): A => {
  const found = all.find((one) => nameOf(one) === name)
  if (found === undefined) throw new Error(`There is no subject "${name}" to compare with`)
  return found
}

const toRow = ({ nanos, subject }: Entry, entries: ReadonlyArray<Entry>): Row => {
  const row: Row = { what: subject.name, unit: "ns", value: median(nanos), comparisons: [] }
  if (subject.over === undefined) return row
  const bare = find(entries, subject.over, (entry) => entry.subject.name)
  const differences = nanos.map((value, round) => value - bare.nanos[round]!)
  return {
    ...row,
    overhead: median(differences),
    spread: [quantile(differences, 0.25), quantile(differences, 0.75)]
  }
}

const compare = (row: Row, subject: Subject, rows: ReadonlyArray<Row>): ReadonlyArray<Comparison> =>
  (subject.against ?? []).map(({ atMost, peer }) => {
    const other = find(rows, peer, ({ what }) => what)
    return compared(peer, (row.overhead ?? row.value) / (other.overhead ?? other.value), atMost)
  })
