/** A call that gets no hedge because too little is known: only its time is taken. */
import * as Context from "effect/Context"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import { Ending } from "../internal/runtime/ending.ts"
import { type Deadline, Expiry } from "../internal/runtime/expiry.ts"
import type { Admission, AnyEffect, AnyFiber } from "../internal/runtime/guard.ts"
import { inContext } from "../internal/runtime/inContext.ts"
import { monotonicMillis } from "../internal/runtime/time.ts"
import type { HedgeClass } from "./classes.ts"
import { type Answering, CurrentRun } from "./current.ts"
import { Link, type Runs } from "./link.ts"
import type { HedgeMachine } from "./machine.ts"
import { isTimeout } from "./timedOut.ts"

export class LoneCall extends Ending implements Answering, Runs {
  private readonly machine: HedgeMachine
  private readonly of: HedgeClass
  private readonly clock: Clock.Clock
  private readonly deadline: Deadline | undefined
  private readonly outerRun: Answering | undefined
  private begunAt: number | undefined
  private spokeAt: number | undefined

  constructor(machine: HedgeMachine, of: HedgeClass, fiber: AnyFiber, deadline: Deadline | undefined) {
    super()
    this.machine = machine
    this.of = of
    this.clock = fiber.getRef(Clock.Clock)
    this.deadline = deadline
    this.outerRun = fiber.getRef(CurrentRun)
  }

  /** The call, as what the fiber evaluates next. */
  around(effect: AnyEffect, fiber: AnyFiber, outer: Admission | undefined): AnyEffect {
    const link = new Link(this, effect, outer)
    this.enter(fiber)
    return inContext(
      Effect.withFiber((fiber) => link.acquire(fiber)),
      Context.add(fiber.context, CurrentRun, this)
    )
  }

  workBegins(link: Link): void {
    this.begunAt = link.begunAt = monotonicMillis(this.clock)
  }

  runsElsewhere(): boolean {
    return false
  }

  speaks(): boolean {
    if (this.machine.rules.on === "firstToken") this.spokeAt ??= monotonicMillis(this.clock)
    return this.outerRun?.speaks() !== false
  }

  onExit(exit: Exit.Exit<unknown, unknown>): undefined {
    if (this.begunAt === undefined) return
    const now = monotonicMillis(this.clock)
    const isLate = this.deadline instanceof Expiry && this.deadline.hasCome
    if (exit._tag === "Success") this.of.times.add((this.spokeAt ?? now) - this.begunAt)
    else if (isLate || isTimeout(exit)) this.of.times.add(now - this.begunAt)
  }
}
