/** Counts calls by outcome and by interval. Memory depends only on the number of outcomes and intervals. */
import * as Histogram from "../Histogram.ts"
import type { Outcomes, Point, Report } from "./report.ts"

interface Ended {
  count: number
  readonly latency: Histogram.Histogram
}

export class LoadCounts<L extends string> {
  private readonly interval: number
  /** When the time of the load is over. */
  private readonly over: number
  private readonly onInterval: (point: Point<L>) => void
  private readonly series: Array<Point<L>> = []
  private readonly ended = new Map<L, Ended>()
  private calls = 0
  private inFlight = 0
  private maxConcurrency = 0
  private settledInTime = 0
  // The following fields are those of the current interval.
  private number = 0
  private begin = 0
  private arrivals = 0
  private maxInFlight = 0
  private readonly outcomes = new Map<L, number>()
  private readonly latency = Histogram.make()

  constructor(interval: number, over: number, onInterval: (point: Point<L>) => void) {
    this.interval = interval
    this.over = over
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
    if (at <= this.over) this.settledInTime++
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
    if (at > this.begin || this.latency.count > 0) this.close(at)
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
      throughput: perSecond(this.settledInTime, Math.min(millis, this.over)),
      interval: this.interval,
      series: this.series
    }
  }

  private closeUntil(at: number): void {
    while (at >= this.begin + this.interval) {
      // After the load, only calls that end are news: one that takes a year has no year of points.
      if (this.begin >= this.over && this.isIdle) this.enter(Math.floor(at / this.interval))
      else this.close(this.begin + this.interval)
    }
  }

  private get isIdle(): boolean {
    return this.arrivals === 0 && this.latency.count === 0
  }

  private enter(number: number): void {
    this.number = number
    // Computed from the number of intervals, because a sum of fractions would drift.
    this.begin = number * this.interval
  }

  private close(end: number): void {
    const { latency } = this
    const percentile = (percent: number) => latency.count === 0 ? null : latency.percentile(percent)
    const point: Point<L> = {
      at: this.begin,
      arrivals: this.arrivals,
      settled: latency.count,
      throughput: perSecond(latency.count, end - this.begin),
      outcomes: recordOf(this.outcomes, (count) => count) as Outcomes<L>,
      inFlight: this.inFlight,
      maxInFlight: this.maxInFlight,
      p50: percentile(50),
      p95: percentile(95),
      p99: percentile(99)
    }
    this.series.push(point)
    this.maxConcurrency = Math.max(this.maxConcurrency, this.maxInFlight)
    this.enter(this.number + 1)
    this.arrivals = 0
    this.maxInFlight = this.inFlight
    this.outcomes.clear()
    latency.reset()
    this.onInterval(point)
  }
}

const perSecond = (count: number, millis: number): number => millis > 0 ? (count * 1000) / millis : 0

/** Ordered by label, so that the output does not depend on which call ended first. */
const recordOf = <L extends string, A, B>(map: ReadonlyMap<L, A>, f: (a: A) => B): { readonly [K in L]?: B } =>
  Object.fromEntries([...map].sort(([a], [b]) => a < b ? -1 : 1).map(([label, a]) => [label, f(a)])) as {
    readonly [K in L]?: B
  }
