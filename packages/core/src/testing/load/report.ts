/** The report of a load, as plain data. */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import type * as Exit from "effect/Exit"
import type { Summary } from "../Histogram.ts"
import { formatDuration } from "../../internal/data/formatDuration.ts"
import { count, table } from "../words.ts"

/**
 * The outcome of an exit, unless the option `label` says otherwise.
 *
 * @since 0.1.0
 * @category models
 */
export type Label<E> = "success" | "defect" | "interrupted" | TagOf<E>

type TagOf<E> = E extends { readonly _tag: infer Tag extends string } ? Tag : E extends never ? never : "failure"

/**
 * The number of calls by outcome; outcomes without calls are absent.
 *
 * @since 0.1.0
 * @category models
 */
export type Outcomes<L extends string> = { readonly [K in L]?: number }

/**
 * What happened in one interval.
 *
 * @since 0.1.0
 * @category snapshots
 */
export interface Point<L extends string = string> {
  /** The start of the interval, in milliseconds since the start of the load. */
  readonly at: number
  readonly arrivals: number
  /** Calls that ended. */
  readonly settled: number
  /** Calls that ended, per second. */
  readonly throughput: number
  readonly outcomes: Outcomes<L>
  /** Calls in flight at its end. */
  readonly inFlight: number
  /** The most calls in flight at one moment. */
  readonly maxInFlight: number
  /** The durations of calls that ended in it, in milliseconds; null when none did. */
  readonly p50: number | null
  readonly p95: number | null
  readonly p99: number | null
}

/**
 * The report of all calls of a load. Durations are milliseconds.
 *
 * @since 0.1.0
 * @category snapshots
 */
export interface Report<L extends string = string> {
  readonly seed: string
  readonly calls: number
  readonly outcomes: Outcomes<L>
  readonly latency: Summary
  readonly latencyBy: { readonly [K in L]?: Summary }
  /** The most calls in flight at one moment. */
  readonly maxConcurrency: number
  /** From the start until the time of the load was over and the last call had ended. */
  readonly millis: number
  /** Calls that ended in the time of the load, per second: a call that ends long after it does not lower it. */
  readonly throughput: number
  /** The length of an interval of the series. */
  readonly interval: number
  /** One point for each interval. After the time of the load, intervals in which no call ends are left out. */
  readonly series: ReadonlyArray<Point<L>>
}

/** The default outcome of an exit: the `_tag` of its error, or "failure" without one. */
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

/**
 * Shows a report as a short table, for a terminal or a test message.
 *
 * @since 0.1.0
 * @category combinators
 */
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
