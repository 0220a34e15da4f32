/** One hedge in a race: when the next target is asked because the newest takes longer than it usually does. */
import * as Clock from "effect/Clock"
import type * as Fiber from "effect/Fiber"
import { CurrentAttempts } from "../attempts/budget.ts"
import { timeContextOf } from "../deadline/current.ts"
import { classOf } from "../hedge/classOf.ts"
import { CurrentRepetition } from "../hedge/current.ts"
import type { HedgeMachine } from "../hedge/machine.ts"
import { machines } from "../hedge/machines.ts"
import { takeRetry } from "../hedge/retries.ts"
import { isBusy, isNotClosed } from "../hedge/target.ts"
import { isTimeout } from "../hedge/timedOut.ts"
import type * as Exit from "effect/Exit"
import { monotonicMillis } from "../internal/runtime/time.ts"
import { startTimeout, type Timeout } from "../internal/runtime/timerLane.ts"
import type { AnyCall } from "./model.ts"

type AnyFiber = Fiber.Fiber<any, any>

/** A target that runs, or has. */
export interface Timed {
  readonly step: AnyCall
  /** Monotonic milliseconds. */
  readonly begunAt: number
  /** By which it was asked; undefined for one that was asked in its turn. */
  readonly hedgedBy: Beside | undefined
}

export class Beside {
  private readonly fiber: AnyFiber
  private readonly clock: Clock.Clock
  private readonly machine: HedgeMachine
  private timeout: Timeout | undefined
  private started = 0

  /** That of the step, of those of a race, to which one is added that is new; undefined where the step has no hedge that was made here. */
  static of({ hedge }: AnyCall, besides: Array<Beside>, fiber: AnyFiber): Beside | undefined {
    const machine = hedge && machines.get(hedge.protectWith)
    if (machine === undefined) return undefined
    const known = besides.find((beside) => beside.machine === machine)
    if (known !== undefined) return known
    const made = new Beside(machine, fiber)
    besides.push(made)
    return made
  }

  private constructor(machine: HedgeMachine, fiber: AnyFiber) {
    this.machine = machine
    this.fiber = fiber
    this.clock = fiber.getRef(Clock.Clock)
    machine.called()
  }

  /** Keeps the time of the newest target; `ask` asks the next one. */
  keepTime({ name }: AnyCall, next: AnyCall | undefined, ask: () => void): void {
    this.stop()
    const { clock, fiber, machine } = this
    if (next === undefined || this.started >= machine.rules.maxHedges) return
    if (fiber.getRef(CurrentRepetition) === "unsafe") return machine.refuse("unsafe")
    const delay = machine.delayOf(classOf(machine, fiber, name))
    if (delay === undefined) return machine.refuse("samples")
    if (delay === Infinity) return
    this.timeout = startTimeout(fiber, clock, delay, monotonicMillis(clock) + delay, () => {
      this.timeout = undefined
      if (this.mayAsk(next)) ask()
    })
  }

  stop(): void {
    this.timeout?.cancel(this.fiber)
    this.timeout = undefined
  }

  private mayAsk({ name, target }: AnyCall): boolean {
    const { fiber, machine } = this
    const { deadline, now } = timeContextOf(fiber)
    const reason = machine.take({
      usual: classOf(machine, fiber, name).median ?? 0,
      left: deadline === undefined ? Infinity : deadline.at - now,
      circuit: () => isNotClosed(target, fiber),
      busy: () => isBusy(target, true, fiber),
      attemptsLeft: () => fiber.getRef(CurrentAttempts)?.left ?? Infinity,
      takeRetry: () => takeRetry(fiber, now)
    })
    if (reason !== undefined) return false
    this.started++
    machine.hedges++
    return true
  }

  /** A target has ended. */
  ended(timed: Timed, exit: Exit.Exit<unknown, unknown>): void {
    if (exit._tag === "Success" || isTimeout(exit)) this.time(timed)
  }

  /** The race is over. `answered` is the target that has answered; undefined where none has, or nobody waits any more. */
  over(answered: Timed | undefined, running: Iterable<Timed>): void {
    this.stop()
    // Those that are left take at least as long.
    if (answered !== undefined) { for (const timed of running) if (timed.hedgedBy === undefined) this.time(timed) }
    if (answered !== undefined && this.started > 0) this.machine.ended(answered.hedgedBy === this)
  }

  /** All targets have failed. */
  lost(): void {
    if (this.started > 0) this.machine.ended(false)
  }

  /** A guard of the target has refused a hedge: it has not begun. */
  refused(): void {
    const { machine } = this
    this.started--
    machine.hedges--
    machine.giveBack()
    machine.refuse("refused")
  }

  private time({ begunAt, step }: Timed): void {
    classOf(this.machine, this.fiber, step.name).times.add(monotonicMillis(this.clock) - begunAt)
  }
}
