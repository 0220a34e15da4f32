/**
 * One call of which further runs are started. The first run that succeeds gives the result, or the first that has its first
 * token; see `internal/runtime/sideBySide.ts` for how the others end.
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { outlivedBy } from "../deadline/leftBehind.ts"
import { CurrentAttempts, takeAttempt } from "../attempts/budget.ts"
import { type Deadline, Expiry } from "../internal/runtime/expiry.ts"
import type { Admission, AnyEffect, AnyFiber } from "../internal/runtime/guard.ts"
import { CurrentFurtherRun, type FurtherRun } from "../internal/runtime/mayWait.ts"
import { onlyFailure } from "../internal/runtime/onlyFailure.ts"
import { RunBeside, SideBySide } from "../internal/runtime/sideBySide.ts"
import { monotonicMillis } from "../internal/runtime/time.ts"
import { startTimeout, type Timeout } from "../internal/runtime/timerLane.ts"
import type { HedgeClass } from "./classes.ts"
import { type Answering, CurrentRun } from "./current.ts"
import type { Hedging } from "./hedging.ts"
import { Link, type Runs } from "./link.ts"
import { takeRetry } from "./retries.ts"
import { isBusy, isNotClosed } from "./target.ts"
import { isTimeout } from "./timedOut.ts"

class HedgeRun extends RunBeside implements Answering, FurtherRun {
  readonly link: Link
  readonly isHedge: boolean
  private readonly call: HedgedCall

  constructor(call: HedgedCall, effect: AnyEffect, isHedge: boolean, outer: Admission | undefined) {
    super()
    this.call = call
    this.isHedge = isHedge
    this.link = new Link(call, effect, outer)
  }

  evaluate(fiber: AnyFiber): AnyEffect {
    return this.link.acquire(fiber)
  }

  speaks(): boolean {
    return this.call.speaks(this)
  }

  /** Whether another run may still answer. */
  get isEarly(): boolean {
    return this.isHedge && this.call.isUndecided
  }
}

export class HedgedCall extends SideBySide<HedgeRun> implements Runs {
  private readonly hedging: Hedging
  private readonly of: HedgeClass
  private readonly delay: number
  private readonly outer: Admission | undefined
  private readonly deadline: Deadline | undefined
  private readonly outerRun: Answering | undefined
  private readonly first: HedgeRun
  private timeout: Timeout | undefined
  private isStarting = false
  /** Hedges that were started. */
  private started = 0
  /** Hedges whose work has begun. */
  private begun = 0
  private winner: HedgeRun | undefined
  /** How the first run has failed. */
  private failed: Exit.Failure<unknown, unknown> | undefined
  private defects: ReadonlyArray<Cause.Reason<never>> = []
  /** When the winner had its first token, or its result. */
  private wonAt = 0
  private isTimed = false
  private isJudged = false

  constructor(
    hedging: Hedging,
    of: HedgeClass,
    delay: number,
    fiber: AnyFiber,
    outer: Admission | undefined,
    deadline: Deadline | undefined
  ) {
    super(fiber)
    this.hedging = hedging
    this.of = of
    this.delay = delay
    this.outer = outer
    this.deadline = deadline
    this.outerRun = fiber.getRef(CurrentRun)
    this.first = new HedgeRun(this, hedging.primary, false, outer)
  }

  protected begin(): void {
    this.isStarting = true
    const goesOn = this.ask(this.first)
    this.isStarting = false
    // Time in the queue of a target is no sign that it is slow. Another target may answer meanwhile.
    if (goesOn && (this.first.link.begunAt !== undefined || this.hedging.isElsewhere)) this.keepTime()
  }

  private ask(run: HedgeRun): boolean {
    const context = Context.add(this.fiber.context, CurrentRun, run)
    return this.start(run, run.isHedge ? Context.add(context, CurrentFurtherRun, run) : context)
  }

  /** Whether the first run still has its time. */
  get isUndecided(): boolean {
    return this.winner === undefined && this.failed === undefined
  }

  workBegins(link: Link): void {
    link.begunAt = this.now
    if (link !== this.first.link) {
      this.begun++
      this.hedging.machine.hedges++
    } else if (!this.isStarting) this.keepTime()
  }

  runsElsewhere(link: Link): boolean {
    for (const run of this.running) if (run.link !== link && run.link.begun) return true
    return false
  }

  private keepTime(): void {
    if (this.isOver || this.timeout !== undefined || !this.isUndecided) return
    // The work of the first run may begin when hedges have been started: it has waited in a queue.
    if (this.started >= this.hedging.machine.rules.maxHedges) return
    this.timeout = startTimeout(this.fiber, this.clock, this.delay, this.now + this.delay, () => {
      this.timeout = undefined
      this.hedge()
    })
  }

