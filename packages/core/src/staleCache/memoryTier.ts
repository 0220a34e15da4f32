/** The values in memory with their ages: fresh, then stale, then removed. */
import * as Duration from "effect/Duration"
import { atOnce } from "../internal/data/atOnce.ts"
import { LruMap } from "../internal/data/lruMap.ts"
import type { Cached } from "./cached.ts"
import type { Rules } from "./rules.ts"

interface Entry<A> {
  readonly value: A
  readonly storedAt: number
  readonly bytes: number
  /** How often all values had been made stale when it was stored. */
  readonly era: number
}

/** The functions from the options. One that throws counts as a refusal. */
export interface Judges<A> {
  readonly storeWhen?: ((value: A) => boolean) | undefined
  readonly sizeOf?: ((value: A, key: string) => number) | undefined
  readonly copy?: ((value: A, way: "in" | "out") => A) | undefined
}

const always = () => true

/** What happened to a value: stored, refused by `storeWhen`, or larger than the cache. */
export type Keeping = "kept" | "unwanted" | "too large"

export class MemoryTier<A> {
  private readonly entries = new LruMap<string, Entry<A>>()
  private readonly served = { loaded: 0, fresh: 0, stale: 0 }
  private readonly rules: Rules
  private readonly judges: Judges<A>
  private bytes = 0
  private era = 0
  private expiredAt = -Infinity

  constructor(rules: Rules, judges: Judges<A>) {
    this.rules = rules
    this.judges = judges
  }

  find(key: string, now: number): Cached<A> | undefined {
    const entry = this.entries.get(key)
    if (entry === undefined) return undefined
    const found = this.view(entry, now)
    if (found === undefined) this.drop(key)
    return found
  }

  /** Whether there is a value, fresh or stale. Does not count as a use. */
  has(key: string, now: number): boolean {
    const entry = this.entries.peek(key)
    return entry !== undefined && this.view(entry, now) !== undefined
  }

  /** `isCurrent` is called after the functions of the user, which may have set or invalidated the key themselves. */
  keep(key: string, given: A, now: number, isCurrent: () => boolean = always): Keeping {
    if (!this.isWanted(given)) return "unwanted"
    const copied = this.copyIn(given)
    if (copied === undefined) return "unwanted"
    const { value } = copied
    const bytes = this.weigh(value, key)
    if (!isCurrent()) return "unwanted"
    return this.put(key, { value, storedAt: now, bytes, era: this.era }) ? "kept" : "too large"
  }

  /** The value that was kept, as it is stored. */
  kept(key: string): A {
    return this.entries.peek(key)!.value
  }

  /** Returns the younger of the given value, which another process may have stored, and the one in memory. */
  adopt(key: string, value: A, storedAt: number, now: number): Cached<A> | undefined {
    const kept = this.entries.peek(key)
    if (kept !== undefined && kept.storedAt >= storedAt) return this.find(key, now)
    const entry = { value, storedAt, era: storedAt > this.expiredAt ? this.era : this.era - 1 }
    const found = this.view(entry, now)
    if (found === undefined) return this.find(key, now)
    this.put(key, { ...entry, bytes: this.weigh(value, key) })
    return found
  }

  /** Keeps the values of another one as well, with their ages. What was used there last is the last to go. */
  takeOver(other: MemoryTier<A>): void {
    other.entries.forEach((entry, key) => {
      const era = entry.era === other.era ? this.era : this.era - 1
      this.put(key, { ...entry, era, bytes: this.weigh(entry.value, key) })
    })
    this.expiredAt = Math.max(this.expiredAt, other.expiredAt)
  }

  serve(cached: Cached<A>): Cached<A> {
    this.served[cached.freshness]++
    const { copy } = this.judges
    return copy === undefined ? cached : { ...cached, value: copy(cached.value, "out") }
  }

  drop(key: string): void {
    const entry = this.entries.delete(key)
    if (entry !== undefined) this.forget(entry)
  }

  clear(): void {
    this.entries.clear()
    this.bytes = 0
  }

  /** All values that were stored until now are stale. Also those of a store that is read later. */
  expire(now: number): void {
    this.era++
    this.expiredAt = now
  }

  snapshot() {
    const { capacity, maxBytes, name } = this.rules
    return { name, size: this.entries.size, capacity, bytes: this.bytes, maxBytes, served: { ...this.served } }
  }

  private view({ era, storedAt, value }: Omit<Entry<A>, "bytes">, now: number): Cached<A> | undefined {
    const { staleFor, timeToLive } = this.rules
    const age = Math.max(0, now - storedAt)
    if (age >= timeToLive + staleFor) return undefined
    return { value, freshness: age < timeToLive && era === this.era ? "fresh" : "stale", age: Duration.millis(age) }
  }

  private put(key: string, entry: Entry<A>): boolean {
    const { bytes } = entry
    const { capacity, maxBytes = Number.MAX_SAFE_INTEGER } = this.rules
    // Also true for a size that is NaN.
    if (!(bytes >= 0 && bytes <= maxBytes)) return false
    const before = this.entries.peek(key)
    if (before === undefined) { while (this.entries.size >= capacity) this.forget(this.entries.shift()!) }
    else {
      this.entries.set(key, entry)
      this.bytes -= before.bytes
    }
    // What is set now is the last to go, and has room by itself.
    const own = before === undefined ? 0 : 1
    while (this.entries.size > own && this.bytes + bytes > maxBytes) this.forget(this.entries.shift()!)
    if (before === undefined) this.entries.set(key, entry)
    this.bytes = this.entries.size === 1 ? bytes : this.bytes + bytes
    return true
  }

  // Rounding errors of the sum end with the last value.
  private forget({ bytes }: Entry<A>): void {
    this.bytes = this.entries.size === 0 ? 0 : this.bytes - bytes
  }

  private weigh(value: A, key: string): number {
    const { sizeOf } = this.judges
    if (sizeOf === undefined) return 0
    try {
      const bytes = atOnce(sizeOf(value, key))
      return typeof bytes === "number" ? bytes : NaN
    } catch {
      return NaN
    }
  }

  private copyIn(value: A): { readonly value: A } | undefined {
    const { copy } = this.judges
    try {
      return { value: copy === undefined ? value : copy(value, "in") }
    } catch {
      return undefined
    }
  }

  private isWanted(value: A): boolean {
    const { storeWhen } = this.judges
    try {
      return storeWhen === undefined || Boolean(atOnce(storeWhen(value)))
    } catch {
      return false
    }
  }
}
