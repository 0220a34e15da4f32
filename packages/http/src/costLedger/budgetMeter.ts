/** What of a budget is spent and reserved in the window of time that runs now. */
import { plus } from "../pricing/money.ts"

/** A calendar day or month in UTC, or so many milliseconds, counted from the epoch. */
export type Window = "day" | "month" | number

/** A budget as its meters read it. */
export interface Rule {
  readonly per: "tenant" | "all"
  /** Micro-dollars. */
  readonly limit: number
  readonly window: Window
}

/** What was taken from a meter, and in which of its windows. */
export interface Hold {
  readonly amount: number
  readonly window: number
}

const day = 86_400_000

const endOf = (window: Window, now: number): number => {
  if (window === "month") {
    const date = new Date(now)
    return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1)
  }
  const length = window === "day" ? day : window
  return (Math.floor(now / length) + 1) * length
}

export class Meter {
  readonly rule: Rule
  spent = 0
  reserved = 0
  private window = 0
  private end = -Infinity

  constructor(rule: Rule) {
    this.rule = rule
  }

  /** When the window ends, for one that has been rolled to now. */
  get resetsAt(): number {
    return this.end
  }

  /** Begins a new window if it is time. A clock that is set back stays in the window it was in. */
  roll(now: number): void {
    if (now < this.end) return
    this.end = endOf(this.rule.window, now)
    this.window++
    this.spent = 0
    this.reserved = 0
  }

  /** What a call has to reserve: no more than a window ever holds, or it could never pass. */
  share(amount: number): number {
    return Math.min(amount, this.rule.limit)
  }

  holds(amount: number): boolean {
    return this.spent + this.reserved + this.share(amount) <= this.rule.limit
  }

  reserve(amount: number): Hold {
    const share = this.share(amount)
    this.reserved += share
    return { amount: share, window: this.window }
  }

  /** Ends a hold. One from a window that is over belongs to that window, and is no concern of this one. */
  settle(hold: Hold, actual: number): void {
    if (hold.window !== this.window) return
    this.reserved -= hold.amount
    this.spent = plus(this.spent, actual)
  }

  /** Whether a new meter would say the same. */
  isFresh(now: number): boolean {
    return now >= this.end || this.spent === 0 && this.reserved === 0
  }
}
