/** A sliding window: in no span of `per` is more than `limit` taken, whatever came before. */
import { enough, type Limit, type Meter } from "./meter.ts"

interface Entry {
  readonly at: number
  cost: number
}

/** Takings in the order of their times; those of the same instant are one entry. */
export class SlidingLog implements Meter {
  private limit: number
  private per: number
  private entries: Array<Entry> = []
  /** Entries before this one have left the window. */
  private head = 0
  private used = 0
  private planned: Array<Entry> = []
  private plannedUse = 0

  constructor({ limit, per }: Limit) {
    this.limit = limit
    this.per = per
  }

  get capacity(): number {
    return this.limit
  }

  when(cost: number, from: number): number {
    let at = from
    let used = this.used + this.plannedUse
    for (let i = this.head; !enough(this.limit - used, cost); i++) {
      const entry = this.entry(i)
      if (entry === undefined) return at
      used -= entry.cost
      at = Math.max(at, entry.at + this.per)
    }
    return at
  }

  take(cost: number, at: number): void {
    this.expire(at)
    this.push(this.entries, cost, at)
    this.used += cost
  }

  plan(cost: number, at: number): void {
    this.push(this.planned, cost, at)
    this.plannedUse += cost
  }

  replan(): void {
    if (this.plannedUse === 0) return
    this.planned = []
    this.plannedUse = 0
  }

  correct(difference: number, takenAt: number, now: number): void {
    this.expire(now)
    if (difference > 0) {
      const debt = Math.min(difference, 2 * this.limit - this.used)
      if (debt > 0) this.take(debt, now)
      return
    }
    const entry = this.entries.findLast(({ at }, i) => i >= this.head && at === takenAt)
    if (entry === undefined) return
    const given = Math.min(entry.cost, -difference)
    entry.cost -= given
    this.used -= given
  }

  lower(atMost: number, now: number): void {
    const excess = this.available(now) - atMost
    if (excess > 0) this.take(excess, now)
  }

  available(now: number): number {
    this.expire(now)
    return this.limit - this.used
  }

  change({ limit, per }: Limit, now: number): void {
    this.expire(now)
    this.limit = limit
    this.per = per
    this.expire(now)
  }

  private entry(i: number): Entry | undefined {
    return this.entries[i] ?? this.planned[i - this.entries.length]
  }

  private push(entries: Array<Entry>, cost: number, at: number): void {
    const last = entries.at(-1)
    if (last?.at === at) last.cost += cost
    else entries.push({ at, cost })
  }

  private expire(now: number): void {
    while (this.head < this.entries.length && this.entries[this.head]!.at + this.per <= now) {
      this.used -= this.entries[this.head++]!.cost
    }
    // Cutting off the front costs its length, so it waits until the front is the larger half.
    if (this.head > 32 && this.head * 2 > this.entries.length) {
      this.entries = this.entries.slice(this.head)
      this.head = 0
    }
  }
}
