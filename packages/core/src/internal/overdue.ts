/** Calls in flight in the order in which each becomes slow, so that a call that hangs is known to be slow before it ends. */
import { type Place, WaitQueue } from "./waitQueue.ts"

/** One call in flight, and where in the window it was counted as slow; -1 while it is not. */
export interface Watch extends Place<Watch> {
  readonly due: number
  mark: number
}

export class Overdue {
  private readonly queue = new WaitQueue<Watch>()

  add(due: number): Watch {
    const watch: Watch = { due, mark: -1, before: undefined, after: undefined }
    // Only limits that differ from call to call put a call before others.
    let later: Watch | undefined
    for (let last = this.queue.peekLast(); last !== undefined && last.due > due; last = last.before) later = last
    if (later) this.queue.insertBefore(watch, later)
    else this.queue.push(watch)
    return watch
  }

  /** Takes out a call that has ended, if it is not counted yet. */
  remove(watch: Watch): void {
    if (watch.mark < 0) this.queue.remove(watch)
  }

  /** Takes out a call that is slow by `now`. */
  shift(now: number): Watch | undefined {
    const first = this.queue.peek()
    return first !== undefined && first.due <= now ? this.queue.shift() : undefined
  }
}
