/**
 * A scheduler that knows when all of its fibers rest. Its dispatchers run in the order in which they got tasks, each
 * with all tasks it had by then. That is the order of Effect's own scheduler.
 */
import type * as Fiber from "effect/Fiber"
import type * as Scheduler from "effect/Scheduler"

export class RunQueue implements Scheduler.Scheduler {
  readonly executionMode: Scheduler.Scheduler["executionMode"]
  private readonly parent: Scheduler.Scheduler
  private readonly host: Scheduler.SchedulerDispatcher
  private readonly stepsATurn: number
  private readonly atRest: () => boolean
  private first: Dispatcher | undefined
  private last: Dispatcher | undefined
  private awake = false

  constructor(options: {
    /** The scheduler whose turns of the event loop are used. */
    readonly parent: Scheduler.Scheduler
    /** The number of steps in one turn of the event loop. A step is the turn of a dispatcher, or a call of `atRest`. */
    readonly stepsATurn: number
    /** Called when every fiber rests. Makes the next thing happen, and returns whether there was one. */
    readonly atRest: () => boolean
  }) {
    this.executionMode = options.parent.executionMode
    this.parent = options.parent
    this.host = options.parent.makeDispatcher()
    this.stepsATurn = options.stepsATurn
    this.atRest = options.atRest
  }

  shouldYield(fiber: Fiber.Fiber<unknown, unknown>): boolean {
    return this.parent.shouldYield(fiber)
  }

  makeDispatcher(): Scheduler.SchedulerDispatcher {
    return new Dispatcher(this)
  }

  enter(dispatcher: Dispatcher): void {
    if (this.last === undefined) this.first = dispatcher
    else this.last.next = dispatcher
    this.last = dispatcher
    this.wake()
  }

  /** Starts the loop, unless it runs. */
  wake(): void {
    if (this.awake) return
    this.awake = true
    this.host.scheduleTask(this.run, 0)
  }

  private readonly run = (): void => {
    let more = true
    try {
      for (let steps = 0; more && steps < this.stepsATurn; steps++) more = this.takeTurn() || this.atRest()
    } finally {
      // Also when a task has thrown: the host reports it, and the others continue.
      this.awake = more
      if (more) this.host.scheduleTask(this.run, 0)
    }
  }

  private takeTurn(): boolean {
    const dispatcher = this.first
    if (dispatcher === undefined) return false
    this.first = dispatcher.next
    if (this.first === undefined) this.last = undefined
    dispatcher.next = undefined
    dispatcher.takeTurn()
    return true
  }
}

class Dispatcher implements Scheduler.SchedulerDispatcher {
  next: Dispatcher | undefined
  private readonly queue: RunQueue
  private entered = false
  // Ascending by priority.
  private buckets: Array<Bucket> = []

  constructor(queue: RunQueue) {
    this.queue = queue
  }

  scheduleTask(task: () => void, priority: number): void {
    const { buckets } = this
    let at = buckets.length
    while (at > 0 && buckets[at - 1]!.priority > priority) at--
    const bucket = buckets[at - 1]
    if (bucket?.priority === priority) bucket.tasks.push(task)
    else buckets.splice(at, 0, { priority, tasks: [task] })
    if (this.entered) return
    this.entered = true
    this.queue.enter(this)
  }

  flush(): void {
    while (this.buckets.length > 0) this.runAll()
  }

  takeTurn(): void {
    this.entered = false
    this.runAll()
  }

  // A task scheduled by a task waits for the next turn.
  private runAll(): void {
    const { buckets } = this
    this.buckets = []
    for (const { tasks } of buckets) { for (const task of tasks) task() }
  }
}

interface Bucket {
  readonly priority: number
  readonly tasks: Array<() => void>
}
