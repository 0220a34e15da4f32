/**
 * A queue by priority, then by arrival. A member can be removed from the middle. All operations take constant time for
 * a fixed number of distinct priorities.
 */
import { type Place, WaitQueue } from "../internal/data/waitQueue.ts"

/** A member of the queue. Its priority is not NaN and does not change while it is queued. */
export interface Ranked<Member> extends Place<Member> {
  readonly priority: number
}

export class PriorityQueue<Member extends Ranked<Member>> {
  size = 0
  // Ascending, so that the level that is served next is at the end. An empty level is removed.
  private readonly levels: Array<Level<Member>> = []

  push(member: Member): void {
    const { priority } = member
    const at = this.find(priority)
    if (this.levels[at]?.priority !== priority) this.levels.splice(at, 0, new Level(priority))
    this.levels[at]!.push(member)
    this.size++
  }

  peek(): Member | undefined {
    return this.levels[this.levels.length - 1]?.peek()
  }

  remove(member: Member): void {
    const at = this.find(member.priority)
    const level = this.levels[at]!
    level.remove(member)
    if (level.size === 0) this.levels.splice(at, 1)
    this.size--
  }

  /** The index of the level with the priority, or where to insert it. */
  private find(priority: number): number {
    let low = 0
    let high = this.levels.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.levels[middle]!.priority < priority) low = middle + 1
      else high = middle
    }
    return low
  }
}

class Level<Member extends Ranked<Member>> extends WaitQueue<Member> {
  readonly priority: number

  constructor(priority: number) {
    super()
    this.priority = priority
  }
}
