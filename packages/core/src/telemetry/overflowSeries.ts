/**
 * The numbers of all that are published under one name.
 *
 * Invariant: a counter never goes down, whoever leaves or starts over: a scraper would take that for a restart and count
 * everything again.
 */
import type { NumberSeries } from "../registry/series.ts"

/** What is published under one name, and the snapshot that its series are read from. */
export interface Source<Snapshot> {
  readonly snapshot: () => Snapshot
  latest: Snapshot
}

/** What can be read now; the last that could, where that throws: one that cannot be read must not hide all others. */
export const newest = <Snapshot>({ latest, snapshot }: Source<Snapshot>): Snapshot => {
  try {
    return snapshot()
  } catch {
    return latest
  }
}

/** What a series reads from a snapshot. One that throws has no number, and keeps none of the others from being read. */
export const readOf = <Snapshot, Reading>(
  series: { readonly read: (snapshot: Snapshot) => Reading | undefined },
  snapshot: Snapshot
): Reading | undefined => {
  try {
    return series.read(snapshot)
  } catch {
    return undefined
  }
}

export class OverflowSeries<Snapshot> {
  private readonly sources = new Set<Source<Snapshot>>()
  private readonly counters: ReadonlyArray<NumberSeries<Snapshot>>
  private readonly totals = new Map<NumberSeries<Snapshot>, number>()

  constructor(counters: ReadonlyArray<NumberSeries<Snapshot>>) {
    this.counters = counters
  }

  join(source: Source<Snapshot>): () => void {
    for (const series of this.counters) this.count(series, 0, readOf(series, source.latest))
    this.sources.add(source)
    return () => {
      this.update(source)
      this.sources.delete(source)
    }
  }

  refresh(): void {
    for (const source of this.sources) this.update(source)
  }

  value(series: NumberSeries<Snapshot>): number {
    if (series.type === "counter") return this.totals.get(series) ?? 0
    let sum = 0
    let highest = NaN
    for (const { latest } of this.sources) {
      const value = readOf(series, latest) ?? 0
      sum += value
      if (!(value <= highest) && !Number.isNaN(value)) highest = value
    }
    return series.type === "gauge-by-sum" ? sum : highest
  }

  private update(source: Source<Snapshot>): void {
    const before = source.latest
    source.latest = newest(source)
    for (const series of this.counters) this.count(series, readOf(series, before), readOf(series, source.latest))
  }

  // Lower than before: it has begun anew.
  private count(series: NumberSeries<Snapshot>, before = 0, now = 0): void {
    this.totals.set(series, (this.totals.get(series) ?? 0) + (now >= before ? now - before : now))
  }
}
