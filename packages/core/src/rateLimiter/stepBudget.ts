/** What an operation pays in, in steps. */
const SHARE = 32

/** With so few waiting, whatever there is to do is too little to be saved up for. */
const FEW = 64

/**
 * The steps that operations have paid for. What costs more than that has to wait until enough operations have paid, so
 * that on average no operation costs more than its share.
 */
export class StepBudget {
  private readonly dearest: number
  private saved = 0
  private needed = 0

  /** No more is saved than so many steps for each waiter. */
  constructor(dearest: number) {
    this.dearest = dearest
  }

  /** An operation pays its share. */
  pay(waiting: number): void {
    this.saved = Math.min(this.saved + SHARE, this.dearest * waiting)
  }

  /** The steps that can be made now; none while it is known that they would not do. */
  left(waiting: number): number {
    if (waiting <= FEW) return Number.MAX_SAFE_INTEGER
    return this.saved < Math.min(this.needed, this.dearest * waiting) ? 0 : this.saved
  }

  /** What was to be done took so many steps. */
  spend(steps: number): void {
    this.saved = Math.max(0, this.saved - steps)
    this.needed = 0
  }

  /** What was to be done took more steps than were left. The next try waits for twice as many. */
  waste(steps: number): void {
    this.saved = Math.max(0, this.saved - steps)
    this.needed = Math.max(this.needed, 2 * steps)
  }
}
