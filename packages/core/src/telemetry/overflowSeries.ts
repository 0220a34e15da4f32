/**
 * The series of all guards that share the name `other`.
 *
 * Invariants
 * - A counter never goes down, even when a guard leaves or restarts. A scraper would take a lower value for a restart of
 *   the process and count everything again.
 * - What a guard counts is added once, also when it leaves and comes back.
 */
import type { NumberSeries } from "../registry/series.ts"

/** A published guard, and the snapshot that its series are read from. */
export interface Source<Snapshot> {
  readonly guard: unknown
  readonly snapshot: () => Snapshot
  latest: Snapshot
}

/** A series, and the key that equal series of several guards have in common. */
export interface Keyed<Snapshot> {
  readonly key: string
  readonly series: NumberSeries<Snapshot>
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
  /** What each guard shows, by the key of the series. */
  private readonly sources = new Map<Source<Snapshot>, ReadonlyMap<string, number>>()
  /** What has been added of each counter of a guard, which may come back. */
  private readonly added = new WeakMap<object, Map<string, number>>()
  private readonly totals = new Map<string, number>()
  private readonly seriesOf: (snapshot: Snapshot) => ReadonlyArray<Keyed<Snapshot>>

  constructor(seriesOf: (snapshot: Snapshot) => ReadonlyArray<Keyed<Snapshot>>) {
    this.seriesOf = seriesOf
  }

  /** Adds a guard. Returns a function that takes it away; what it has counted stays. */
  join(source: Source<Snapshot>): () => void {
    this.read(source)
    return () => {
      this.update(source)
      this.sources.delete(source)
    }
  }

  /** Reads all guards again. */
  refresh(): void {
    for (const source of this.sources.keys()) this.update(source)
  }

  value(key: string, type: NumberSeries<Snapshot>["type"]): number {
    if (type === "counter") return this.totals.get(key) ?? 0
    let value: number | undefined
    for (const readings of this.sources.values()) {
      const reading = readings.get(key)
      if (reading !== undefined) value = value === undefined ? reading : combined(type, value, reading)
    }
    return value ?? (type === "gauge-by-sum" ? 0 : NaN)
  }

  private update(source: Source<Snapshot>): void {
    source.latest = newest(source)
    this.read(source)
  }

  private read(source: Source<Snapshot>): void {
    const readings = new Map<string, number>()
    const counters = new Set<string>()
    for (const { key, series } of this.seriesOf(source.latest)) {
      const reading = readOf(series, source.latest)
      if (reading === undefined) continue
      const before = readings.get(key)
      readings.set(key, before === undefined ? reading : combined(series.type, before, reading))
      if (series.type === "counter") counters.add(key)
    }
    const added = this.addedOf(source)
    for (const key of counters) this.count(key, readings.get(key)!, added)
    this.sources.set(source, readings)
  }

  private addedOf(source: Source<Snapshot>): Map<string, number> {
    // A guard that is no object is known only as long as it is in.
    const guard = Object(source.guard) === source.guard ? source.guard as object : source
    const added = this.added.get(guard) ?? new Map<string, number>()
    this.added.set(guard, added)
    return added
  }

  // A value lower than before means that the counter of the guard has restarted; no number leaves it as it was.
  private count(key: string, now: number, added: Map<string, number>): void {
    if (!Number.isFinite(now)) return
    const before = added.get(key) ?? 0
    this.totals.set(key, (this.totals.get(key) ?? 0) + (now >= before ? now - before : now))
    added.set(key, now)
  }
}

const combined = (type: NumberSeries<never>["type"], a: number, b: number): number => {
  if (type !== "gauge-by-maximum") return a + b
  return b <= a || Number.isNaN(b) ? a : b
}
