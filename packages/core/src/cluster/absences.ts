/**
 * What a node has of a limit while the store does not answer, and what it owes the fleet afterwards.
 *
 * Invariants
 * - A node begins an absence with its part of what the fleet had left. What it uses of that is a debt of the fleet, of which the fleet
 *   hears once; what comes in meanwhile it does not tell.
 * - Until the store has answered to that debt, and where no answer says so, the node begins its next absence with so much less.
 */
import { type Away, type AwayMeter, awayMeter } from "./awayMeters.ts"
import type { Limit } from "../rateLimiter/meter.ts"

/** How an absence begins. */
export interface Beginning {
  readonly away: Away
  readonly limit: Limit
  /** How many nodes share the limit meanwhile. */
  readonly among: number
  /** What this node has of what the fleet had left, and what of that are turns that it had booked. */
  readonly part: number
  readonly turns: number
  /** What of it is used already: what a message tells that is under way, and what is not told yet. */
  readonly telling: number
  readonly owed: number
  readonly retryAt: () => number
}

/** What a node has for the time without the store, and what of that is paid: by turns that it had, or by a debt of the fleet. */
interface Absence {
  readonly meter: AwayMeter
  readonly turns: number
  readonly debt: number
}

/** An amount that gets less from a time on, at a rate. */
interface Untold {
  readonly amount: number
  readonly at: number
  readonly rate: number
}

const leftOf = ({ amount, at, rate }: Untold, now: number): number => Math.max(0, amount - Math.max(0, now - at) * rate)

/** What calls settle that were taken in an absence before these is told to the fleet. */
const mostAbsences = 16

export class Absences {
  private current: Absence | undefined
  /** What this node has used in absences, of which the fleet does not hear. It wanes as the part of this node comes in. */
  private untold: Untold = { amount: 0, at: 0, rate: 0 }
  /** When the store did not answer, lately. */
  private readonly all: Array<{ readonly from: number; to: number }> = []

  /** Instead of what was booked, while the store does not answer. */
  get meter(): AwayMeter | undefined {
    return this.current?.meter
  }

  /** Whether the store did not answer then. */
  includes(at: number): boolean {
    return this.all.some(({ from, to }) => from <= at && at < to)
  }

  begin({ among, away, limit, owed, part, retryAt, telling, turns }: Beginning, now: number): void {
    if (this.all.push({ from: now, to: Infinity }) > mostAbsences) this.all.shift()
    // Nothing of this comes in twice.
    const untold = { amount: leftOf(this.untold, now), at: Infinity, rate: limit.limit / limit.per / among }
    const beginning = Math.max(0, part - untold.amount - telling - owed)
    this.untold = untold
    const meter = awayMeter(away, limit, among, beginning, now, retryAt)
    this.current = { meter, turns, debt: away === "local" ? Math.max(0, beginning - turns) : 0 }
  }

  /** The store answers again. Gives what was used of the beginning, of which the fleet has to hear. */
  end(now: number): number {
    const { debt: most, meter, turns } = this.current!
    const used = meter.used(now)
    const debt = Math.max(0, Math.min(most, used - turns))
    this.current = undefined
    this.all.at(-1)!.to = now
    // What has come in and was not used makes up for what was untold before.
    const paid = Math.min(Math.max(0, used), turns + debt)
    this.untold = { ...this.untold, amount: Math.max(0, this.untold.amount + used - paid), at: now }
    return debt
  }

  /** A message told of so much, and nobody knows whether the store has got it. */
  unanswered(telling: number, now: number): void {
    const { untold } = this
    this.untold = { ...untold, amount: leftOf(untold, now) + telling, at: Math.max(untold.at, now) }
  }
}
