/**
 * The order of Effect's own scheduler: dispatchers run in the order in which they got tasks, each with all tasks it had by
 * then.
 */
import type { Dispatcher, Line, Queue } from "./line.ts"
import { Tasks } from "./tasks.ts"

export class Fifo implements Line {
  private first: FifoDispatcher | undefined
  private last: FifoDispatcher | undefined
  private ranks = 0

  get isEmpty(): boolean {
    return this.first === undefined
  }

  makeDispatcher(queue: Queue): FifoDispatcher {
    return new FifoDispatcher(queue)
  }

  enter(dispatcher: FifoDispatcher): void {
    if (this.last === undefined) this.first = dispatcher
    else this.last.next = dispatcher
    this.last = dispatcher
  }

  next(): Dispatcher | undefined {
    const dispatcher = this.first
    if (dispatcher === undefined) return undefined
    this.first = dispatcher.next
    if (this.first === undefined) this.last = undefined
    dispatcher.next = undefined
    return dispatcher
  }

  interrupts(): boolean {
    return false
  }

  rank(): number {
    return this.ranks++
  }

  branch(): () => Line {
    return () => new Fifo()
  }

  wakesTogether(): boolean {
    return false
  }
}

class FifoDispatcher implements Dispatcher {
  next: FifoDispatcher | undefined
  private readonly queue: Queue
  private readonly tasks = new Tasks()
  private entered = false

  constructor(queue: Queue) {
    this.queue = queue
  }

  scheduleTask(task: () => void, priority: number): void {
    this.tasks.add(task, priority)
    if (this.entered) return
    this.entered = true
    this.queue.enter(this)
  }

  flush(): void {
    while (!this.tasks.isEmpty) this.tasks.runAll()
  }

  takeTurn(): void {
    this.entered = false
    this.tasks.runAll()
  }
}
