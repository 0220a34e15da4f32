/**
 * The turns of everybody who waits, calculated in the order of the queue. It can be added to at its end, and is thrown
 * away when it may promise too much.
 */
import type { Meter, Plan } from "./meter.ts"
import { type Costs, type Decided, earliest, isTooLate, type Turn } from "./turn.ts"

export class TurnPlan {
  /** False once turns may have become earlier than they are planned. They are never later. */
  exact = true
  /** Whether somebody waits for whom it is too late already, and who is not planned. */
  skipped = false
  private readonly meters: ReadonlyArray<Meter>
  private readonly plans: ReadonlyArray<Plan>
  private end = -Infinity

  /** Plans from the time `from` on, which is now or the end of a pause. */
  constructor(meters: ReadonlyArray<Meter>, first: Turn | undefined, from: number, decided: Decided) {
    this.meters = meters
    this.plans = meters.map((meter) => meter.plan())
    for (let turn = first; turn !== undefined; turn = turn.after) {
      const at = this.next(turn.costs, from, decided)
      if (isTooLate(at, turn)) {
        turn.at = -Infinity
        this.skipped = true
      } else {
        this.add(turn, at)
      }
    }
  }

  /** The turn of these costs behind everybody who is planned. */
  next(costs: Costs, from: number, decided: Decided): number {
    return earliest(this.meters, this.plans, costs, Math.max(from, this.end), decided)
  }

  add(turn: Turn, at: number): void {
    turn.at = this.end = at
    for (let i = 0; i < turn.costs.length; i++) {
      const cost = turn.costs[i]!
      if (cost > 0) this.plans[i]!.take(cost, at)
    }
  }
}
