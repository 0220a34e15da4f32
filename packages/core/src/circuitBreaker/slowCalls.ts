/** Calls in flight by the time at which each becomes slow, so that a call that hangs counts as slow before it ends. */
import { Heap, type Heaped } from "../internal/data/heap.ts"
import { type Place, WaitQueue } from "../internal/data/waitQueue.ts"

/** One call in flight. */
export interface Watch extends Place<Watch>, Heaped {
  /** Monotonic milliseconds. */
  due: number
  /** Where in the window the call was counted as slow; -1 while it is not. */
  mark: number
}

export const makeWatch = (due: number): Watch => ({ due, mark: -1, before: undefined, after: undefined, spot: -1 })

export class SlowCallTracker {
  // Calls with one limit become slow in the order in which they began: a queue holds them at constant cost.
  private readonly queue = new WaitQueue<Watch>()
  // Calls with a shorter limit than one before them, which the queue would have to sort in.
  private earlier: Heap<Watch> | undefined

  add(due: number): Watch {
    const watch = makeWatch(due)
    const last = this.queue.peekLast()
    if (last === undefined || last.due <= due) this.queue.push(watch)
    else (this.earlier ??= new Heap((a, b) => a.due < b.due)).place(watch)
    return watch
  }

  /** Takes out a call that has ended, if it is not counted yet. */
  remove(watch: Watch): void {
    if (watch.mark >= 0) return
    if (watch.spot >= 0) this.earlier!.remove(watch)
    else this.queue.remove(watch)
  }

  /** Takes out a call that is slow by `now`, the first to become so first. */
  shift(now: number): Watch | undefined {
    const queued = this.queue.peek()
    const earlier = this.earlier?.peek()
    const first = queued === undefined || (earlier !== undefined && earlier.due < queued.due) ? earlier : queued
    if (first === undefined || first.due > now) return undefined
    this.remove(first)
    return first
  }
}
