/** The steps that each operation pays in. */
const SHARE = 32

/** With at most this many waiting calls, any calculation is cheap enough to do at once. */
const FEW = 64

/**
 * A budget of calculation steps, which operations pay into. A calculation that costs more has to wait until enough
 * operations have paid, so that on average no operation costs more than its share.
 */
export class StepBudget {
  private readonly dearest: number
  private saved = 0
  private needed = 0

  /** At most `dearest` steps for each waiting call are saved. */
  constructor(dearest: number) {
    this.dearest = dearest
  }

  /** An operation pays its share. */
  pay(waiting: number): void {
    this.saved = Math.min(this.saved + SHARE, this.dearest * waiting)
  }

  /** The steps that may be used now; zero while it is known that they would not be enough. */
  left(waiting: number): number {
    if (waiting <= FEW) return Number.MAX_SAFE_INTEGER
    return this.saved < Math.min(this.needed, this.dearest * waiting) ? 0 : this.saved
  }

  /** A calculation took this many steps. */
  spend(steps: number): void {
    this.saved = Math.max(0, this.saved - steps)
    this.needed = 0
  }

  /** A calculation needed more steps than were left. The next attempt waits for twice as many. */
  waste(steps: number): void {
    this.saved = Math.max(0, this.saved - steps)
    this.needed = Math.max(this.needed, 2 * steps)
  }
}
