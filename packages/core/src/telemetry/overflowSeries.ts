/**
 * The series of all guards that share the name `other`.
 *
 * Invariant: a counter never goes down, even when a guard leaves or restarts. A scraper would take a lower value for a
 * restart of the process and count everything again.
 */
import type { NumberSeries } from "../registry/series.ts"

/** A published guard, and the snapshot that its series are read from. */
export interface Source<Snapshot> {
  readonly snapshot: () => Snapshot
  latest: Snapshot
}

/** A new snapshot, or the previous one if taking it throws. One broken guard must not hide the others. */
export const newest = <Snapshot>({ latest, snapshot }: Source<Snapshot>): Snapshot => {
  try {
    return snapshot()
  } catch {
    return latest
  }
}

/** Reads a series from a snapshot. A series that throws counts as undefined, and does not affect the others. */
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
  // What has been counted of each.
  private readonly sources = new Map<Source<Snapshot>, Map<NumberSeries<Snapshot>, number>>()
  private readonly counters: ReadonlyArray<NumberSeries<Snapshot>>
  private readonly totals = new Map<NumberSeries<Snapshot>, number>()

  constructor(counters: ReadonlyArray<NumberSeries<Snapshot>>) {
    this.counters = counters
  }

  join(source: Source<Snapshot>): () => void {
    const counted = new Map<NumberSeries<Snapshot>, number>()
    this.sources.set(source, counted)
    this.count(source, counted)
    return () => {
      this.update(source)
      this.sources.delete(source)
    }
  }

  refresh(): void {
    for (const source of this.sources.keys()) this.update(source)
  }

  value(series: NumberSeries<Snapshot>): number {
    if (series.type === "counter") return this.totals.get(series) ?? 0
    let sum = 0
    let highest = NaN
    for (const { latest } of this.sources.keys()) {
      const value = readOf(series, latest) ?? 0
      sum += value
      if (!(value <= highest) && !Number.isNaN(value)) highest = value
    }
    return series.type === "gauge-by-sum" ? sum : highest
  }

  private update(source: Source<Snapshot>): void {
    source.latest = newest(source)
    this.count(source, this.sources.get(source)!)
  }

  // A value lower than before means that the counter of the guard has restarted; no number leaves it as it was.
  private count({ latest }: Source<Snapshot>, counted: Map<NumberSeries<Snapshot>, number>): void {
    for (const series of this.counters) {
      const now = readOf(series, latest)
      if (now === undefined || !Number.isFinite(now)) continue
      const before = counted.get(series) ?? 0
      this.totals.set(series, (this.totals.get(series) ?? 0) + (now >= before ? now - before : now))
      counted.set(series, now)
    }
  }
}
