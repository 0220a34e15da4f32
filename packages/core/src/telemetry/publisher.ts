/**
 * Publishes snapshots of one kind as Effect metrics, which are read on each scrape. `maxNames` bounds the number of series:
 * guards beyond it share the name `other`.
 *
 * Invariant: the `retract` of a publication removes everything that was published for the guard alone.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Metric from "effect/Metric"
import type { Kind } from "../registry/kind.ts"
import type { HistogramReading, HistogramSeries, NumberSeries, Series } from "../registry/series.ts"
import { monotonicMillis } from "../internal/runtime/time.ts"
import { type Keyed, newest, OverflowSeries, readOf, type Source } from "./overflowSeries.ts"
import { ScrapeCache } from "./scrapeCache.ts"
import { showSeries } from "./shownSeries.ts"

export const other = "other"

/**
 * Series under the name `other` that have labels of their guards, such as the steps of cascades. Beyond these, the labels
 * are `other`, too: so many guards share the name that their labels would not be bounded.
 */
const maxShared = 200

/** What is published of one guard. */
export interface Publication {
  /** Publishes the series that have come since. Where all guards of a kind have the same series, there are none. */
  readonly grow: () => void
  readonly retract: () => void
}

/** What was read last, where nothing can be read now: a scraper would take a fall to zero for a restart. */
const lastOf = <Reading>(read: () => Reading | undefined, last?: Reading) => (): Reading => (last = read() ?? last)!

const keyOf = ({ id, labels }: Series<never>): string => JSON.stringify([id, labels])

export class Publisher<Snapshot> {
  private readonly kind: Kind<any, Snapshot>
  private readonly maxNames: number
  private readonly context: Context.Context<never>
  private readonly clock: Clock.Clock
  private readonly names = new Set<string>()
  // Where all guards of the kind have the same series. Guards share no histograms.
  private readonly fixed: ReadonlyArray<Keyed<Snapshot>> | undefined
  private readonly overflow = new OverflowSeries<Snapshot>((snapshot) => this.sharedOf(snapshot))
  private readonly overflowCache = new ScrapeCache()
  private readonly shared = new Set<string>()
  private readonly retractions = new Set<() => void>()

  constructor(kind: Kind<any, Snapshot>, maxNames: number, context: Context.Context<never>) {
    this.kind = kind
    this.maxNames = maxNames
    this.context = context
    this.clock = Context.get(context, Clock.Clock)
    const { metrics = [] } = kind
    this.fixed = typeof metrics === "function" ? undefined : numbersOf(metrics)
  }

  /** Throws what reading the guard throws; then nothing is published. */
  publish(id: string, guard: unknown, snapshot: () => Snapshot): Publication {
    const source: Source<Snapshot> = { guard, snapshot, latest: snapshot() }
    return id === other || this.names.size >= this.maxNames ? this.share(source) : this.own(id, source)
  }

  /** Removes everything that is still published. */
  close(): void {
    for (const retract of this.retractions) retract()
  }

  private own(id: string, source: Source<Snapshot>): Publication {
    const cache = new ScrapeCache()
    const latest = (series: Series<Snapshot>) => {
      if (cache.begins(series, monotonicMillis(this.clock))) source.latest = newest(source)
      return source.latest
    }
    const retractions = new Map<string, () => void>()
    const publish = (all: ReadonlyArray<Series<Snapshot>>): void => {
      for (const series of all) {
        const key = keyOf(series)
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
    publish(this.seriesOf(source.latest))
    this.names.add(id)
    return {
      grow: () => {
        if (this.fixed !== undefined) return
        source.latest = newest(source)
        publish(this.seriesOf(source.latest))
      },
      retract: () => {
        this.names.delete(id)
        for (const retract of retractions.values()) retract()
      }
    }
  }

  private share(source: Source<Snapshot>): Publication {
    const publish = (): void => {
      for (const { key, series } of this.sharedOf(source.latest)) {
        if (this.shared.has(key) || readOf(series, source.latest) === undefined) continue
        this.shared.add(key)
        this.registerNumber(series, other, () => {
          if (this.overflowCache.begins(key, monotonicMillis(this.clock))) this.overflow.refresh()
          return this.overflow.value(key, series.type)
        })
      }
    }
    publish()
    return {
      grow: () => {
        if (this.fixed !== undefined) return
        source.latest = newest(source)
        publish()
      },
      retract: this.overflow.join(source)
    }
  }

  private seriesOf(snapshot: Snapshot): ReadonlyArray<Series<Snapshot>> {
    const { metrics = [] } = this.kind
    return typeof metrics === "function" ? metrics(snapshot) : metrics
  }

  /** The series under the name `other` that a guard is part of. */
  private sharedOf(snapshot: Snapshot): ReadonlyArray<Keyed<Snapshot>> {
    if (this.fixed !== undefined) return this.fixed
    return numbersOf(this.seriesOf(snapshot)).map((one) => {
      if (this.shared.has(one.key) || this.shared.size < maxShared) return one
      const labels = Object.fromEntries(Object.keys(one.series.labels).map((label) => [label, other]))
      const series = { ...one.series, labels }
      return { key: keyOf(series), series }
    })
  }

  private registerNumber(series: NumberSeries<Snapshot>, name: string, get: () => number): () => void {
    const { id, type } = series
    const options = this.optionsOf(series, name)
    return this.registered(
      type === "counter"
        ? showSeries(
          Metric.counter(id, { ...options, incremental: true }),
          this.context,
          () => ({ count: get(), incremental: true })
        )
        : showSeries(Metric.gauge(id, options), this.context, () => ({ value: get() }))
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
      showSeries(Metric.histogram(series.id, options), this.context, () => get() ?? emptyHistogram)
    )
  }

  private optionsOf({ description, labels }: Series<Snapshot>, name: string) {
    const nameLabel = this.kind.nameLabel ?? "name"
    // The label of the name comes first, and no label of the series takes its place.
    return { description, attributes: { [nameLabel]: name, ...labels, [nameLabel]: name } }
  }

  private registered(remove: () => void): () => void {
    const retract = () => {
      remove()
      this.retractions.delete(retract)
    }
    this.retractions.add(retract)
    return retract
  }
}

const numbersOf = <Snapshot>(all: ReadonlyArray<Series<Snapshot>>): ReadonlyArray<Keyed<Snapshot>> =>
  all.filter((series) => series.type !== "histogram").map((series) => ({ key: keyOf(series), series }))

const emptyHistogram: HistogramReading = { buckets: [], count: 0, min: 0, max: 0, sum: 0 }
