/** Counts calls by outcome and by interval. Memory depends only on the number of outcomes and intervals. */
import * as Histogram from "../Histogram.ts"
import type { Outcomes, Point, Report } from "./report.ts"

interface Ended {
  count: number
  readonly latency: Histogram.Histogram
}

export class LoadCounts<L extends string> {
  private readonly interval: number
  private readonly onInterval: (point: Point<L>) => void
  private readonly series: Array<Point<L>> = []
  private readonly ended = new Map<L, Ended>()
  private calls = 0
  private inFlight = 0
  private maxConcurrency = 0
  // The following fields are those of the current interval.
  private begin = 0
  private arrivals = 0
  private maxInFlight = 0
  private readonly outcomes = new Map<L, number>()
  private readonly latency = Histogram.make()

  constructor(interval: number, onInterval: (point: Point<L>) => void) {
    this.interval = interval
    this.onInterval = onInterval
  }

  arrive(at: number): void {
    this.closeUntil(at)
    this.calls++
    this.arrivals++
    this.inFlight++
    if (this.inFlight > this.maxInFlight) this.maxInFlight = this.inFlight
  }

  settle(at: number, label: L, millis: number): void {
    this.closeUntil(at)
    this.inFlight--
    let ended = this.ended.get(label)
    if (ended === undefined) this.ended.set(label, ended = { count: 0, latency: Histogram.make() })
    ended.count++
    ended.latency.record(millis)
    this.outcomes.set(label, (this.outcomes.get(label) ?? 0) + 1)
    this.latency.record(millis)
  }

  /** Closes the last interval, complete or not. */
  finish(at: number): void {
    this.closeUntil(at)
    if (at > this.begin || this.latency.count > 0) this.close()
  }

  report(seed: string, millis: number): Report<L> {
    const latency = Histogram.make()
    for (const ended of this.ended.values()) latency.merge(ended.latency)
    return {
      seed,
      calls: this.calls,
      outcomes: recordOf(this.ended, ({ count }) => count),
      latency: latency.summary(),
      latencyBy: recordOf(this.ended, ({ latency }) => latency.summary()),
      maxConcurrency: this.maxConcurrency,
      millis,
      throughput: millis === 0 ? 0 : (latency.count * 1000) / millis,
      interval: this.interval,
      series: this.series
    }
  }

  private closeUntil(at: number): void {
    while (at >= this.begin + this.interval) this.close()
  }

  private close(): void {
    const { latency } = this
    const percentile = (percent: number) => latency.count === 0 ? null : latency.percentile(percent)
    const point: Point<L> = {
      at: this.begin,
      arrivals: this.arrivals,
      settled: latency.count,
      outcomes: recordOf(this.outcomes, (count) => count) as Outcomes<L>,
      inFlight: this.inFlight,
      maxInFlight: this.maxInFlight,
      p50: percentile(50),
      p95: percentile(95),
      p99: percentile(99)
    }
    this.series.push(point)
    this.maxConcurrency = Math.max(this.maxConcurrency, this.maxInFlight)
    // Computed from the number of intervals, because a sum of fractions would drift.
    this.begin = this.series.length * this.interval
    this.arrivals = 0
    this.maxInFlight = this.inFlight
    this.outcomes.clear()
    latency.reset()
    this.onInterval(point)
  }
}

/** Ordered by label, so that the output does not depend on which call ended first. */
const recordOf = <L extends string, A, B>(map: ReadonlyMap<L, A>, f: (a: A) => B): { readonly [K in L]?: B } =>
  Object.fromEntries([...map].sort(([a], [b]) => a < b ? -1 : 1).map(([label, a]) => [label, f(a)])) as {
    readonly [K in L]?: B
  }
