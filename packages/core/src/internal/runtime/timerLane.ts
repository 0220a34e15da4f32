/**
 * Time-outs that almost never fire. Time-outs of one length fire in the order in which they start. A lane holds these
 * and needs one alarm, for the first; starting and cancelling a time-out is a few assignments.
 */
import type * as Clock from "effect/Clock"
import type * as Fiber from "effect/Fiber"
import type * as Scheduler from "effect/Scheduler"
import { monotonicMillis } from "./time.ts"
import { callBack } from "./callBack.ts"
import { Heap, type Heaped } from "../data/heap.ts"
import { startTimerOf } from "./timer.ts"
import { type Place, WaitQueue } from "../data/waitQueue.ts"

// Milliseconds. An alarm that is so late says that the event loop stood still.
const stoodStill = 100

/** A time-out in a lane. */
export class Timeout implements Place<Timeout>, Heaped {
  before: Timeout | undefined
  after: Timeout | undefined
  spot = -1
  readonly due: number
  readonly turn: number
  private readonly onFire: () => void
  private readonly lane: TimerLane
  private state: "waiting" | "due" | "ended" = "waiting"

  constructor(lane: TimerLane, due: number, turn: number, onFire: () => void) {
    this.lane = lane
    this.due = due
    this.turn = turn
    this.onFire = onFire
  }

  isBefore(that: Timeout): boolean {
    return this.due < that.due || (this.due === that.due && this.turn < that.turn)
  }

  /** Ends the time-out. Does nothing if it has ended. */
  cancel(fiber: Fiber.Fiber<any, any>): void {
    const isWaiting = this.state === "waiting"
    this.state = "ended"
    if (isWaiting) this.lane.leave(this, fiber)
  }

  /** Marks the time-out as fired and outside of the lane. */
  come(): void {
    this.state = "due"
  }

  fire(): void {
    if (this.state !== "due") return
    this.state = "ended"
    callBack(this.onFire)
  }
}

class TimerLane {
  readonly clock: Clock.Clock
  readonly millis: number
  private readonly queue = new WaitQueue<Timeout>()
  // Time-outs that joined long after their time started, and are due before the last one in the queue.
  private belated: Heap<Timeout> | undefined
  private readonly emptied: (lane: TimerLane) => void
  private stopAlarm: (() => void) | undefined
  private alarmAt = 0
  private armedAt = 0
  private leaving = false
  /** Whether the alarm has rung late and waits for a turn of the event loop. */
  private isPutOff = false

  constructor(clock: Clock.Clock, millis: number, emptied: (lane: TimerLane) => void) {
    this.clock = clock
    this.millis = millis
    this.emptied = emptied
  }

  join(timeout: Timeout, scheduler: Scheduler.Scheduler): void {
    const last = this.queue.peekLast()
    if (last === undefined || !timeout.isBefore(last)) this.queue.push(timeout)
    else (this.belated ??= new Heap((a, b) => a.isBefore(b))).place(timeout)
    // An alarm that fires too early is set again when it fires.
    if (this.stopAlarm !== undefined && this.alarmAt <= timeout.due) return
    this.stopAlarm?.()
    this.stopAlarm = this.arm(scheduler)
  }

  leave(timeout: Timeout, fiber: Fiber.Fiber<any, any>): void {
    this.remove(timeout)
    if (!this.isEmpty || this.leaving) return
    // An unneeded alarm must not keep the process alive. It is kept for this turn of the event loop, because the next
    // call may need it again.
    this.leaving = true
    fiber.currentDispatcher.scheduleTask(() => {
      this.leaving = false
      if (this.isEmpty) this.close()
    }, 0)
  }

  private get isEmpty(): boolean {
    return this.queue.size === 0 && this.belated?.peek() === undefined
  }

  private peek(): Timeout | undefined {
    const queued = this.queue.peek()
    const belated = this.belated?.peek()
    return queued === undefined || belated?.isBefore(queued) ? belated : queued
  }

  private remove(timeout: Timeout): void {
    if (timeout.spot < 0) this.queue.remove(timeout)
    else this.belated!.remove(timeout)
  }

  private arm(scheduler: Scheduler.Scheduler): () => void {
    this.isPutOff = false
    this.alarmAt = this.peek()!.due
    this.armedAt = monotonicMillis(this.clock)
    const wait = this.alarmAt - this.armedAt
    // Rounded up, because a timer truncates to whole milliseconds and would fire too early.
    return startTimerOf(this.clock, scheduler, Math.max(0, Math.ceil(wait)), () => this.ring(scheduler))
  }

  // The lane is consistent before anything is notified: a callback may start and cancel time-outs in this lane.
  private ring(scheduler: Scheduler.Scheduler): void {
    const shown = monotonicMillis(this.clock)
    // If the clock stands still or has gone back, the end of its sleep alone says that the time is over.
    const now = shown > this.armedAt ? shown : Math.max(shown, this.alarmAt)
    // The event loop has timers before answers. Those that came while it stood still are read before their calls are told late.
    if (now - Math.max(this.alarmAt, this.armedAt) >= stoodStill && !this.isPutOff) {
      this.isPutOff = true
      this.stopAlarm = startTimerOf(this.clock, scheduler, 0, () => this.ring(scheduler))
      return
    }
    const due: Array<Timeout> = []
    for (let first = this.peek(); first !== undefined && first.due <= now; first = this.peek()) {
      this.remove(first)
      first.come()
      due.push(first)
    }
    this.stopAlarm = this.isEmpty ? undefined : this.arm(scheduler)
    if (this.stopAlarm === undefined) this.emptied(this)
    for (const timeout of due) timeout.fire()
  }

  private close(): void {
    if (this.stopAlarm === undefined) return
    this.stopAlarm()
    this.stopAlarm = undefined
    this.emptied(this)
  }
}

// By clock, because virtual and real time may run side by side.
const lanes = new WeakMap<Clock.Clock, Map<number, TimerLane>>()
let latest: TimerLane | undefined

/** Cloudflare Workers end a timer with the request that has set it: there each time-out has a timer of its own. */
const isShared = (globalThis as { readonly navigator?: { readonly userAgent?: string } }).navigator?.userAgent !==
  "Cloudflare-Workers"

const laneFor = (clock: Clock.Clock, millis: number): TimerLane => {
  if (!isShared) return new TimerLane(clock, millis, forget)
  if (latest !== undefined && latest.millis === millis && latest.clock === clock) return latest
  let ofClock = lanes.get(clock)
  if (ofClock === undefined) lanes.set(clock, ofClock = new Map())
  let lane = ofClock.get(millis)
  if (lane === undefined) ofClock.set(millis, lane = new TimerLane(clock, millis, forget))
  return latest = lane
}

const forget = (lane: TimerLane): void => {
  if (isShared) lanes.get(lane.clock)?.delete(lane.millis)
  if (latest === lane) latest = undefined
}

let turns = 0

/** The position among time-outs due at the same time, for a time-out that starts now. */
export const nextTurn = (): number => ++turns

/** Starts a time-out of `millis` milliseconds, which is due at `due` of the given clock. */
export const startTimeout = (
  fiber: Fiber.Fiber<any, any>,
  clock: Clock.Clock,
  millis: number,
  due: number,
  onFire: () => void,
  turn = nextTurn()
): Timeout => {
  const lane = laneFor(clock, millis)
  const timeout = new Timeout(lane, due, turn, onFire)
  lane.join(timeout, fiber.cache.scheduler)
  return timeout
}
