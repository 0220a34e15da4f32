/**
 * One call through a concurrency limit: a call through a bulkhead that is measured from the moment its work begins, and is
 * told by its work what only that sees.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import { BulkheadCall } from "../bulkhead/call.ts"
import { timeContextOf } from "../deadline/current.ts"
import { asExceeded, cutOff } from "../deadline/cutOff.ts"
import { CurrentCall, type MeasuredCall } from "../internal/runtime/currentCall.ts"
import { type AnyEffect, goOn, type TimeContext } from "../internal/runtime/guard.ts"
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
  context!: Context.Context<never>
  private readonly machine: LimitMachine
  private fiber!: Fiber.Fiber<any, any>
  private time!: TimeContext
  private start = 0
  /** Whether `start` is the time of this step. */
  private isNow = false
  private isOver = false
  /** The measured call around this one. */
  private around: MeasuredCall | undefined

  constructor(machine: LimitMachine, self: AnyEffect, maxWait: number) {
    super(machine.pool, self, maxWait)
    this.machine = machine
  }

  protected override goesOn(fiber: Fiber.Fiber<any, any>, given: TimeContext | undefined): AnyEffect {
    const { machine } = this
    this.fiber = fiber
    this.context = fiber.context
    this.time = given ?? timeContextOf(fiber)
    this.start = this.time.now
    this.isNow = !this.leads
    machine.begun()
    if (machine.isTold) {
      this.around = running(fiber.getRef(CurrentCall))
      fiber.setContext(Context.add(fiber.context, CurrentCall, this))
    }
    return goOn(this, this.self, fiber)
  }

  override begin(): void {
    super.begin()
    this.generation = this.machine.generation
    if (!this.isNow) this.start = monotonicMillis(this.time.clock)
    this.isNow = false
  }

  sawFirstToken(): void {
    if (this.begun && !this.isOver && !this.hasSample) this.machine.firstToken(this)
    this.around?.sawFirstToken()
  }

  sawOutputTokens(count: number): void {
    if (!this.isOver && count >= 0 && count < Infinity) this.tokens = count
    this.around?.sawOutputTokens(count)
  }

  /** Alone, this call is the frame that its work runs in. */
  override onExit(exit: Exit.Exit<any, any>): Effect.Effect<void> | undefined {
    if (this.machine.isTold && this.context !== undefined) this.fiber.setContext(this.context)
    return super.onExit(exit)
  }

  protected override ended(exit: Exit.Exit<any, any>): void {
    const { machine } = this
    this.isOver = true
    machine.ended(this, this.begun, this.ending(exit))
    super.ended(exit)
  }

  static isOver(call: MeasuredCall): call is LimitCall {
    return call instanceof LimitCall && call.isOver
  }

  static aroundOf(call: LimitCall): MeasuredCall | undefined {
    return call.around
  }

  took(): number {
    return Math.max(0, monotonicMillis(this.time.clock) - this.start)
  }

  /** A call that its caller's deadline has interrupted has not been answered in time. */
  private ending(exit: Exit.Exit<any, any>): Exit.Exit<unknown, unknown> {
    if (exit._tag === "Success") return exit
    const given = cutOff(exit, this.time)
    return given === undefined || given <= 0 ? exit : asExceeded(exit, given)
  }
}

// Detached work that calls again must not make the chain longer with every call that has ended.
const running = (call: MeasuredCall | undefined): MeasuredCall | undefined => {
  while (call !== undefined && LimitCall.isOver(call)) call = LimitCall.aroundOf(call)
  return call
}
