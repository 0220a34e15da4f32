/** One call through a limiter. It owns the costs from the synchronous step in which they are taken. */
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import { CurrentDeadline, deadlineOf } from "../deadline/current.ts"
import { atOnce } from "../internal/data/atOnce.ts"
import { Admission, clockOf, goOn, type TimeContext } from "../internal/runtime/guard.ts"
import { mayWait } from "../internal/runtime/mayWait.ts"
import { monotonicMillis } from "../internal/runtime/time.ts"
import { type Costs, grain, type Refusal, type Turn } from "./turn.ts"
import { later, resumeWith } from "../internal/runtime/wake.ts"
import type { Cost, Reservation } from "./model.ts"
import type { Limiter } from "./limiter.ts"

/** Tells what a call has taken, by its value. */
export interface Settling {
  readonly settle: (value: any) => Cost
  /** What a call has taken that began and failed, or was interrupted. @default what it has taken so far */
  readonly settleFailed?: (() => Cost) | undefined
}

export abstract class Caller extends Admission implements Turn {
  before: Turn | undefined
  after: Turn | undefined
  // Set only on calls that wait, so that the others do not pay for them.
  declare waiting: boolean
  declare spot: number
  declare isLeftOut: boolean
  declare at: number
  declare slot: number
  declare latest: number | undefined
  declare private fiber: Fiber.Fiber<any, any>
  declare private refused: Exit.Exit<never, any> | undefined
  declare private told: boolean
  readonly costs: Costs
  maxWait: number
  protected readonly limiter: Limiter
  private state: "new" | "granted" | "running" = "new"
  private takenAt = 0
  private resume: ((next: Effect.Effect<any, any, any>) => void) | undefined

  constructor(limiter: Limiter, costs: Costs, maxWait: number) {
    super()
    this.limiter = limiter
    this.costs = costs
    this.maxWait = maxWait
  }

  /** What runs when the call is admitted. */
  protected abstract work(fiber: Fiber.Fiber<any, any>): Effect.Effect<any, any, any>

  /** The correction of the costs when the work has ended. */
  protected abstract correction(exit: Exit.Exit<any, any>): Costs | undefined

  acquire(fiber: Fiber.Fiber<any, any>, time?: TimeContext | undefined): Effect.Effect<any, any, any> {
    const { limiter } = this
    const now = time !== undefined && time.clock === limiter.clock ? time.now : limiter.now()
    const { link } = limiter
    const waitsForNothing = (this.maxWait > 0 || link !== undefined) && !mayWait(fiber)
    if (waitsForNothing) this.maxWait = 0
    const maxWait = link === undefined || waitsForNothing
      ? this.maxWait
      : Math.max(this.maxWait, link.coldWait(this.costs, now))
    if (maxWait > 0) {
      this.fiber = fiber
      this.latest = this.lastUse(fiber, maxWait, now, time)
    }
    const answer = limiter.machine.request(this, now)
    if (answer === "taken") {
      this.grant(now)
      return this.run(fiber)
    }
    if (answer !== "queued") return limiter.reject(answer)
    return Effect.callback((resume) => {
      this.resume = resume
      // The call may have been admitted already, if the fiber yielded in between.
      if (this.told) this.proceed()
    })
  }

  override sendAway(rejection: () => Exit.Exit<never, any> | undefined): boolean {
    const exit = this.waiting ? rejection() : undefined
    if (exit === undefined) return false
    this.refused = exit
    this.limiter.machine.leave(this, this.limiter.now())
    this.tell()
    return true
  }

  grant(now: number): void {
    this.state = "granted"
    this.takenAt = now
    this.limiter.admit()
  }

  refuse(refusal: Refusal): void {
    this.refused = this.limiter.reject(refusal)
  }

  tell(): void {
    later(this.fiber, () => this.proceed())
  }

