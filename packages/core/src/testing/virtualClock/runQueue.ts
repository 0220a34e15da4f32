/** A scheduler that knows when all of its fibers rest. */
import * as Fiber from "effect/Fiber"
import type * as Scheduler from "effect/Scheduler"
import { unseen } from "./asyncHooks.ts"
import type { Dispatcher, Line } from "./line.ts"
import type { PendingWork } from "./pendingWork.ts"

type AnyFiber = Fiber.Fiber<unknown, unknown>

type Waking = NonNullable<PendingWork["waking"]>

/** What comes after a rest: something that has been made to happen, another turn of the event loop, or nothing for now. */
export type Rest = "more" | "turn" | "wait"

export interface RunQueueOptions {
  /** The scheduler whose turns of the event loop are used. */
  readonly parent: Scheduler.Scheduler
  /** The run queue in whose turns this one has its own, if any: what comes outside of them comes late to both. */
  readonly outer?: RunQueue | undefined
  /** The number of steps in one turn of the event loop. A step is the turn of a dispatcher, or a call of `atRest`. */
  readonly stepsATurn: number
  readonly work: PendingWork
  /** The order in which those that are ready run. */
  readonly line: Line
  /** Called when every fiber rests. Makes the next thing happen, if it can. */
  readonly atRest: () => Rest
  /** Called when a fiber goes on that `work.waking` has woken. */
  readonly onWoken: (by: Waking) => void
}

export class RunQueue implements Scheduler.Scheduler {
  readonly executionMode: Scheduler.Scheduler["executionMode"]
  /** The fiber that ran last. */
  ranLast: AnyFiber | undefined
  /** The fiber of the effect that is played. */
  root: AnyFiber | undefined
  private rootRan = false
  private readonly parent: Scheduler.Scheduler
  private readonly host: Scheduler.SchedulerDispatcher
  private readonly stepsATurn: number
  private readonly work: PendingWork
  private readonly atRest: () => Rest
  private readonly onWoken: (by: Waking) => void
  private readonly outer: RunQueue
  private readonly line: Line
  // Those that the thread pool has woken, in the order of chance.
  private late: Array<Late> = []
  private awake = false
  private turning = false

  constructor(options: RunQueueOptions) {
    this.executionMode = options.parent.executionMode
    this.parent = options.parent
    this.host = options.parent.makeDispatcher()
    this.stepsATurn = options.stepsATurn
    this.work = options.work
    this.atRest = options.atRest
    this.onWoken = options.onWoken
    this.outer = options.outer ?? this
    this.line = options.line
  }

  /** Whether fibers are ready to run. */
  get isBusy(): boolean {
    return !this.line.isEmpty
  }

  shouldYield(fiber: AnyFiber): boolean {
    if (fiber !== this.ranLast) this.switchTo(fiber)
    // Before a draw, because the order of those that come late is that of chance.
    if (!this.outer.turning && this.outer.comesLate()) return true
    return this.line.interrupts() || this.parent.shouldYield(fiber)
  }

  /** Whether the root has run since it was asked before. */
  hasRootRun(): boolean {
    const ran = this.rootRan
    this.rootRan = this.ranLast === this.root
    return ran
  }

  private switchTo(fiber: AnyFiber): void {
    this.ranLast = fiber
    this.rootRan ||= fiber === this.root
  }

  makeDispatcher(): Scheduler.SchedulerDispatcher {
    return this.line.makeDispatcher(this)
  }

  /** Starts the loop, unless it runs. */
  wake(): void {
    if (this.awake) return
    this.awake = true
    unseen(this.scheduleRun)
  }

  /** Lets those that the thread pool has woken go on, in the order in which they were made. Returns whether there are any. */
  release(): boolean {
    const late = this.late.sort((a, b) => a.fiber - b.fiber)
    this.late = []
    for (const { enter } of late) enter()
    return late.length > 0
  }

  enter(dispatcher: Dispatcher): void {
    const { outer } = this
    if (outer.turning || !outer.work.isRacing) return this.admit(dispatcher)
    outer.late.push({ enter: () => this.admit(dispatcher), fiber: Fiber.getCurrent()?.id ?? Infinity })
    outer.wake()
  }

  /** Lines of the same kind as that of this queue. */
  branch(chanceOf: Parameters<Line["branch"]>[0]): () => Line {
    return this.line.branch(chanceOf)
  }

  private admit(dispatcher: Dispatcher): void {
    this.line.enter(dispatcher)
    this.wake()
  }

  // A fiber that goes on outside of a turn has been woken by the event loop.
  private comesLate(): boolean {
    const { isRacing, waking } = this.work
    if (waking !== undefined) {
      this.work.waking = undefined
      this.onWoken(waking)
    }
    return isRacing
  }

  private readonly scheduleRun = (): void => this.host.scheduleTask(this.run, 0)

  private readonly run = (): void => {
    let rest: Rest = "more"
    this.turning = true
    try {
      for (let steps = 0; rest === "more" && steps < this.stepsATurn; steps++) {
        rest = this.takeTurn() ? "more" : this.atRest()
        if (this.work.owesTurn) break
      }
    } finally {
      this.turning = false
      // Also when a task has thrown: the host reports it, and the others continue.
      this.awake = rest !== "wait"
      if (this.awake) unseen(this.scheduleRun)
    }
  }

  private takeTurn(): boolean {
    const dispatcher = this.line.next()
    if (dispatcher === undefined) return false
    dispatcher.takeTurn()
    return true
  }
}

interface Late {
  readonly enter: () => void
  /** The number of the fiber that has scheduled something. */
  readonly fiber: number
}
