/**
 * The slots of a service, its queue, and the work in progress. All of it changes in synchronous steps, at the times of
 * one clock, with one timer for the next end of work. No fiber works for it, so a call that is interrupted at any moment
 * leaves nothing behind.
 */
import * as Clock from "effect/Clock"
import type * as Fiber from "effect/Fiber"
import * as Scheduler from "effect/Scheduler"
import { WaitQueue } from "../../internal/data/waitQueue.ts"
import { monotonicMillis } from "../../internal/runtime/time.ts"
import { startTimerOf } from "../../internal/runtime/timer.ts"
import type { Limits } from "./capacity.ts"
import { resolution, SharedWork } from "./sharedWork.ts"
import { ServiceCall } from "./serviceCall.ts"

/** Limits that apply from a time on. */
export interface Change {
  readonly at: number
  readonly limits: Limits
}

export class SlotPool {
  inside = 0
  refused = 0
  ended = 0
  private readonly name: string
  private readonly onOtherClock: (fiber: Fiber.Fiber<any, any>) => void
  private limits: Limits
  private readonly work = new SharedWork<ServiceCall>(() => this.limits)
  private readonly queue = new WaitQueue<ServiceCall>()
  private changes: ReadonlyArray<Change> = []
  private admitting = false
  private clock: Clock.Clock | undefined
  private scheduler: Scheduler.Scheduler | undefined
  private timer: { readonly at: number; readonly since: number; readonly stop: () => void } | undefined

  /** `onOtherClock` is called before the first call, and before the first one under another clock. */
  constructor(name: string, limits: Limits, onOtherClock: (fiber: Fiber.Fiber<any, any>) => void = () => {}) {
    this.name = name
    this.onOtherClock = onOtherClock
    this.limits = limits
  }

  get waiting(): number {
    return this.queue.size
  }

  /** Whether the work of a call that begins now goes on without its caller. */
  goesOn(fiber: Fiber.Fiber<any, any>): boolean {
    this.look(fiber)
    return this.limits.goesOn
  }

  /** Gives a call a slot or a place in the queue; undefined if it is refused. */
  open(fiber: Fiber.Fiber<any, any>): ServiceCall | undefined {
    this.look(fiber)
    const { slots, waiting } = this.limits
    const isFree = this.inside < slots && this.queue.size === 0
    if (!isFree && this.queue.size >= waiting) {
      this.refused++
      return undefined
    }
    const call = new ServiceCall(this, fiber)
    if (isFree) this.enter(call)
    else {
      this.queue.push(call)
      this.arm()
    }
    return call
  }

  begin(call: ServiceCall, millis: number, onWorked: () => void): void {
    this.look()
    call.onWorked = onWorked
    this.work.add(call, millis)
    this.arm()
  }

  /** Stops the work in progress. */
  pause(call: ServiceCall): void {
    call.onWorked = undefined
    if (call.spot < 0) return
    this.look()
    this.work.remove(call)
    this.arm()
  }

  leave(call: ServiceCall): void {
    if (call.state === "left") return
    this.look()
    call.onTurn = call.onWorked = undefined
    this.work.remove(call)
    if (call.state === "waiting") this.queue.remove(call)
    else this.inside--
    call.state = "left"
    this.ended++
    this.admit()
    this.arm()
  }

  /** Applies other limits from now on, instead of all changes that were to come. */
  setLimits(limits: Limits): void {
    if (this.clock !== undefined) this.look()
    this.changes = []
    this.limits = limits
    if (this.clock === undefined) return
    this.admit()
    this.arm()
  }

  /** Applies other limits at each of these times, which are readings of the clock, ascending. */
  schedule(changes: ReadonlyArray<Change>): void {
    this.changes = changes
  }

  private enter(call: ServiceCall): void {
    this.inside++
    call.state = "inside"
  }

  private admit(): void {
    // A call that takes its turn may leave at once: the loop continues with the next, without recursion.
    if (this.admitting) return
    this.admitting = true
    while (this.queue.size > 0 && this.inside < this.limits.slots) {
      const call = this.queue.shift()!
      this.enter(call)
      call.onTurn?.()
      call.onTurn = undefined
    }
    this.admitting = false
  }

  /** Brings everything to the current time. */
  private look(fiber?: Fiber.Fiber<any, any>): void {
    if (fiber !== undefined) this.follow(fiber)
    const now = monotonicMillis(this.clock!)
    while (this.changes.length > 0 && this.changes[0]!.at <= now + resolution) {
      const { at, limits } = this.changes[0]!
      this.changes = this.changes.slice(1)
      this.work.advance(Math.min(at, now))
      this.limits = limits
      this.admit()
    }
    this.work.advance(now)
  }

  private follow(fiber: Fiber.Fiber<any, any>): void {
    const clock = fiber.getRef(Clock.Clock)
    this.scheduler = fiber.getRef(Scheduler.Scheduler)
    if (clock === this.clock) return
    if (this.inside > 0 || this.queue.size > 0) {
      throw new Error(
        `SimulatedService "${this.name}": a call came under another clock while calls of the first clock are there. ` +
          "Make a service for each run, inside of it."
      )
    }
    this.onOtherClock(fiber)
    this.clock = clock
  }

  /** Starts the timer for the next end of work or change of limits, unless there is one that fires no later. */
  private arm(): void {
    const isBusy = this.work.size > 0 || this.queue.size > 0
    const next = Math.min(this.work.nextEnd, isBusy ? this.changes[0]?.at ?? Infinity : Infinity)
    if (next === Infinity) return this.disarm()
    if (this.timer !== undefined && this.timer.at <= next) return
    this.disarm()
    const since = monotonicMillis(this.clock!)
    const stop = startTimerOf(this.clock!, this.scheduler!, roundUp(next - since), () => this.fire())
    this.timer = { at: next, since, stop }
  }

  private disarm(): void {
    this.timer?.stop()
    this.timer = undefined
  }

  private fire(): void {
    const since = this.timer!.since
    this.timer = undefined
    this.look()
    const ended: Array<ServiceCall> = []
    for (let call = this.work.takeEnded(); call !== undefined; call = this.work.takeEnded()) ended.push(call)
    // A clock far from its origin cannot tell times apart that are this close: without this, it would stand still.
    if (ended.length === 0 && this.work.size > 0 && monotonicMillis(this.clock!) <= since) {
      ended.push(this.work.takeNext()!)
    }
    this.arm()
    for (const call of ended) {
      // Unless the fiber of one before it has stopped it.
      const { onWorked } = call
      call.onWorked = undefined
      onWorked?.()
    }
  }
}

/** To whole nanoseconds, except for what is only a rounding error above them. */
const roundUp = (millis: number): number => Math.max(0, Math.ceil(millis * 1e6 - 1e-2) / 1e6)
