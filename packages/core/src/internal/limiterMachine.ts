/**
 * Several meters taken all or nothing, and the queue of those who wait for their turn. Every turn's time is known: it
 * follows from the meters and from what those ahead will take. First come, first served: a large request is not overtaken
 * by small ones, and a small one behind it waits.
 */
import { enough, type Limit, type Meter } from "./meter.ts"
import { type Place, WaitQueue } from "./waitQueue.ts"

/** Costs in the order of the meters. */
export type Costs = ReadonlyArray<number>

/** Somebody who waits for a turn. */
export interface Turn extends Place<Turn> {
  readonly costs: Costs
  /** The time of the turn as planned. */
  at: number
  /** The latest time that is of use; undefined if only now is. */
  readonly latest: number | undefined
  /** Everything has been taken for it: it holds that from this step on. */
  grant(now: number): void
  /** Goes on, after a grant. */
  proceed(): void
  /** The turn would come too late, now that plans have changed. */
  refuse(refusal: Refusal): void
}

/** Which meter made it too late, and how long it would have to be waited for; infinity when no wait would do. */
export interface Refusal {
  readonly meter: number
  readonly wait: number
}

/** A millionth of a millisecond: what sums of fractions miss the whole by is no reason to wait. */
export const grain = 1e-6

export class LimiterMachine {
  readonly meters: ReadonlyArray<Meter>
  readonly queue = new WaitQueue<Turn>()
  pausedUntil = -Infinity
  private readonly arm: (head: Turn | undefined) => void
  private lastAt = -Infinity
  private advancing = false
  private again = false
  private narrowest = 0

  /** `arm` sets the alarm for the turn at the head of the queue, and stops it when there is none. */
  constructor(meters: ReadonlyArray<Meter>, arm: (head: Turn | undefined) => void) {
    this.meters = meters
    this.arm = arm
  }

  /** The earliest time for the costs behind everybody who waits; leaves the meter that decided in `narrowest`. */
  private turn(costs: Costs, now: number): number {
    const from = Math.max(now, this.pausedUntil, this.lastAt)
    let at = from
    this.narrowest = -1
    for (let i = 0; i < costs.length; i++) {
      const cost = costs[i]!
      if (cost === 0) continue
      const meter = this.meters[i]!
      const when = cost > meter.capacity ? Infinity : meter.when(cost, from)
      if (when > at || this.narrowest < 0) {
        at = when
        this.narrowest = i
      }
    }
    return at
  }

  /** Takes the costs if their turn is now, joins the queue if it comes by `turn.latest`, and refuses otherwise. */
  request(turn: Turn, now: number): "taken" | "queued" | Refusal {
    if (this.queue.size === 0) {
      if (this.tryTake(turn.costs, now)) return "taken"
    } else if (this.queue.peek()!.at <= now + grain) {
      this.advance(now)
    }
    const at = this.turn(turn.costs, now)
    if (at <= now + grain && this.queue.size === 0) {
      this.take(turn.costs, now)
      return "taken"
    }
    if (isTooLate(at, turn)) return { meter: this.narrowest, wait: at - now }
    this.plan(turn, at)
    this.queue.push(turn)
    if (this.queue.size === 1) this.arm(turn)
    return "queued"
  }

  // With nobody ahead there is nothing to plan.
  private tryTake(costs: Costs, now: number): boolean {
    if (this.pausedUntil > now) return false
    for (let i = 0; i < costs.length; i++) {
      if (!enough(this.meters[i]!.available(now), costs[i]!)) return false
    }
    this.take(costs, now)
    return true
  }

  /** Takes out somebody who no longer waits. */
  leave(turn: Turn, now: number): void {
    this.queue.remove(turn)
    this.replan(now)
  }

  /** Grants every turn that has come. Those granted go on only when all is in order: they may ask again at once. */
  advance(now: number): void {
    // One that goes on may end at once and make room for the next, who must not begin before those granted with it.
    this.again = true
    if (this.advancing) return
    this.advancing = true
    try {
      while (this.again) {
        this.again = false
        for (const turn of this.grantDue(now)) turn.proceed()
      }
    } finally {
      this.advancing = false
    }
  }

  private grantDue(now: number): ReadonlyArray<Turn> {
    const granted: Array<Turn> = []
    for (let head = this.queue.peek(); head !== undefined && head.at <= now + grain; head = this.queue.peek()) {
      this.queue.remove(head)
      this.take(head.costs, now)
      head.grant(now)
      granted.push(head)
    }
    this.replan(now)
    return granted
  }

  correct(differences: Costs, takenAt: number, now: number): void {
    differences.forEach((difference, i) => {
      if (difference !== 0) this.meters[i]!.correct(difference, takenAt, now)
    })
    this.replan(now)
  }

  /** Grants nothing before `until`, and leaves nothing that was saved up. */
  pause(until: number, now: number): void {
    this.pausedUntil = Math.max(this.pausedUntil, until)
    for (const meter of this.meters) meter.lower(0, now)
    this.replan(now)
  }

  /** Leaves of each meter at most so much, infinity as much as there is. */
  lower(levels: Costs, now: number): void {
    // Where nothing is lowered no turn moves, so that plans which may be long are left alone.
    if (this.meters.every((meter, i) => meter.available(now) <= levels[i]!)) return
    this.meters.forEach((meter, i) => meter.lower(levels[i]!, now))
    this.replan(now)
  }

  /** Goes on with other limits, in the order of the meters. */
  change(limits: ReadonlyArray<Limit>, now: number): void {
    limits.forEach((limit, i) => this.meters[i]!.change(limit, now))
    this.replan(now)
  }

  /** Plans all turns anew after something has changed, and refuses those that now come too late. */
  private replan(now: number): void {
    for (const meter of this.meters) meter.replan()
    this.lastAt = -Infinity
    const late: Array<readonly [Turn, Refusal]> = []
    for (let turn = this.queue.peek(); turn !== undefined;) {
      const next: Turn | undefined = turn.after
      const at = this.turn(turn.costs, now)
      if (isTooLate(at, turn)) {
        this.queue.remove(turn)
        late.push([turn, { meter: this.narrowest, wait: at - now }])
      } else {
        this.plan(turn, at)
      }
      turn = next
    }
    this.arm(this.queue.peek())
    for (const [turn, refusal] of late) turn.refuse(refusal)
  }

  private plan(turn: Turn, at: number): void {
    turn.at = this.lastAt = at
    turn.costs.forEach((cost, i) => {
      if (cost > 0) this.meters[i]!.plan(cost, at)
    })
  }

  private take(costs: Costs, now: number): void {
    for (let i = 0; i < costs.length; i++) if (costs[i]! > 0) this.meters[i]!.take(costs[i]!, now)
  }
}

const isTooLate = (at: number, { latest }: Turn): boolean =>
  at === Infinity || latest === undefined || at > latest + grain
