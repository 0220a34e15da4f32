/** How much is asked for lately: what was long ago counts less and less. */

/** In milliseconds. */
const span = 280

export class Demand {
  /** Per millisecond, at the time below. */
  private rate = 0
  private until = 0

  add(amount: number, now: number): void {
    this.rate = this.at(now) + amount / span
    this.until = Math.max(this.until, now)
  }

  /** Per millisecond. */
  at(now: number): number {
    return now <= this.until ? this.rate : this.rate * Math.exp((this.until - now) / span)
  }
}
