/** What a load has shown, as plain data. */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import type * as Exit from "effect/Exit"
import type { Summary } from "../Histogram.ts"
import { formatDuration } from "../../internal/data/formatDuration.ts"
import { count, table } from "../words.ts"

/** How an exit is called in a report unless the option `label` says otherwise. */
export type Label<E> = "success" | "defect" | "interrupted" | TagOf<E>

type TagOf<E> = E extends { readonly _tag: infer Tag extends string } ? Tag : E extends never ? never : "failure"

/** How many ended in which way; a way in which none ended is absent. */
export type Outcomes<L extends string> = { readonly [K in L]?: number }

/** What happened in one interval. */
export interface Point<L extends string = string> {
  /** When it began, in milliseconds since the load did. */
  readonly at: number
  readonly arrivals: number
  /** Calls that ended. */
  readonly settled: number
  readonly outcomes: Outcomes<L>
  /** Calls under way at its end. */
  readonly inFlight: number
  /** The most that were under way at one moment. */
  readonly maxInFlight: number
  /** Milliseconds taken by the calls that ended in it; null when none did. */
  readonly p50: number | null
  readonly p95: number | null
  readonly p99: number | null
}

/** What a load has shown, of all its calls. Times are milliseconds. */
export interface Report<L extends string = string> {
  readonly seed: string
  readonly calls: number
  readonly outcomes: Outcomes<L>
  readonly latency: Summary
  readonly latencyBy: { readonly [K in L]?: Summary }
  /** The most calls that were under way at one moment. */
  readonly maxConcurrency: number
  /** From the beginning until the load's time was over and the last call had ended. */
  readonly millis: number
  /** Calls that ended, a second. */
  readonly throughput: number
  /** The length of an interval of the series. */
  readonly interval: number
  readonly series: ReadonlyArray<Point<L>>
}

/** The label of an exit: its error's `_tag`, or "failure" where it has none. */
export const labelOf = <E>(exit: Exit.Exit<unknown, E>): Label<E> => {
  if (exit._tag === "Success") return "success"
  const { reasons } = exit.cause
  if (reasons.some(Cause.isDieReason)) return "defect"
  const failed = reasons.find(Cause.isFailReason)
  return failed === undefined ? "interrupted" : tagOf(failed.error)
}

const tagOf = <E>(error: E): Label<E> =>
  (typeof error === "object" && error !== null && "_tag" in error && typeof error._tag === "string"
    ? error._tag
    : "failure") as Label<E>

/** A report as a short table, for a terminal or the message of a test. */
export const render = (report: Report): string => {
  const head = ["", "calls", "p50", "p95", "p99", "max"]
  const row = (name: string, { count: calls, max, p50, p95, p99 }: Summary) => [
    name,
    count(calls),
    ...[p50, p95, p99, max].map(shown)
  ]
  const labels = Object.entries(report.latencyBy as Record<string, Summary>)
  const rows = [head, row("all", report.latency), ...labels.map(([label, summary]) => row(label, summary))]
  const facts = `${count(report.calls)} calls in ${formatDuration(Duration.millis(Math.round(report.millis)))}, ` +
    `${report.throughput.toFixed(1)} a second, at most ${count(report.maxConcurrency)} at once, ` +
    `seed ${JSON.stringify(report.seed)}`
  return `${facts}\n${table([0], rows)}`
}

const shown = (millis: number): string => {
  if (Number.isNaN(millis)) return "-"
  if (millis >= 1000) return `${(millis / 1000).toFixed(millis >= 10_000 ? 1 : 2)} s`
  return `${millis >= 100 ? millis.toFixed(0) : millis.toFixed(1)} ms`
}
