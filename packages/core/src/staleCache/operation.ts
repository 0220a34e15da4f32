/** One operation of a store, in a fiber of its own: whoever asked for it is told once, at the latest after the time-out. */
import * as Clock from "effect/Clock"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type * as Scheduler from "effect/Scheduler"
import { startTimerOf } from "../internal/runtime/timer.ts"
import { withoutBudgets } from "./ownBudgets.ts"

/** With whose services and by whose clock the store is asked. */
export interface Origin {
  readonly context: Context.Context<never>
  readonly clock: Clock.Clock
  readonly scheduler: Scheduler.Scheduler
}

export const originOf = (fiber: Fiber.Fiber<any, any>): Origin => ({
  context: withoutBudgets(fiber),
  clock: fiber.getRef(Clock.Clock),
  scheduler: fiber.cache.scheduler
})

/** What the operations of one store have in common. */
export interface Account {
  readonly timeout: number
  /** Operations that failed, died or took too long, since the beginning. */
  failures: number
  /** Operations that were given up and still run. */
  abandoned: number
}

export interface Listener<B> {
  /** With undefined when the time was over, or another operation has made this one needless. */
  readonly told: (value: B | undefined) => void
  /** It has really ended, which may be after it was told: this comes before it is told, if it has not been. */
  readonly ended?: ((exit: Exit.Exit<B, unknown>) => void) | undefined
  /** It has ended and been told: others may begin. */
  readonly passed?: (() => void) | undefined
  /** The time was over while it ran: it is interrupted, and may have its effect nevertheless. */
  readonly cutOff?: (() => void) | undefined
  /** It has been told that its time was over, before its turn came or while it ran. */
  readonly late?: ((hasBegun: boolean) => void) | undefined
}

export class Operation<B> {
  private readonly account: Account
  private readonly origin: Origin
  private readonly work: () => Effect.Effect<B, unknown>
  private readonly listener: Listener<B>
  private fiber: Fiber.Fiber<B, unknown> | undefined
  private stopTimer: (() => void) | undefined
  private isTold = false
  private isAbandoned = false

  constructor(account: Account, origin: Origin, work: () => Effect.Effect<B, unknown>, listener: Listener<B>) {
    this.account = account
    this.origin = origin
    this.work = work
    this.listener = listener
  }

  /** Begins, at once or when its turn has come. */
  start(): void {
    if (this.isTold) this.stop()
    const fiber = this.fiber = Effect.runForkWith(this.origin.context)(Effect.suspend(this.work))
    fiber.addObserver((exit) => {
      this.stop()
      if (this.isAbandoned) this.account.abandoned--
      this.listener.ended?.(exit)
      if (exit._tag === "Success") this.tell(exit.value)
      else this.fail()
      this.listener.passed?.()
    })
    if (fiber.pollUnsafe() === undefined) this.arm()
  }

  /** Its turn has not come yet, and its time begins. */
  arm(): void {
    this.stopTimer ??= startTimerOf(this.origin.clock, this.origin.scheduler, this.account.timeout, () => this.expire())
  }

  /** Tells that it will not be done, which is not a failure. */
  supersede(): void {
    this.stop()
    this.tell(undefined)
  }

  /** Tells that it is not done. */
  fail(): void {
    if (this.isTold) return
    this.account.failures++
    this.tell(undefined)
  }

  /** Whoever asked waits no more. An interrupt is no promise of an end, and nobody waits for that. */
  abandon(): void {
    this.stop()
    this.isTold = true
    if (this.fiber === undefined || this.isAbandoned || this.fiber.pollUnsafe() !== undefined) return
    this.isAbandoned = true
    this.account.abandoned++
    this.fiber.interruptUnsafe()
  }

  private expire(): void {
    this.stop()
    const hasBegun = this.fiber !== undefined
    if (hasBegun) {
      const wasTold = this.isTold
      this.listener.cutOff?.()
      this.abandon()
      this.isTold = wasTold
    }
    this.fail()
    this.listener.late?.(hasBegun)
  }

  private tell(value: B | undefined): void {
    if (this.isTold) return
    this.isTold = true
    this.listener.told(value)
  }

  private stop(): void {
    this.stopTimer?.()
    this.stopTimer = undefined
  }
}
