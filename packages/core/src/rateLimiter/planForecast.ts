/**
 * The forecast for any meters: a plan of all turns, made by going through the whole queue.
 *
 * The plan is exact until a turn moves. After that, it still gives an upper bound of each turn until turns can be later
 * than planned. A new plan is made only for a new call whose bound is too late, and only when the step budget pays for
 * it.
 */
import { StepBudget } from "./stepBudget.ts"
import type { Forecast } from "./forecast.ts"
import type { Meter } from "./meter.ts"
import { type Decided, grain, isTooLate, type Turn } from "./turn.ts"
import { TurnPlan } from "./turnPlan.ts"
import type { WaitQueue } from "../internal/data/waitQueue.ts"

export class PlanForecast implements Forecast {
  private readonly meters: ReadonlyArray<Meter>
  private readonly queue: WaitQueue<Turn>
  private readonly budget = new StepBudget(1)
  private readonly decided: Decided = { meter: -1 }
  private plan: TurnPlan | undefined
  /** The new call of the last `turnOf`. */
  private asked: Turn | undefined

  constructor(meters: ReadonlyArray<Meter>, queue: WaitQueue<Turn>) {
    this.meters = meters
    this.queue = queue
  }

  refresh(from: number): boolean {
    this.pay()
    if (this.plan?.isExact) return true
    const { size } = this.queue
    if (size > this.budget.left(size)) return false
    this.budget.spend(size)
    this.plan = new TurnPlan(this.meters, this.queue.peek(), from, this.decided)
    return true
  }

  turnOf(turn: Turn, from: number, decided: Decided): number | undefined {
    const at = this.ask(turn, from, decided)
    if (at !== undefined && (this.plan!.isExact || !isTooLate(at, turn))) return at
    return this.refresh(from) ? this.ask(turn, from, decided) : undefined
  }

  postponed(): void {
    this.pay()
  }

  joined(turn: Turn, from: number): void {
    turn.isLeftOut = false
    if (this.asked !== turn) this.ask(turn, from, this.decided)
    this.asked = undefined
    this.plan?.add(turn)
  }

  left(turn: Turn): void {
    this.pay()
    if (!turn.isLeftOut) this.movedUp()
    this.dropIfEmpty()
  }

  granted(turn: Turn, now: number): void {
    this.pay()
    if (turn.isLeftOut) this.plan = undefined
    else if (now > turn.at + grain) this.plan?.late(now - turn.at)
    this.dropIfEmpty()
  }

  becameEarlier(): void {
    this.pay()
    this.movedUp()
  }

  becameLater(): void {
    this.pay()
    this.plan = undefined
  }

  changed(): void {
    this.plan = undefined
  }

  private ask(turn: Turn, from: number, decided: Decided): number | undefined {
    this.asked = turn
    return this.plan?.next(turn, from, decided)
  }

  // Calls that a plan left out may now come in time, and delay the calls behind them.
  private movedUp(): void {
    if (this.plan === undefined) return
    if (this.plan.skipped) this.plan = undefined
    else this.plan.isExact = false
  }

  private pay(): void {
    this.budget.pay(this.queue.size)
  }

  private dropIfEmpty(): void {
    if (this.queue.size === 0) this.plan = undefined
  }
}
