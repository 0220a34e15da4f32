/**
 * A sliding window: in any span of `per`, at most `limit` is taken.
 *
 * What was taken is kept in slices, in the order of time. A slice is one instant until there are {@link MOST} slices.
 * Then neighbours within a {@link FINEST}th of the window become one slice, which leaves the window with its last
 * instant. Memory is therefore bounded, the limit is never exceeded, and capacity is freed late by at most a
 * {@link FINEST}th of the window.
 */
import { isSufficient, tolerance } from "../internal/data/isSufficient.ts"
import type { Limit, Meter, Plan } from "./meter.ts"
import { PrefixSums } from "./prefixSums.ts"
import type { SavedMeter, SavedSlices } from "./savedMeter.ts"

const MOST = 8192
const FINEST = 2048

export class SlidingLog implements Meter {
  private limit: number
  private per: number
  /** For each slice: its first time, its last time, and the amount taken in it. */
  private firsts: Array<number> = []
  private lasts: Array<number> = []
  private costs: Array<number> = []
  private sums = new PrefixSums(this.costs)
  /** Slices before this index have left the window. */
  private head = 0
  private used = 0

  constructor({ limit, per }: Limit) {
    this.limit = limit
    this.per = per
  }

  get capacity(): number {
    return this.limit
  }

  when(cost: number, from: number): number {
    const left = this.limit - this.used
    if (isSufficient(left, cost)) return from
    const index = this.sums.reaching(this.sums.sum(this.head) + cost - left - tolerance(cost))
    return Math.max(from, this.lasts[Math.min(index, this.lasts.length - 1)]! + this.per)
  }

  take(cost: number, at: number): void {
    this.expire(at)
    const last = this.lasts.length - 1
    if (last >= this.head && this.lasts[last]! >= at) {
      this.add(last, cost)
      return
    }
    if (last - this.head >= MOST) this.merge()
    this.firsts.push(at)
    this.lasts.push(at)
    this.costs.push(cost)
    this.used += cost
  }

  correct(difference: number, takenAt: number, now: number): void {
    this.expire(now)
    if (difference > 0) {
      const debt = Math.min(difference, 2 * this.limit - this.used)
      if (debt > 0) this.take(debt, now)
      return
    }
    const index = this.sliceOf(takenAt)
    if (index !== undefined) this.add(index, -Math.min(this.costs[index]!, -difference))
  }

  clampAvailable(atMost: number, now: number): void {
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

  save(now: number): SavedSlices {
    this.expire(now)
    const slices: Array<SavedSlices["slices"][number]> = []
    for (let i = this.head; i < this.lasts.length; i++) {
      const [first, last] = [this.firsts[i]!, this.lasts[i]!]
      // A clock that went back has nothing in its future.
      slices.push([Math.max(0, now - first), Math.max(0, now - last), this.costs[i]!])
    }
    return { per: this.per, slices }
  }

  accepts(saved: SavedMeter): boolean {
    if (!("slices" in saved) || saved.slices.length > 2 * MOST) return false
    let before = Infinity
    let all = 0
    for (const [first, last, cost] of saved.slices) {
      all += cost
      if (first > before || last > first || all > Number.MAX_SAFE_INTEGER) return false
      before = last
    }
    return true
  }

  /** Has taken what was saved `at` a time, as far as it is still in the window of then, and in this one. */
  restore(saved: SavedMeter, at: number, now: number): void {
    const { per } = saved as SavedSlices
    const slices = (saved as SavedSlices).slices.filter(([, last]) => at - last + per > now)
    this.keep(
      slices.map(([first]) => at - first),
      slices.map(([, last]) => at - last),
      slices.map(([, , cost]) => cost)
    )
    this.used = this.costs.reduce((sum, cost) => sum + cost, 0)
    this.expire(now)
  }

  plan(): Plan {
    return new WindowPlan(this.limit, this.per, this.lasts.slice(this.head), this.costs.slice(this.head))
  }

  private add(index: number, difference: number): void {
    this.costs[index]! += difference
    this.sums.changed(index, difference)
    this.used += difference
  }

  private sliceOf(time: number): number | undefined {
    const index = firstFrom(this.head, this.lasts.length, (i) => this.lasts[i]! >= time)
    return index < this.lasts.length && this.firsts[index]! <= time ? index : undefined
  }

  private expire(now: number): void {
    const { costs, lasts } = this
    while (this.head < lasts.length && lasts[this.head]! + this.per <= now) this.used -= costs[this.head++]!
    // Rounding errors of the sum end with the last slice.
    if (this.head === lasts.length) this.used = 0
    // Removing the front costs its length, so it waits until the front is the larger half.
    if (this.head > 32 && this.head * 2 > lasts.length) {
      this.keep(this.firsts.slice(this.head), lasts.slice(this.head), costs.slice(this.head))
    }
  }

  private merge(): void {
    const firsts: Array<number> = []
    const lasts: Array<number> = []
    const costs: Array<number> = []
    const finest = this.per / FINEST
    for (let i = this.head; i < this.lasts.length; i++) {
      const current = lasts.length - 1
      if (current >= 0 && this.lasts[i]! - firsts[current]! <= finest) {
        lasts[current] = this.lasts[i]!
        costs[current]! += this.costs[i]!
      } else {
        firsts.push(this.firsts[i]!)
        lasts.push(this.lasts[i]!)
        costs.push(this.costs[i]!)
      }
    }
    this.keep(firsts, lasts, costs)
  }

  private keep(firsts: Array<number>, lasts: Array<number>, costs: Array<number>): void {
    this.firsts = firsts
    this.lasts = lasts
    this.costs = costs
    this.sums = new PrefixSums(costs)
    this.head = 0
  }
}

class WindowPlan implements Plan {
  private readonly limit: number
  private readonly per: number
  private readonly times: Array<number>
  /** Prefix sums of the amounts. */
  private readonly totals: Array<number>

  constructor(limit: number, per: number, times: Array<number>, costs: Array<number>) {
    this.limit = limit
    this.per = per
    this.times = times
    let total = 0
    this.totals = costs.map((cost) => total += cost)
  }

  when(cost: number, from: number): number {
    const { length } = this.totals
    const excess = this.total + cost - this.limit - tolerance(cost)
    if (length === 0 || excess <= 0) return from
    const index = firstFrom(0, length - 1, (i) => this.totals[i]! >= excess)
    return Math.max(from, this.times[index]! + this.per)
  }

  take(cost: number, at: number): void {
    this.totals.push(this.total + cost)
    this.times.push(at)
  }

  private get total(): number {
    return this.totals.at(-1) ?? 0
  }
}

/**
 * The first index of a range for which `holds` is true, if it is true for all that follow; the end if there is none.
 */
const firstFrom = (start: number, end: number, holds: (index: number) => boolean): number => {
  let low = start
  let high = end
  while (low < high) {
    const middle = (low + high) >>> 1
    if (holds(middle)) high = middle
    else low = middle + 1
  }
  return low
}
