/** One call that asks a limiter: what it takes is its own from the synchronous step in which it is taken. */
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Deadline from "../Deadline.ts"
import { Admission, goOn, type Moment } from "../internal/guard.ts"
import { type Costs, grain, type Refusal, type Turn } from "../internal/limiterMachine.ts"
import { monotonicMillis } from "../internal/time.ts"
import { startTimerOf } from "../internal/timer.ts"
import type { Cost, Reservation } from "../RateLimit.ts"
import type { Limiter } from "./limiter.ts"

export abstract class Caller extends Admission implements Turn {
  before: Turn | undefined
  after: Turn | undefined
  // Only of a limiter that lets its callers wait: the others pay for none of it.
  declare at: number
  declare latest: number | undefined
  declare private fiber: Fiber.Fiber<any, any>
  readonly costs: Costs
  protected readonly limiter: Limiter
  private readonly clock: Clock.Clock
  private state: "new" | "waiting" | "granted" | "running" = "new"
  private takenAt = 0
  private next: Effect.Effect<any, any, any> | undefined
  private resume: ((next: Effect.Effect<any, any, any>) => void) | undefined

  constructor(limiter: Limiter, costs: Costs, clock: Clock.Clock) {
    super()
    this.limiter = limiter
    this.costs = costs
    this.clock = clock
  }

  /** What is run when the turn has come. */
  protected abstract work(fiber: Fiber.Fiber<any, any>): Effect.Effect<any, any, any>

  /** What is to be corrected when that has ended. */
  protected abstract correction(exit: Exit.Exit<any, any>): Costs | undefined

  now(): number {
    return monotonicMillis(this.clock)
  }

  enter(fiber: Fiber.Fiber<any, any>, moment?: Moment | undefined): Effect.Effect<any, any, any> {
    const { limiter } = this
    const now = moment === undefined ? this.now() : moment.now
    if (limiter.maxWait > 0) {
      const deadline = moment === undefined ? fiber.getRef(Deadline.CurrentDeadline) : moment.deadline
      const maxWait = now + limiter.maxWait
      // A turn at the very deadline is of no use: it has to come a grain of the clock before.
      this.latest = deadline === undefined ? maxWait : Math.min(maxWait, deadline.at - 2 * grain)
      this.fiber = fiber
    }
    const answer = limiter.machine.request(this, now)
    if (answer === "taken") {
      this.grant(now)
      this.state = "running"
      return this.work(fiber)
    }
    if (answer !== "queued") return limiter.reject(answer)
    // The turn can have come already, if the clock moved on in between.
    if (this.state === "new") this.state = "waiting"
    return Effect.callback((resume) => {
      if (this.next) resume(this.next)
      else this.resume = resume
    })
  }

  grant(now: number): void {
    this.state = "granted"
    this.takenAt = now
    this.limiter.admitted++
  }

  proceed(): void {
    if (this.state !== "granted") return
    this.state = "running"
    this.goOn(this.work(this.fiber))
  }

  refuse(refusal: Refusal): void {
    this.state = "new"
    this.goOn(this.limiter.reject(refusal))
  }

  leave(exit: Exit.Exit<any, any>): void {
    const { machine } = this.limiter
    switch (this.state) {
      case "new":
        return
      case "waiting":
        machine.leave(this, this.now())
        break
      case "granted":
        this.correct(this.costs.map((cost) => -cost))
        break
      case "running": {
        const correction = this.correction(exit)
        if (correction !== undefined) this.correct(correction)
      }
    }
    this.state = "new"
  }

  correct(differences: Costs): void {
    this.limiter.machine.correct(differences, this.takenAt, this.now())
  }

  alarm(ring: () => void): () => void {
    return startTimerOf(
      this.clock,
      this.fiber.cache.scheduler,
      Math.max(0, Math.ceil(this.at - this.now() - grain)),
      ring
    )
  }

  private goOn(next: Effect.Effect<any, any, any>): void {
    this.next = next
    this.resume?.(next)
  }
}

export class ProtectedCall extends Caller {
  private readonly self: Effect.Effect<any, any, any>
  private readonly settle: ((value: any) => Cost) | undefined

  constructor(
    limiter: Limiter,
    costs: Costs,
    clock: Clock.Clock,
    self: Effect.Effect<any, any, any>,
    settle: ((value: any) => Cost) | undefined
  ) {
    super(limiter, costs, clock)
    this.self = self
    this.settle = settle
  }

  protected work(fiber: Fiber.Fiber<any, any>): Effect.Effect<any, any, any> {
    return goOn(this, this.self, fiber)
  }

  protected correction(exit: Exit.Exit<any, any>): Costs | undefined {
    // A guard directly inside refused, or an interrupt came first: nothing was used.
    if (!this.begun) return this.costs.map((cost) => -cost)
    if (exit._tag === "Failure") return undefined
    if (this.settle === undefined) return undefined
    // What cannot be settled stays as it was estimated: the answer of the call is not lost for it.
    try {
      return this.limiter.differences(this.costs, this.settle(exit.value))
    } catch {
      return undefined
    }
  }
}

export class ReservingCall extends Caller {
  protected work(): Effect.Effect<Reservation> {
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
      refund: once(() => this.costs.map((cost) => -cost))
    })
  }

  protected correction(exit: Exit.Exit<any, any>): Costs | undefined {
    return exit._tag === "Success" ? undefined : this.costs.map((cost) => -cost)
  }
}
