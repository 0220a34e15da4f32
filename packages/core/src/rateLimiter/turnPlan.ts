/** The turns of everybody who waits, calculated in the order of the queue. It can be added to at its end. */
import type { Meter, Plan } from "./meter.ts"
import { type Decided, earliest, isTooLate, type Turn } from "./turn.ts"

export class TurnPlan {
  /** False once turns may be at other times than they are planned: earlier, or later by at most the delay. */
  isExact = true
  /** Whether somebody was left out. */
  skipped = false
  private readonly meters: ReadonlyArray<Meter>
  private readonly plans: ReadonlyArray<Plan>
  private end = -Infinity
  private delay = 0

  /** Plans from the time `from` on, which is now or the end of a pause. */
  constructor(meters: ReadonlyArray<Meter>, first: Turn | undefined, from: number, decided: Decided) {
    this.meters = meters
    this.plans = meters.map((meter) => meter.plan())
    for (let turn = first; turn !== undefined; turn = turn.after) {
      this.next(turn, from, decided)
      turn.isLeftOut = isTooLate(turn.at, turn)
      if (turn.isLeftOut) this.skipped = true
      else this.add(turn)
    }
  }

  /** The turn behind everybody who is planned, at the latest. Writes down when it would be planned. */
  next(turn: Turn, from: number, decided: Decided): number {
    turn.at = earliest(this.meters, this.plans, turn.costs, Math.max(from, this.end), decided)
    return turn.at + this.delay
  }

  /** Plans the turn of the last question. */
  add({ at, costs }: Turn): void {
    this.end = at
    for (let i = 0; i < costs.length; i++) {
      const cost = costs[i]!
      if (cost > 0) this.plans[i]!.take(cost, at)
    }
  }

  /** A turn came that much later than it was planned. No turn behind it can be later by more than the largest delay. */
  late(by: number): void {
    this.isExact = false
    this.delay = Math.max(this.delay, by)
  }
}
