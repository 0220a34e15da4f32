/**
 * Makes things happen in a world, one after the other: the turns of nodes that have something to do, and the events of a
 * heap. It lives on the clock and the scheduler on which the world was made, and sleeps there until the next event.
 */
import type * as Clock from "effect/Clock"
import type * as Random from "effect/Random"
import type * as Scheduler from "effect/Scheduler"
import { Heap, type Heaped } from "../../internal/data/heap.ts"
import { monotonicMillis } from "../../internal/runtime/time.ts"
import { startTimerOf } from "../../internal/runtime/timer.ts"
import { seeded } from "./seeded.ts"
import type { Trace } from "./trace.ts"

/** Something that happens at a time. */
export class Event implements Heaped {
  spot = -1
  at = Infinity
  /** Orders the events of one time, and `turn` those of one tie. */
  tie = 0
  turn = 0
  readonly code: number
  /** The node that it happens to, which must not be paused. */
  readonly node: Runner | undefined
  readonly happen: () => void
  /** It has come to a node that is paused. */
  readonly onHeld: () => void

  constructor(code: number, node: Runner | undefined, happen: () => void, onHeld = () => {}) {
    this.code = code
    this.node = node
    this.happen = happen
    this.onHeld = onHeld
  }
}

/** A node, as the engine sees it. */
export interface Runner {
  readonly index: number
  readonly isPaused: boolean
  /** The events that happened to it while it was paused. */
  readonly held: Array<Event>
  /** Does the next thing that the node has to do. */
  readonly takeTurn: () => void
}

/** The tie of events that happen before all others of their time: a drawn tie is from 0 to 1. */
export const first = -1

/** What the digest of a trace calls events. */
export const codes = { turn: 1, wake: 2, request: 3, reply: 4, fault: 5 } as const

export class Engine {
  readonly trace: Trace
  private readonly clock: Clock.Clock
  private readonly scheduler: Scheduler.Scheduler
  private readonly dispatcher: Scheduler.SchedulerDispatcher
  private readonly afterEvent: () => void
  private readonly order: Random.Random
  private readonly events = new Heap<Event>((a, b) =>
    a.at === b.at ? (a.tie === b.tie ? a.turn < b.turn : a.tie < b.tie) : a.at < b.at
  )
  private readonly ready: Array<Runner> = []
  private readonly start: number
  private passed = 0
  private placed = 0
  private isScheduled = false
  private stepping = false
  private isOver = false
  private timer: { readonly at: number; readonly stop: () => void } | undefined

  constructor(options: {
    readonly seed: string
    readonly clock: Clock.Clock
    readonly scheduler: Scheduler.Scheduler
    readonly trace: Trace
    readonly afterEvent: () => void
  }) {
    this.trace = options.trace
    this.clock = options.clock
    this.scheduler = options.scheduler
    this.dispatcher = options.scheduler.makeDispatcher()
    this.afterEvent = options.afterEvent
    this.order = seeded(options.seed, "order")
    this.start = monotonicMillis(options.clock)
  }

  /** Milliseconds since the start of the world. */
  readonly now = (): number => this.passed = Math.max(this.passed, monotonicMillis(this.clock) - this.start)

  /** Puts an event into the heap, or moves it. Events of one time happen in the order of their ties. */
  place(event: Event, at: number, tie = this.order.nextDoubleUnsafe()): void {
    event.at = at
    event.tie = tie
    event.turn = this.placed++
    this.events.place(event)
    this.goOn()
  }

  remove(event: Event): void {
    this.events.remove(event)
  }

  /** The node has something to do. */
  isReady(node: Runner): void {
    this.ready.push(node)
    this.goOn()
  }

  /** The node is paused or has crashed: it has nothing to do. */
  isNotReady(node: Runner): void {
    const at = this.ready.indexOf(node)
    if (at >= 0) this.ready.splice(at, 1)
  }

  /** What happened to a node while it was paused happens now, in its order. */
  release(node: Runner): void {
    for (const event of node.held.splice(0)) this.events.place(event)
    this.goOn()
  }

  /** Whether something happens in the world at the moment. */
  get isStepping(): boolean {
    return this.stepping
  }

  /** Makes something happen that comes from outside. */
  inStep(happen: () => void): void {
    const { stepping } = this
    this.stepping = true
    try {
      happen()
    } finally {
      this.stepping = stepping
    }
  }

  end(): void {
    this.isOver = true
    this.timer?.stop()
  }

  private goOn(): void {
    if (this.isScheduled || this.isOver) return
    this.isScheduled = true
    this.dispatcher.scheduleTask(this.step, 0)
  }

  // One thing in each task of the scheduler, so that everything else that runs on it has its turn between two of them.
  private readonly step = (): void => {
    this.isScheduled = false
    if (this.isOver) return
    let happened = true
    try {
      this.stepping = true
      happened = this.takeTurn() || this.takeEvent()
      this.stepping = false
      if (happened) this.afterEvent()
    } finally {
      this.stepping = false
      if (happened) this.goOn()
      else this.sleep()
    }
  }

  private takeTurn(): boolean {
    const { ready } = this
    if (ready.length === 0) return false
    const at = ready.length === 1 ? 0 : Math.floor(this.order.nextDoubleUnsafe() * ready.length)
    const [node] = ready.splice(at, 1)
    this.trace.count(codes.turn, this.passed, node!.index)
    node!.takeTurn()
    return true
  }

  private takeEvent(): boolean {
    const next = this.events.peek()
    if (next === undefined || next.at > this.now()) return false
    this.events.remove(next)
    if (next.node?.isPaused) {
      next.node.held.push(next)
      next.onHeld()
    } else {
      this.trace.count(next.code, this.passed, next.node === undefined ? -1 : next.node.index)
      next.happen()
    }
    return true
  }

  /** Sleeps until the next event, unless there is none. */
  private sleep(): void {
    const at = this.events.peek()?.at ?? Infinity
    if (this.timer !== undefined && this.timer.at <= at) return
    this.timer?.stop()
    this.timer = undefined
    if (at === Infinity) return
    const stop = startTimerOf(this.clock, this.scheduler, at - this.now(), () => {
      this.timer = undefined
      // The clock may be a rounding error below the time that it slept for.
      this.passed = Math.max(this.passed, at)
      this.goOn()
    })
    this.timer = { at, stop }
  }
}
