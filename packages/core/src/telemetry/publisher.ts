/**
 * Publishes snapshots as Effect metrics, which are read on each scrape. `maxNames` bounds the number of series: guards
 * beyond it share the name `other`.
 *
 * Invariant: the function that `publish` returns removes everything that the call published.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Metric from "effect/Metric"
import type { Kind } from "../registry/kind.ts"
import type { HistogramReading, HistogramSeries, NumberSeries, Series } from "../registry/series.ts"
import { monotonicMillis } from "../internal/runtime/time.ts"
import { newest, OverflowSeries, readOf, type Source } from "./overflowSeries.ts"
import { ScrapeCache } from "./scrapeCache.ts"

export const other = "other"

/** What is published of one guard. */
export interface Publication {
  /** Publishes the series that have come since. Where all guards of a kind have the same series, there are none. */
  readonly grow: () => void
  readonly retract: () => void
}

/** What was read last, where nothing can be read now: a scraper would take a fall to zero for a restart. */
const lastOf = <Reading>(read: () => Reading | undefined, last?: Reading) => (): Reading => (last = read() ?? last)!

export class Publisher<Snapshot> {
  private readonly kind: Kind<any, Snapshot>
  private readonly maxNames: number
  private readonly context: Context.Context<never>
  private readonly clock: Clock.Clock
  private readonly names = new Set<string>()
  // The series that guards can share under one name: not those of a single guard, and no histograms.
  private readonly numbers: ReadonlyArray<NumberSeries<Snapshot>>
  private readonly overflow: OverflowSeries<Snapshot>
  private readonly overflowCache = new ScrapeCache()
  private readonly shared = new Set<NumberSeries<Snapshot>>()
  private readonly retractions = new Set<() => void>()

  constructor(kind: Kind<any, Snapshot>, maxNames: number, context: Context.Context<never>) {
    this.kind = kind
    this.maxNames = maxNames
    this.context = context
    this.clock = Context.get(context, Clock.Clock)
    const { metrics = [] } = kind
    this.numbers = typeof metrics === "function" ? [] : metrics.filter((series) => series.type !== "histogram")
    this.overflow = new OverflowSeries(this.numbers.filter(({ type }) => type === "counter"))
  }

  publish(id: string, snapshot: () => Snapshot): Publication {
    const source: Source<Snapshot> = { snapshot, latest: snapshot() }
    return id === other || this.names.size >= this.maxNames ? this.share(source) : this.own(id, source)
  }

  /** Removes everything that is still published. */
  close(): void {
    for (const retract of this.retractions) retract()
  }

  private own(id: string, source: Source<Snapshot>): Publication {
    const { metrics = [] } = this.kind
    const cache = new ScrapeCache()
    const latest = (series: Series<Snapshot>) => {
      if (cache.begins(series, monotonicMillis(this.clock))) source.latest = newest(source)
      return source.latest
    }
    const retractions = new Map<string, () => void>()
    const publish = (all: ReadonlyArray<Series<Snapshot>>): void => {
      for (const series of all) {
        const key = JSON.stringify([series.id, series.labels])
        if (retractions.has(key) || readOf<Snapshot, unknown>(series, source.latest) === undefined) continue
        retractions.set(
          key,
          series.type === "histogram"
            ? this.registerHistogram(
              series,
              id,
              readOf(series, source.latest),
              lastOf(() => readOf(series, latest(series)))
            )
            : this.registerNumber(series, id, lastOf(() => readOf(series, latest(series)), NaN))
        )
      }
    }
    publish(typeof metrics === "function" ? metrics(source.latest) : metrics)
    this.names.add(id)
    return {
      grow: () => {
        if (typeof metrics !== "function") return
        source.latest = newest(source)
        publish(metrics(source.latest))
      },
      retract: () => {
        this.names.delete(id)
        for (const retract of retractions.values()) retract()
      }
    }
  }

  private share(source: Source<Snapshot>): Publication {
    for (const series of this.numbers) {
      if (readOf(series, source.latest) === undefined || this.shared.has(series)) continue
      this.shared.add(series)
      this.registerNumber(series, other, () => {
        if (this.overflowCache.begins(series, monotonicMillis(this.clock))) this.overflow.refresh()
        return this.overflow.value(series)
      })
    }
    return { grow: () => {}, retract: this.overflow.join(source) }
  }

  private registerNumber(series: NumberSeries<Snapshot>, name: string, get: () => number): () => void {
    const { id, type } = series
    const options = this.optionsOf(series, name)
    return this.registered(
      type === "counter"
        ? Metric.registerUnsafe(Metric.counter(id, { ...options, incremental: true }), this.context, {
          get: () => ({ count: get(), incremental: true }),
          ...readOnly
        })
        : Metric.registerUnsafe(Metric.gauge(id, options), this.context, { get: () => ({ value: get() }), ...readOnly })
    )
  }

  private registerHistogram(
    series: HistogramSeries<Snapshot>,
    name: string,
    first: HistogramReading | undefined,
    get: () => HistogramReading | undefined
  ): () => void {
    const { buckets } = first ?? emptyHistogram
    const options = { ...this.optionsOf(series, name), boundaries: buckets.map(([bound]) => bound) }
    return this.registered(
      Metric.registerUnsafe(Metric.histogram(series.id, options), this.context, {
        get: () => get() ?? emptyHistogram,
        ...readOnly
      })
    )
  }

  private optionsOf({ description, labels }: Series<Snapshot>, name: string) {
    const nameLabel = this.kind.nameLabel ?? "name"
    // The label of the name comes first, and no label of the series takes its place.
    return { description, attributes: { [nameLabel]: name, ...labels, [nameLabel]: name } }
  }

  private registered(registration: { readonly remove: () => void }): () => void {
    const retract = () => {
      registration.remove()
      this.retractions.delete(retract)
    }
    this.retractions.add(retract)
    return retract
  }
}

// Series are only read.
const readOnly = { update: () => {}, modify: () => {} }

const emptyHistogram: HistogramReading = { buckets: [], count: 0, min: 0, max: 0, sum: 0 }
