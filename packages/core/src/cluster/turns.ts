/**
 * Turns of a limit that the fleet has given out to this node: amounts that come in from a time on, in the order of their beginnings.
 *
 * Invariants
 * - A turn is used from its time on, and not any more once `giveBack` has passed since, unless it is gathered for a call that needs more
 *   than comes in at once.
 * - A time is never earlier than that of the store: turns begin when the answer comes, and end as if it had come at once.
 */
import { tolerance } from "../internal/data/isSufficient.ts"
import type { Plan } from "../rateLimiter/meter.ts"
import { grain } from "../rateLimiter/turn.ts"

/** An amount that comes in at an even rate from a time on. Times are in milliseconds. */
export interface Turn {
  start: number
  amount: number
  readonly rate: number
  /** How much later `start` is than in the time of the store, at most. */
  readonly lag: number
  /** When it was asked for: nothing of it was due before. */
  readonly askedAt: number
}

/** When what is not booked can be expected, from a time on. */
export type Tail = (missing: number, from: number) => number

/** How long turns can be used, and in which amounts. */
export interface Use {
  readonly giveBack: number
  /** Nobody can use a part of that. */
  readonly unit: number
}

/** What becomes of an amount that no call has used, and when it was asked for. */
type Unused = (amount: number, askedAt: number, now: number) => void

export class Turns {
  /** What there is of them, due or not. */
  held = 0
  private all: Array<Turn> = []
  private readonly unused: Unused

  constructor(unused: Unused) {
    this.unused = unused
  }

  add(turn: Turn): void {
    let at = this.all.length
    while (at > 0 && this.all[at - 1]!.start > turn.start) at--
    this.all.splice(at, 0, turn)
    this.held += turn.amount
  }

  due(now: number): number {
    let sum = 0
    for (const { amount, rate, start } of this.all) {
      const part = Math.min(amount, (now - start) * rate)
      if (part > 0) sum += part
      if (part < amount) break
    }
    return sum
  }

  when(cost: number, from: number, tail: Tail): number {
    return whenOf(this.all, 0, cost, from, tail)
  }

  plan(tail: Tail): Plan {
    return new BookedPlan(this.all, tail)
  }

  /** Takes the first that come in. */
  use(amount: number): void {
    let left = Math.min(amount, this.held)
    this.held -= left
    while (left > 0 && this.all.length > 0) {
      const first = this.all[0]!
      left = drop(first, left)
      if (first.amount <= 0) this.all.shift()
    }
    // Rounding errors of the sum end with the last turn.
    if (this.all.length === 0) this.held = 0
  }

  /** Gives away what comes last. */
  shed(amount: number, now: number): void {
    let left = amount
    this.held -= left
    while (left > 0 && this.all.length > 0) {
      const last = this.all.at(-1)!
      const part = Math.min(left, last.amount)
      this.unused(part, last.askedAt, now)
      last.amount -= part
      left -= part
      if (last.amount <= 0) this.all.pop()
    }
  }

  /** Gives away everything. */
  clear(now: number): void {
    for (const { amount, askedAt } of this.all) this.unused(amount, askedAt, now)
    this.held = 0
    this.all = []
  }

  /** When the first of them cannot be used any more. */
  expiresAt(use: Use): number {
    return this.all.reduce((first, turn) => Math.min(first, expiryOf(turn, use)), Infinity)
  }

  /** Gives away what was due for too long, but for what is gathered. What is as small as `least` is nothing. */
  expire(now: number, use: Use, gathered: number, least: number): void {
    const over = this.all.reduce((sum, turn) => sum + overdueOf(turn, use, now), 0)
    let left = over - gathered
    for (const turn of this.all) {
      const part = Math.min(left, overdueOf(turn, use, now))
      if (part <= 0) continue
      drop(turn, part)
      left -= part
      this.held -= part
      this.unused(part, turn.askedAt, now)
    }
    while (this.all.length > 0 && this.all[0]!.amount <= least) this.all.shift()
    if (this.all.length === 0) this.held = 0
  }
}

/** Drops the first of a turn. Gives what is left to drop. */
const drop = (turn: Turn, amount: number): number => {
  const part = Math.min(amount, turn.amount)
  turn.start += part / turn.rate
  turn.amount -= part
  return amount - part
}

const expiryOf = ({ askedAt, lag, rate, start }: Turn, { giveBack, unit }: Use): number =>
  Math.max(askedAt, start + unit / rate - lag) + giveBack

/** How much was due for too long: in whole units. */
const overdueOf = ({ amount, askedAt, lag, rate, start }: Turn, { giveBack, unit }: Use, now: number): number => {
  const over = now - giveBack
  const units = over < askedAt ? 0 : Math.floor((over - start + lag) * rate / unit + grain)
  return Math.min(amount, Math.max(0, units) * unit)
}

/** When so much has come in after what was taken before. */
const whenOf = (all: ReadonlyArray<Turn>, before: number, cost: number, from: number, tail: Tail): number => {
  let left = before + cost
  let at = from
  for (const { amount, rate, start } of all) {
    const part = Math.min(left, amount)
    if (left - part <= tolerance(cost)) return Math.max(at, start + left / rate)
    left -= part
    at = Math.max(at, start + amount / rate)
  }
  return left <= tolerance(cost) ? at : Math.max(at, tail(left, from))
}

class BookedPlan implements Plan {
  private readonly all: ReadonlyArray<Turn>
  private readonly tail: Tail
  private taken = 0

  constructor(all: ReadonlyArray<Turn>, tail: Tail) {
    this.all = all.map((each) => ({ ...each }))
    this.tail = tail
  }

  when(cost: number, from: number): number {
    return whenOf(this.all, this.taken, cost, from, this.tail)
  }

  take(cost: number): void {
    this.taken += cost
  }
}
