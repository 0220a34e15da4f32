/**
 * One call through a concurrency limit: a call through a bulkhead that is measured from the moment its work begins, and is
 * told by its work what only that sees.
 */
import type * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import { BulkheadCall } from "../bulkhead/call.ts"
import { deadlineOf } from "../deadline/current.ts"
import { asExceeded, cutOff } from "../deadline/cutOff.ts"
import { CurrentCall, type MeasuredCall } from "../internal/runtime/currentCall.ts"
import { type AnyEffect, clockOf, goOn, type TimeContext } from "../internal/runtime/guard.ts"
import { monotonicMillis } from "../internal/runtime/time.ts"
import type { LimitMachine, Measured } from "./machine.ts"

export class LimitCall extends BulkheadCall implements Measured, MeasuredCall {
  generation = -1
  outcome: "success" | "drop" = "success"
  class = 0
  duration = 0
  inFlight = 0
  hasSample = false
  tokens: number | undefined
  context: Context.Context<never> | undefined
  clock!: Clock.Clock
  start = 0
  private readonly machine: LimitMachine
  private fiber!: Fiber.Fiber<any, any>
  private given: TimeContext | undefined
  /** Whether `start` is the time of this step. */
  private isNow = false

  constructor(machine: LimitMachine, self: AnyEffect, maxWait: number) {
    super(machine.pool, self, maxWait)
    this.machine = machine
  }

  protected override goesOn(fiber: Fiber.Fiber<any, any>, given: TimeContext | undefined): AnyEffect {
    const { machine } = this
    this.fiber = fiber
    this.context = fiber.context
    this.given = given
    this.clock = clockOf(fiber, given)
    this.start = given === undefined ? monotonicMillis(this.clock) : given.now
    this.isNow = !this.leads
    machine.begun()
    if (machine.isTold) fiber.setContext(Context.add(fiber.context, CurrentCall, this))
    return goOn(this, this.self, fiber)
  }

  override begin(): void {
    super.begin()
    this.generation = this.machine.generation
    // What an attempt has told that a retry inside repeats is not told of this one.
    this.tokens = undefined
    if (!this.isNow) this.start = monotonicMillis(this.clock)
    this.isNow = false
  }

  sawFirstToken(): void {
    const { context } = this
    if (context === undefined) return
    if (this.begun) this.machine.firstToken(this)
    Context.get(context, CurrentCall)?.sawFirstToken()
  }

  sawOutputTokens(count: number): void {
    const { context } = this
    if (context === undefined) return
    if (count >= 0 && count < Infinity) this.tokens = count
    Context.get(context, CurrentCall)?.sawOutputTokens(count)
  }

  /** Alone, this call is the frame that its work runs in. */
  override onExit(exit: Exit.Exit<any, any>): Effect.Effect<void> | undefined {
    if (this.machine.isTold && this.context !== undefined) this.fiber.setContext(this.context)
    return super.onExit(exit)
  }

  protected override ended(exit: Exit.Exit<any, any>): void {
    // A call that was interrupted between its grant and its work, or refused further in, says nothing.
    if (this.begun) this.machine.ended(this, this.ending(exit))
    // Work that it has begun may outlive it, and must not hold it, nor those around it, by its context.
    this.context = undefined
    super.ended(exit)
  }

  /** A call that its caller's deadline has interrupted has not been answered in time. */
  private ending(exit: Exit.Exit<any, any>): Exit.Exit<unknown, unknown> {
    if (exit._tag === "Success") return exit
    const { clock, fiber, start } = this
    // The context that the work was in, but for what this call has added to it.
    const deadline = this.given === undefined ? deadlineOf(fiber, clock, monotonicMillis(clock)) : this.given.deadline
    const given = cutOff(exit, { clock, now: start, deadline })
    return given === undefined || given <= 0 ? exit : asExceeded(exit, given)
  }
}
