/** The forecast for token buckets alone: exact, in O(log n). */
import { StepBudget } from "./stepBudget.ts"
import type { Forecast } from "./forecast.ts"
import type { TokenBucket } from "./tokenBucket.ts"
import { type Decided, earliest, type Turn } from "./turn.ts"
import { TurnTree } from "./turnTree.ts"
import type { WaitQueue } from "../internal/data/waitQueue.ts"

/** Steps for each waiting call; more than it takes to recalculate the whole tree. */
const DEAREST = 4

export class BucketForecast implements Forecast {
  private readonly buckets: ReadonlyArray<TokenBucket>
  private readonly queue: WaitQueue<Turn>
  private readonly budget = new StepBudget(DEAREST)
  private tree: TurnTree | undefined

  constructor(buckets: ReadonlyArray<TokenBucket>, queue: WaitQueue<Turn>) {
    this.buckets = buckets
    this.queue = queue
  }

  refresh(from: number): boolean {
    const { budget, queue } = this
    this.pay()
    const tree = this.tree ??= new TurnTree(this.buckets, queue, from)
    const most = budget.left(queue.size)
    const steps = tree.refresh(from, most)
    if (steps < 0) budget.waste(most)
    else budget.spend(steps)
    return steps >= 0
  }

  turnOf(turn: Turn, from: number, decided: Decided): number | undefined {
    if (!this.refresh(from)) return undefined
    const tree = this.tree!
    return earliest(this.buckets, tree.ends, turn.costs, Math.max(from, tree.end), decided)
  }

  postponed(): void {
    this.pay()
  }

  joined(turn: Turn): void {
    turn.isLeftOut = false
    if (this.tree !== undefined && !this.tree.add(turn)) this.tree = undefined
  }

  left(turn: Turn): void {
    this.pay()
    if (this.tree === undefined) return
    this.tree.remove(turn)
    if (this.queue.size === 0 || this.tree.isSparse(this.queue.size)) this.tree = undefined
  }

  granted(turn: Turn): void {
    this.left(turn)
  }

  becameEarlier(): void {
    this.pay()
  }

  becameLater(): void {
    this.pay()
  }

  changed(): void {
    this.tree = undefined
  }

  private pay(): void {
    this.budget.pay(this.queue.size)
  }
}