  private hedge(): void {
    const { deadline, fiber, hedging: { hedge, isElsewhere, machine, target }, of } = this
    const reason = machine.take({
      usual: of.medianOf(isElsewhere),
      left: deadline === undefined ? Infinity : deadline.at - this.now,
      circuit: () => isNotClosed(target, fiber),
      busy: () => isBusy(target, isElsewhere, fiber),
      attemptsLeft: () => fiber.getRef(CurrentAttempts)?.left ?? Infinity,
      takeRetry: () => takeRetry(fiber, this.now)
    })
    if (reason !== undefined) return
    takeAttempt(fiber)
    this.started++
    if (this.ask(new HedgeRun(this, hedge, true, this.outer))) this.keepTime()
  }

  /** Whether the call goes on with this run, which has its first token. */
  speaks(run: HedgeRun): boolean {
    const isOurs = this.hedging.machine.rules.on === "result" || this.wins(run)
    // A run that has lost here does not speak for this call to the hedge around it.
    return isOurs && this.outerRun?.speaks() !== false
  }

  private wins(run: HedgeRun): boolean {
    if (this.winner !== undefined || this.isOver || run.isDropped) return this.winner === run
    this.won(run)
    for (const other of this.running) if (other !== run) this.leaveOut(other)
    return true
  }

  private won(run: HedgeRun): void {
    this.winner = run
    this.wonAt = this.now
    this.stopTimer()
    if (run.isHedge && this.hedging.isElsewhere) this.of.backups.add(this.wonAt - run.link.begunAt!)
    this.judge(run.isHedge)
  }

  protected ended(run: HedgeRun, exit: Exit.Exit<unknown, unknown>): void {
    if (exit._tag === "Success") {
      if (this.winner === undefined) this.won(run)
      this.time(this.wonAt)
      return this.answer(exit)
    }
    if (run === this.winner) return this.failedWith(exit)
    if (run.isHedge) this.hedgeFailed(run, exit)
    else if (this.firstFailed(exit)) return
    if (this.failed === undefined || this.running.size > 0) return
    this.judge(false)
    const { cause } = this.failed
    this.failedWith(
      this.defects.length === 0 ? this.failed : Exit.failCause(Cause.fromReasons([...cause.reasons, ...this.defects]))
    )
  }

  private failedWith(exit: Exit.Exit<unknown, unknown>): void {
    if (isTimeout(exit)) this.time(this.now)
    this.answer(exit)
  }

  /** Returns whether that is the end of the call. */
  private firstFailed(exit: Exit.Failure<unknown, unknown>): boolean {
    this.failed = exit
    this.stopTimer()
    if (onlyFailure(exit.cause) !== undefined) return false
    // A defect is told at once, whatever else runs.
    this.judge(false)
    this.answer(exit)
    return true
  }

  private hedgeFailed(run: HedgeRun, exit: Exit.Failure<unknown, unknown>): void {
    if (run.link.begunAt === undefined) {
      this.hedging.machine.giveBack()
      this.hedging.machine.refuse("refused")
    }
    this.defects = [...this.defects, ...exit.cause.reasons.filter(Cause.isDieReason)]
  }

  protected over(): void {
    this.stopTimer()
    // A caller whose time is over has waited for that long.
    if (this.deadline instanceof Expiry && this.deadline.hasCome) this.time(this.now)
    for (const { isHedge, link } of this.running) {
      if (isHedge && link.begunAt === undefined) this.hedging.machine.giveBack()
    }
  }

  private leaveOut(run: HedgeRun): void {
    if (run.isHedge && run.link.begunAt === undefined) this.hedging.machine.giveBack()
    this.drop(run)
  }

  /** Takes the time of the call, once, when it has ended: that of an answer is over earlier. */
  private time(at: number): void {
    const { begunAt } = this.first.link
    if (this.isTimed || begunAt === undefined) return
    this.isTimed = true
    this.of.times.add(at - begunAt)
  }

  /** Counts whether a hedge has won, once, if there was one. */
  private judge(hasWon: boolean): void {
    if (this.isJudged || this.begun === 0) return
    this.isJudged = true
    this.hedging.machine.ended(hasWon)
  }

  protected outlivedBy(fibers: ReadonlyArray<AnyFiber>): Effect.Effect<void> {
    return outlivedBy(this.fiber, fibers)
  }

  private stopTimer(): void {
    this.timeout?.cancel(this.fiber)
    this.timeout = undefined
  }

  private get now(): number {
    return monotonicMillis(this.clock)
  }
}
