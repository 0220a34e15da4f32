/** The planned turns of all waiting calls, calculated in the order of the queue. A call can be appended. */
import type { Meter, Plan } from "./meter.ts"
import { type Decided, earliest, isTooLate, type Turn } from "./turn.ts"

export class TurnPlan {
  /** False once turns may differ from the plan: earlier, or later by at most `delay`. */
  isExact = true
  /** Whether any call was left out. */
  skipped = false
  private readonly meters: ReadonlyArray<Meter>
  private readonly plans: ReadonlyArray<Plan>
  private end = -Infinity
  private delay = 0

  /** Plans from `from` on, which is now or the end of a pause. */
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

  /** An upper bound of the turn of a call behind all planned calls. Writes the planned time to the call. */
  next(turn: Turn, from: number, decided: Decided): number {
    turn.at = earliest(this.meters, this.plans, turn.costs, Math.max(from, this.end), decided)
    return turn.at + this.delay
  }

  /** Appends the call of the last `next`. */
  add({ at, costs }: Turn): void {
    this.end = at
    for (let i = 0; i < costs.length; i++) {
      const cost = costs[i]!
      if (cost > 0) this.plans[i]!.take(cost, at)
    }
  }

  /** A turn came later than planned by `by`. No turn behind it can be later by more than the largest delay. */
  late(by: number): void {
    this.isExact = false
    this.delay = Math.max(this.delay, by)
  }
}
