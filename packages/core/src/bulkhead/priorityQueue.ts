/**
 * A queue in which higher priorities stand ahead, equals in the order in which they came, and whose members can leave
 * from the middle. All in constant time for a given number of distinct priorities among those who wait.
 */
import { type Place, WaitQueue } from "../internal/data/waitQueue.ts"

/** Somebody in the queue; the priority, which is not NaN, stays the same while there. */
export interface Ranked<Member> extends Place<Member> {
  readonly priority: number
}

export class PriorityQueue<Member extends Ranked<Member>> {
  size = 0
  // Ascending, so that the level that is served comes off the end; an empty level is dropped.
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

  /** Takes out a member that is in the queue. */
  remove(member: Member): void {
    const at = this.find(member.priority)
    const level = this.levels[at]!
    level.remove(member)
    if (level.size === 0) this.levels.splice(at, 1)
    this.size--
  }

  /** Where the level of the priority is, or would be. */
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
