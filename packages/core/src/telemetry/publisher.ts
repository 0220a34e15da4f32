/**
 * Publishes snapshots as Effect metrics, read when somebody looks. How many series there can be is bounded by
 * `maxNames`, not by how many things there are: those that come when all names are taken share the name `other`.
 *
 * Invariants
 * - A counter named `other` never goes down, whoever leaves or starts over: a scraper would take that for a restart and
 *   count everything again.
 * - What has been published is removed by the function that publishing it answered.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Metric from "effect/Metric"
import { monotonicMillis } from "../internal/runtime/time.ts"

export const other = "other"

/** One series of a kind of thing. */
export interface Series<in Snapshot> {
  readonly id: string
  readonly description: string
  readonly labels: Readonly<Record<string, string>>
  /** How those named `other` become one number: counters always by their sum. */
  readonly type: "counter" | "gauge-by-sum" | "gauge-by-maximum"
  /** Undefined where there is no such number: that series is not published. */
  readonly read: (snapshot: Snapshot) => number | undefined
}

/** What is published under one name, and the snapshot that its series are read from. */
interface Source<Snapshot> {
  readonly snapshot: () => Snapshot
  latest: Snapshot
}

/** What can be read now; the last that could, where that throws: one that cannot be read must not hide all others. */
const newest = <Snapshot>({ latest, snapshot }: Source<Snapshot>): Snapshot => {
  try {
    return snapshot()
  } catch {
    return latest
  }
}

export class Publisher<Snapshot> {
  private readonly series: ReadonlyArray<Series<Snapshot>>
  private readonly maxNames: number
  private readonly context: Context.Context<never>
  private readonly clock: Clock.Clock
  private readonly names = new Set<string>()
  private readonly overflow: OverflowSeries<Snapshot>
  private readonly overflowCache = new ScrapeCache()
  private readonly overflowSeries = new Set<Series<Snapshot>>()
  private readonly retractions = new Set<() => void>()

  constructor(series: ReadonlyArray<Series<Snapshot>>, maxNames: number, context: Context.Context<never>) {
    this.series = series
    this.maxNames = maxNames
    this.context = context
    this.clock = Context.get(context, Clock.Clock)
    this.overflow = new OverflowSeries(series.filter(({ type }) => type === "counter"))
  }

  publish(id: string, snapshot: () => Snapshot): () => void {
    const source: Source<Snapshot> = { snapshot, latest: snapshot() }
    const existing = this.series.filter(({ read }) => read(source.latest) !== undefined)
    return id === other || this.names.size >= this.maxNames
      ? this.share(source, existing)
      : this.own(id, source, existing)
  }

  /** Removes everything that is still published. */
  close(): void {
    for (const retract of this.retractions) retract()
  }

  private own(id: string, source: Source<Snapshot>, existing: ReadonlyArray<Series<Snapshot>>): () => void {
    const cache = new ScrapeCache()
    const retractions = existing.map((series) =>
      this.register(series, id, () => {
        if (cache.begins(series, monotonicMillis(this.clock))) source.latest = newest(source)
        return series.read(source.latest) ?? NaN
      })
    )
    this.names.add(id)
    return () => {
      this.names.delete(id)
      for (const retract of retractions) retract()
    }
  }

  private share(source: Source<Snapshot>, existing: ReadonlyArray<Series<Snapshot>>): () => void {
    for (const series of existing) {
      if (this.overflowSeries.has(series)) continue
      this.overflowSeries.add(series)
      this.register(series, other, () => {
        if (this.overflowCache.begins(series, monotonicMillis(this.clock))) this.overflow.refresh()
        return this.overflow.value(series)
      })
    }
    return this.overflow.join(source)
  }

  private register({ description, id, labels, type }: Series<Snapshot>, name: string, get: () => number): () => void {
    const options = { description, attributes: { name, ...labels } }
    const ignored = { update: () => {}, modify: () => {} }
    const registration = type === "counter"
      ? Metric.registerUnsafe(Metric.counter(id, { ...options, incremental: true }), this.context, {
        get: () => ({ count: get(), incremental: true }),
        ...ignored
      })
      : Metric.registerUnsafe(Metric.gauge(id, options), this.context, { get: () => ({ value: get() }), ...ignored })
    const retract = () => {
      registration.remove()
      this.retractions.delete(retract)
    }
    this.retractions.add(retract)
    return retract
  }
}

// An exporter reads every series once, in one go, and one snapshot serves them all. The second time that a series is
// read a new round has begun; so it has, for those who read single series, after a while.
class ScrapeCache {
  private readonly seen = new Set<unknown>()
  private begunAt = -Infinity

  begins(series: unknown, now: number): boolean {
    const begins = this.seen.has(series) || now - this.begunAt > 100
    if (begins) {
      this.seen.clear()
      this.begunAt = now
    }
    this.seen.add(series)
    return begins
  }
}

// Those that share the name `other`.
class OverflowSeries<Snapshot> {
  private readonly sources = new Set<Source<Snapshot>>()
  private readonly counters: ReadonlyArray<Series<Snapshot>>
  private readonly totals = new Map<Series<Snapshot>, number>()

  constructor(counters: ReadonlyArray<Series<Snapshot>>) {
    this.counters = counters
  }

  join(source: Source<Snapshot>): () => void {
    for (const series of this.counters) this.count(series, 0, series.read(source.latest))
    this.sources.add(source)
    return () => {
      this.update(source)
      this.sources.delete(source)
    }
  }

  refresh(): void {
    for (const source of this.sources) this.update(source)
  }

  value(series: Series<Snapshot>): number {
    if (series.type === "counter") return this.totals.get(series) ?? 0
    let sum = 0
    let highest = NaN
    for (const { latest } of this.sources) {
      const value = series.read(latest) ?? 0
      sum += value
      if (!(value <= highest) && !Number.isNaN(value)) highest = value
    }
    return series.type === "gauge-by-sum" ? sum : highest
  }

  private update(source: Source<Snapshot>): void {
    const before = source.latest
    source.latest = newest(source)
    for (const series of this.counters) this.count(series, series.read(before), series.read(source.latest))
  }

  // Lower than before: it has begun anew.
  private count(series: Series<Snapshot>, before = 0, now = 0): void {
    this.totals.set(series, (this.totals.get(series) ?? 0) + (now >= before ? now - before : now))
  }
}
