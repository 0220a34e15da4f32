/** A token bucket: it fills steadily and holds `burst` at most, so that a quiet time earns a burst. */
import { enough, type Limit, type Meter } from "./meter.ts"

export class TokenBucket implements Meter {
  private rate: number
  private burst: number
  private level: number
  private at: number
  private plannedLevel: number
  private plannedAt: number

  constructor({ burst, limit, per }: Limit, now: number) {
    this.rate = limit / per
    this.burst = this.level = this.plannedLevel = burst
    this.at = this.plannedAt = now
  }

  get capacity(): number {
    return this.burst
  }

  when(cost: number, from: number): number {
    const at = Math.max(from, this.plannedAt)
    const level = this.filled(this.plannedLevel, at - this.plannedAt)
    return enough(level, cost) ? at : at + (cost - level) / this.rate
  }

  take(cost: number, at: number): void {
    this.level = this.available(at) - cost
    this.at = Math.max(this.at, at)
    this.replan()
  }

  plan(cost: number, at: number): void {
    this.plannedLevel = this.filled(this.plannedLevel, at - this.plannedAt) - cost
    this.plannedAt = at
  }

  replan(): void {
    this.plannedLevel = this.level
    this.plannedAt = this.at
  }

  correct(difference: number, _takenAt: number, now: number): void {
    const level = this.available(now)
    this.level = Math.min(this.burst, Math.max(Math.min(level, -this.burst), level - difference))
    this.at = Math.max(this.at, now)
  }

  lower(atMost: number, now: number): void {
    this.level = Math.min(atMost, this.available(now))
    this.at = Math.max(this.at, now)
  }

  available(now: number): number {
    return this.filled(this.level, now - this.at)
  }

  change({ burst, limit, per }: Limit, now: number): void {
    const level = this.available(now)
    this.rate = limit / per
    this.burst = burst
    this.level = Math.min(level, burst)
    this.at = Math.max(this.at, now)
  }

  private filled(level: number, elapsed: number): number {
    return elapsed > 0 ? Math.min(this.burst, level + elapsed * this.rate) : level
  }
}
