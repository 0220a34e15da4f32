/** How much is asked for lately: what was long ago counts less and less. */

export class Demand {
  private readonly span: number
  /** Per millisecond, at the time below. */
  private rate = 0
  private until = 0

  /** What was so long ago counts a third, in milliseconds. */
  constructor(span = 280) {
    this.span = span
  }

  add(amount: number, now: number): void {
    this.rate = this.at(now) + amount / this.span
    this.until = Math.max(this.until, now)
  }

  /** Per millisecond. */
  at(now: number): number {
    return now <= this.until ? this.rate : this.rate * Math.exp((this.until - now) / this.span)
  }
}
