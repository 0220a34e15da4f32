/** The values in memory, each with its age: fresh, then stale, then gone. */
import * as Duration from "effect/Duration"
import { LruMap } from "../internal/lruMap.ts"
import type { Cached, Snapshot } from "../StaleCache.ts"
import type { Stored } from "../StaleCacheStore.ts"

/** What of the options is numbers; times in milliseconds. */
export interface Rules {
  readonly name: string
  readonly capacity: number
  readonly timeToLive: number
  readonly staleFor: number
  readonly storeTimeout: number
}

interface Entry<A> {
  readonly value: A
  readonly storedAt: number
}

/** A read of the store that is under way, and whether what it brings has been invalidated meanwhile. */
export interface Reading {
  readonly key: string
  dropped: boolean
}

export class Shelf<A> {
  readonly name: string
  readonly storeTimeout: number
  private readonly timeToLive: number
  private readonly staleFor: number
  private readonly storeWhen: (value: A) => boolean
  private readonly entries: LruMap<string, Entry<A>>
  private readonly readings = new Set<Reading>()
  private readonly served = { loaded: 0, fresh: 0, stale: 0 }

  constructor(
    { capacity, name, staleFor, storeTimeout, timeToLive }: Rules,
    storeWhen: (value: A) => boolean = () => true
  ) {
    this.name = name
    this.entries = new LruMap(capacity)
    this.timeToLive = timeToLive
    this.staleFor = staleFor
    this.storeWhen = storeWhen
    this.storeTimeout = storeTimeout
  }

  get keptFor(): Duration.Duration {
    return Duration.millis(this.timeToLive + this.staleFor)
  }

  find(key: string, now: number): Cached<A> | undefined {
    const entry = this.entries.get(key)
    if (entry === undefined) return undefined
    const age = Math.max(0, now - entry.storedAt)
    if (age >= this.timeToLive + this.staleFor) {
      this.entries.delete(key)
      return undefined
    }
    return { value: entry.value, freshness: age < this.timeToLive ? "fresh" : "stale", age: Duration.millis(age) }
  }

  keep(key: string, value: A, now: number): boolean {
    const wanted = this.storeWhen(value)
    if (wanted) this.entries.set(key, { value, storedAt: now })
    return wanted
  }

  begin(reading: Reading): void {
    this.readings.add(reading)
  }

  end(reading: Reading): void {
    this.readings.delete(reading)
  }

  // The store tells time by the wall, since its values outlive the process; memory goes on by its own.
  adopt({ dropped, key }: Reading, stored: Stored<A>, now: number, wallNow: number): void {
    const age = Math.max(0, wallNow - stored.storedAt)
    const storedAt = now - age
    const kept = this.entries.get(key)
    // Also false for an age that is not a number.
    const isAlive = age < this.timeToLive + this.staleFor
    if (!dropped && isAlive && !(kept && kept.storedAt >= storedAt))
      this.entries.set(key, { value: stored.value, storedAt })
  }

  serve(cached: Cached<A>): Cached<A> {
    this.served[cached.freshness]++
    return cached
  }

  drop(key: string): void {
    this.entries.delete(key)
    for (const reading of this.readings) reading.dropped ||= reading.key === key
  }

  clear(): void {
    this.entries.clear()
    for (const reading of this.readings) reading.dropped = true
  }

  snapshot(): Omit<Snapshot, "storeFailures"> {
    return { name: this.name, size: this.entries.size, capacity: this.entries.capacity, served: { ...this.served } }
  }
}
