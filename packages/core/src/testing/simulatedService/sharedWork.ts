/**
 * Work that is done at the same time. Up to `fullSpeed` pieces of work run at full speed; more of them share that speed
 * evenly at every moment. At speed 0, nothing goes on.
 *
 * All pieces in progress get the same amount of work done in the same time. One counter of that amount therefore serves
 * all of them: a piece of work ends when the counter reaches the amount at its start plus its size. An event costs
 * O(log n), and between two events nothing has to be computed.
 */
import { Heap, type Heaped } from "../../internal/data/heap.ts"

/** A piece of work. The fields belong to `SharedWork`. */
export interface Task extends Heaped {
  /** The counter at its end. */
  due: number
  /** Orders the tasks that end together by their start. */
  turn: number
}

/** How fast work is done. */
export interface Rate {
  /** The work that is done at full speed at once. */
  readonly fullSpeed: number
  /** The milliseconds of work that a task at full speed gets done in a millisecond. */
  readonly speed: number
}

// Milliseconds. Work that would end within this time has ended: readings of a clock are rounded.
export const resolution = 1e-3

export class SharedWork<T extends Task> {
  private readonly tasks = new Heap<T>((a, b) => a.due < b.due || (a.due === b.due && a.turn < b.turn))
  private readonly rateOf: () => Rate
  /** The milliseconds of work that each task in progress has got since the counter was reset. */
  private counter = 0
  private at = 0
  private turns = 0

  constructor(rate: () => Rate) {
    this.rateOf = rate
  }

  get size(): number {
    return this.tasks.size
  }

  /** Does the work until now, at the speed that was valid until now: call it before anything changes. */
  advance(now: number): void {
    // Without a task, the counter means nothing. A small counter is an exact one.
    if (this.tasks.size === 0) {
      this.counter = 0
      this.at = now
    } else if (now > this.at) {
      this.counter += (now - this.at) * this.speed
      this.at = now
    }
  }

  add(task: T, millis: number): void {
    task.due = this.counter + millis
    task.turn = this.turns++
    this.tasks.place(task)
  }

  /** Stops a task, if it is in progress. */
  remove(task: T): void {
    if (task.spot >= 0) this.tasks.remove(task)
  }

  /** The time at which the next task ends if nothing changes; infinity without one. */
  get nextEnd(): number {
    const next = this.tasks.peek()
    if (next === undefined) return Infinity
    const left = next.due - this.counter
    // What has been done ends also where nothing goes on.
    return left > 0 ? this.at + left / this.speed : this.at
  }

  /** Takes a task that has ended by now. */
  takeEnded(): T | undefined {
    return this.nextEnd <= this.at + resolution ? this.takeNext() : undefined
  }

  /** Takes the next task to end, whatever is left of it. */
  takeNext(): T | undefined {
    const next = this.tasks.peek()
    if (next !== undefined) this.tasks.remove(next)
    return next
  }

  private get speed(): number {
    const { fullSpeed, speed } = this.rateOf()
    return speed * Math.min(1, fullSpeed / this.tasks.size)
  }
}
