/** A share of calls that grows from `from` to all of them: it spares a target that has just recovered. */
export class RampUp {
  readonly start: number
  private readonly over: number
  private readonly from: number
  // Each call adds the share of its time; a call that passes takes one.
  credit: number

  /** With a credit of 1, the first call passes. */
  constructor(start: number, over: number, from: number, credit = 1) {
    this.credit = credit
    this.start = start
    this.over = over
    this.from = from
  }

  /** The share that passes at `now`; 1 when it is over. */
  share(now: number): number {
    const passed = Math.min(1, Math.max(0, (now - this.start) / this.over))
    return this.from + (1 - this.from) * passed
  }

  /** Whether a call passes at `now`. One that does not adds its share to the credit of the next. */
  admits(now: number): boolean {
    const share = this.share(now)
    if (this.credit + share >= 1) return true
    this.credit += share
    return false
  }

  /** Takes the credit of a call that was admitted. */
  spend(now: number): void {
    this.credit = Math.min(1, this.credit + this.share(now) - 1)
  }
}
