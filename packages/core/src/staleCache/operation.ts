/** One operation of a store, in a fiber of its own. Its caller is notified once, at the latest after the time-out. */
import * as Clock from "effect/Clock"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type * as Scheduler from "effect/Scheduler"
import { startTimerOf } from "../internal/runtime/timer.ts"
import { withoutBudgets } from "./ownBudgets.ts"

/** The services and the clock of the fiber that asked. */
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

/** What the operations of one store share. */
export interface Account {
  readonly timeout: number
  /** Operations that failed, died or took too long. */
  failures: number
  /** Operations that were given up and still run. */
  abandoned: number
}

export interface Listener<B> {
  /** Called with undefined when the time is over, or when another operation has replaced this one. */
  readonly told: (value: B | undefined) => void
  /** The operation has ended, possibly after `told`; otherwise called before `told`. */
  readonly ended?: ((exit: Exit.Exit<B, unknown>) => void) | undefined
  /** The operation has ended, and `told` was called: other operations may start. */
  readonly passed?: (() => void) | undefined
  /** The time was over while the operation ran: it is interrupted, and may have its effect nevertheless. */
  readonly cutOff?: (() => void) | undefined
  /** `told` was called because the time was over, before the operation started or while it ran. */
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

  /** Starts the operation, at once or when its turn has come. */
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

  /** Starts the time-out of an operation that waits for its turn. */
  arm(): void {
    this.stopTimer ??= startTimerOf(this.origin.clock, this.origin.scheduler, this.account.timeout, () => this.expire())
  }

  /** Notifies that the operation is not needed, which is not a failure. */
  supersede(): void {
    this.stop()
    this.tell(undefined)
  }

  /** Notifies that the operation is not done. */
  fail(): void {
    if (this.isTold) return
    this.account.failures++
    this.tell(undefined)
  }

  /** The caller has left. The fiber is interrupted without waiting for its end. */
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
