/** A token bucket: it refills at a constant rate and holds at most `burst`, so that an idle time allows a burst. */
import { isSufficient } from "../internal/data/isSufficient.ts"
import type { Limit, Meter, Plan } from "./meter.ts"
import type { SavedLevel, SavedMeter } from "./savedMeter.ts"

/** In milliseconds, of a debt that another process has saved. */
const longestDebt = 366 * 86_400_000

/** The level of a bucket at one time. */
class Level implements Plan {
  /** Refill per millisecond. */
  rate: number
  protected burst: number
  protected level: number
  protected at: number

  constructor(rate: number, burst: number, level: number, at: number) {
    this.rate = rate
    this.burst = burst
    this.level = level
    this.at = at
  }

  when(cost: number, from: number): number {
    const at = Math.max(from, this.at)
    const level = this.available(at)
    return isSufficient(level, cost) ? at : at + (cost - level) / this.rate
  }

  take(cost: number, at: number): void {
    this.level = this.available(at) - cost
    this.at = Math.max(this.at, at)
  }

  available(now: number): number {
    const elapsed = now - this.at
    return elapsed > 0 ? Math.min(this.burst, this.level + elapsed * this.rate) : this.level
  }
}

export class TokenBucket extends Level implements Meter {
  constructor({ burst, limit, per }: Limit, now: number) {
    super(limit / per, burst, burst, now)
  }

  get capacity(): number {
    return this.burst
  }

  correct(difference: number, _takenAt: number, now: number): void {
    const level = this.available(now)
    this.level = Math.min(this.burst, Math.max(Math.min(level, -this.burst), level - difference))
    this.at = Math.max(this.at, now)
  }

  clampAvailable(atMost: number, now: number): void {
    this.level = Math.min(atMost, this.available(now))
    this.at = Math.max(this.at, now)
  }

  change({ burst, limit, per }: Limit, now: number): void {
    const level = this.available(now)
    this.rate = limit / per
    this.burst = burst
    this.level = Math.min(level, burst)
    this.at = Math.max(this.at, now)
  }

  save(now: number): SavedLevel {
    return { level: this.available(now), rate: this.rate, burst: this.burst }
  }

  accepts(saved: SavedMeter): boolean {
    return "level" in saved
  }

  /**
   * Holds what the bucket that was saved `at` a time would hold now, changed to the limit of this one. A debt is no larger than
   * the larger of both buckets, and is paid within a year.
   */
  restore(saved: SavedMeter, at: number, now: number): void {
    const { burst, level, rate } = saved as SavedLevel
    const debt = Math.min(Math.max(burst, this.burst), longestDebt * this.rate)
    const held = Math.min(burst, Math.max(level, -debt) + (now - at) * rate)
    this.level = Math.min(this.burst, held)
    this.at = now
  }

  plan(): Plan {
    return new Level(this.rate, this.burst, this.level, this.at)
  }
}