  release(exit: Exit.Exit<any, any>): void {
    const { state } = this
    this.state = "new"
    if (state === "running") {
      const correction = this.correction(exit)
      if (correction !== undefined) this.correct(correction)
    } else if (state === "granted") {
      this.correct(this.nothing)
    } else if (this.waiting) {
      this.limiter.machine.leave(this, this.limiter.now())
    }
  }

  protected correct(differences: Costs): void {
    const { machine } = this.limiter
    // Where nothing is to be corrected and nobody waits, the clock need not be read.
    if (machine.queue.size > 0 || !differences.every(isNone)) {
      machine.correct(differences, this.takenAt, this.limiter.now())
    }
  }

  /** The correction that refunds all costs. */
  protected get nothing(): Costs {
    return this.costs.map((cost) => -cost)
  }

  private proceed(): void {
    if (this.resume === undefined) {
      this.told = true
    } else if (this.state === "granted") {
      resumeWith(this.resume, Effect.withFiber((fiber) => this.run(fiber)))
    } else if (this.refused !== undefined) {
      resumeWith(this.resume, this.refused)
    }
    // A call that left between its grant and this step has refunded its costs; no fiber continues.
  }

  // Enters frames: only the fiber itself may take this step, because an interrupt may be unwinding its stack.
  private run(fiber: Fiber.Fiber<any, any>): Effect.Effect<any, any, any> {
    this.state = "running"
    return this.work(fiber)
  }

  private lastUse(
    fiber: Fiber.Fiber<any, any>,
    maxWait: number,
    now: number,
    time: TimeContext | undefined
  ): number {
    const longest = now + maxWait
    if (time === undefined ? fiber.getRef(CurrentDeadline) === undefined : time.deadline === undefined)
      return longest
    const clock = clockOf(fiber, time)
    const shown = clock === this.limiter.clock ? now : monotonicMillis(clock)
    const deadline = time === undefined ? deadlineOf(fiber, clock, shown) : time.deadline
    if (deadline === undefined) return longest
    const at = clock === this.limiter.clock ? deadline.at : deadline.at - shown + now
    // A turn at the deadline itself is too late: it must come at least `2 * grain` before.
    return Math.min(longest, at - 2 * grain)
  }
}

export class ProtectedCall extends Caller {
  private readonly self: Effect.Effect<any, any, any>
  private readonly settling: Settling | undefined

  constructor(
    limiter: Limiter,
    costs: Costs,
    maxWait: number,
    self: Effect.Effect<any, any, any>,
    settling: Settling | undefined
  ) {
    super(limiter, costs, maxWait)
    this.self = self
    this.settling = settling
  }

  protected work(fiber: Fiber.Fiber<any, any>): Effect.Effect<any, any, any> {
    return goOn(this, this.self, fiber)
  }

  protected correction(exit: Exit.Exit<any, any>): Costs | undefined {
    // A guard directly inside rejected the call, or an interrupt came first: nothing was used.
    if (!this.begun && !this.hasFailed) return this.nothing
    // When `settle` throws, the estimate stands; the result of the call is not lost.
    try {
      const actual = exit._tag === "Success" ? this.settling?.settle(exit.value) : this.settling?.settleFailed?.()
      return actual === undefined ? undefined : this.limiter.differences(this.costs, atOnce(actual) as Cost)
    } catch {
      return undefined
    }
  }
}

export class ReservingCall extends Caller {
  protected work(): Effect.Effect<Reservation> {
    this.begin()
    let ended = false
    const once = (differences: () => Costs) =>
      Effect.sync(() => {
        if (ended) return
        const corrections = differences()
        ended = true
        this.correct(corrections)
      })
    return Effect.succeed<Reservation>({
      settle: (actual) => once(() => this.limiter.differences(this.costs, actual)),
      refund: once(() => this.nothing)
    })
  }

  protected correction(exit: Exit.Exit<any, any>): Costs | undefined {
    return exit._tag === "Success" ? undefined : this.nothing
  }
}

const isNone = (difference: number): boolean => difference === 0
