/**
 * Targets that run at the same time: when the newest has had its time, the next one is asked while those before it run on.
 * The first that answers wins. See `internal/runtime/sideBySide.ts` for how they end.
 */
import type * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Context from "effect/Context"
import { outlivedBy } from "../deadline/leftBehind.ts"
import { takeAttempt } from "../attempts/budget.ts"
import { CurrentDeadline } from "../deadline/current.ts"
import { onlyFailure } from "../internal/runtime/onlyFailure.ts"
import { CurrentFurtherRun } from "../internal/runtime/mayWait.ts"
import { RunBeside, SideBySide } from "../internal/runtime/sideBySide.ts"
import { monotonicMillis } from "../internal/runtime/time.ts"
import { startTimeout, type Timeout } from "../internal/runtime/timerLane.ts"
import { Link } from "../hedge/link.ts"
import { isInside } from "../internal/runtime/guard.ts"
import * as Outcome from "../Outcome.ts"
import { Beside } from "./beside.ts"
import type { AnyCall, Served } from "./model.ts"
import { movesOn, type Progress } from "./progress.ts"
import { CurrentTurn, type Turn } from "./turn.ts"
import { CurrentReconsidering } from "../internal/runtime/reconsidering.ts"

type Answer = Effect.Effect<Served<any>, unknown, any>
type AnyFiber = Fiber.Fiber<any, any>

/** Goes on with the steps from this one, in the fiber of the cascade, when no target runs any more. */
type GoOn = (progress: Progress, from: number) => Answer

/** Asks the target, and those after it that it leaves time for. */
export const raceFrom = (progress: Progress, first: number, overtakeAfter: number, goOn: GoOn): Answer =>
  Effect.withFiber((fiber) =>
    new Race(progress, fiber, goOn, first, overtakeAfter).run(fiber.getRef(CurrentDeadline)) as Answer
  )

/** A duration in milliseconds; infinity for one that is none. */
export const millisOf = (after: Duration.Input | undefined): number => {
  const duration = after === undefined ? undefined : Duration.fromInput(after)
  return duration?._tag === "Some" ? Math.max(0, Duration.toMillis(duration.value)) : Infinity
}

/** A target that has been asked. */
class Asked extends RunBeside implements Turn {
  readonly index: number
  readonly step: AnyCall
  readonly begunAt: number
  private readonly effect: Answer
  readonly hedgedBy: Beside | undefined
  /** Whether its turn has not come yet: those before it still have time. */
  isEarly: boolean
  private hasBegun = false

  constructor(
    index: number,
    step: AnyCall,
    begunAt: number,
    hedgedBy: Beside | undefined,
    effect: Answer = step.effect
  ) {
    super()
    this.effect = effect
    this.index = index
    this.step = step
    this.begunAt = begunAt
    this.hedgedBy = hedgedBy
    this.isEarly = hedgedBy !== undefined
  }

  evaluate(fiber: AnyFiber): Answer {
    // Only a hedge is asked later whether it had begun.
    return this.isEarly && isInside(this.effect)
      ? new Link({ workBegins: () => this.begins(), runsElsewhere: () => true }, this.effect, undefined).acquire(fiber)
      : this.effect
  }

  begins(): void {
    this.hasBegun = true
  }

  /** Whether it is a hedge that a guard of the target has refused before its work began. */
  isRefused(exit: Exit.Exit<unknown, unknown>): boolean {
    return this.isEarly && !this.hasBegun && Outcome.isRejected(exit)
  }
}

class Race extends SideBySide<Asked> {
  private readonly progress: Progress
  private readonly goOn: GoOn
  private readonly first: number
  private readonly firstOvertakenAfter: number
  private timeout: Timeout | undefined
  /** When the time of the newest target is over, in monotonic milliseconds. */
  private due = Infinity
  private leaveReconsidering: (() => void) | undefined
  /** The target that was asked last, whose time is being kept. */
  private newest = -1
  private next = 0
  /** Of the hedges of the steps that were asked: most often one. */
  private readonly besides: Array<Beside> = []
  /** The target that was asked as a hedge, before its turn. */
  private early: Asked | undefined
  /** The target for which an attempt was taken when it was refused as a hedge. */
  private paid = -1
  private answeredBy: Asked | undefined
  /** An error that does not move on, of a target beside which others run. */
  private held: Cause.Cause<unknown> | undefined

  constructor(progress: Progress, fiber: AnyFiber, goOn: GoOn, first: number, overtakeAfter: number) {
    super(fiber)
    this.progress = progress
    this.goOn = goOn
    this.first = first
    this.firstOvertakenAfter = overtakeAfter
  }

  protected begin(): void {
    Beside.of(this.progress.steps[this.first] as AnyCall, this.besides, this.fiber)
    this.leaveReconsidering = this.fiber.getRef(CurrentReconsidering)?.join(() => this.reconsider())
    this.ask(this.first, this.firstOvertakenAfter)
  }

  private ask(index: number, overtakeAfter?: number): void {
    const step = this.progress.steps[index] as AnyCall
    this.newest = index
    this.next = index + 1
    this.stopTimer()
    const effect = overtakeAfter === undefined ? Effect.andThen(this.timed(step, index), step.effect) : step.effect
    const goesOn = this.startAs(new Asked(index, step, monotonicMillis(this.clock), undefined, effect))
    if (!goesOn) return
    if (overtakeAfter !== undefined) this.keepTime(index, overtakeAfter)
    if (index === this.newest) this.keepHedge()
  }

  private startAs(asked: Asked): boolean {
    const context = Context.add(this.fiber.context, CurrentTurn, asked)
    return this.start(asked, asked.isEarly ? Context.add(context, CurrentFurtherRun, asked) : context)
  }

  /** The next target is asked as well when the newest takes longer than it usually does. */
  private keepHedge(): void {
    const { besides, newest, next, progress: { steps } } = this
    if (this.isOver || this.early !== undefined || this.held !== undefined) return
    this.stopHedges()
    const step = steps[newest] as AnyCall
    const beside = Beside.of(step, besides, this.fiber)
    const after = steps[next]
    beside?.keepTime(step, after?._tag === "Call" ? after : undefined, () => {
      takeAttempt(this.fiber)
      this.next = next + 1
      const early = this.early = new Asked(next, after as AnyCall, monotonicMillis(this.clock), beside)
      this.startAs(early)
    })
  }

  private stopHedges(): void {
    for (const beside of this.besides) beside.stop()
  }

  /** The turn of the target has come that was asked as a hedge. Returns whether it still runs. */
  private turnOf(early: Asked): boolean {
    this.early = undefined
    early.isEarly = false
    this.newest = early.index
    if (!this.running.has(early)) return false
    this.stopTimer()
    this.keepTime(early.index, this.timeOf(early.step))
    this.keepHedge()
    return true
  }

  /** Milliseconds. */
  private timeOf({ overtakeAfter }: AnyCall): number {
    if (typeof overtakeAfter === "number") return overtakeAfter
    const exit = Effect.runSyncExitWith(this.fiber.context)(overtakeAfter)
    return exit._tag === "Success" ? millisOf(exit.value) : Infinity
  }

  /** Keeps the time of a target that is asked beside others. */
  private timed({ overtakeAfter }: AnyCall, index: number): Effect.Effect<void> {
    return typeof overtakeAfter === "number"
      ? Effect.sync(() => this.keepTime(index, overtakeAfter))
      : Effect.map(overtakeAfter, (after) => this.keepTime(index, millisOf(after)))
  }

  private keepTime(index: number, millis: number): void {
    if (this.isOver || index !== this.newest || millis === Infinity) return
    const due = this.due = monotonicMillis(this.clock) + millis
    this.timeout = startTimeout(this.fiber, this.clock, millis, due, () => {
      this.timeout = undefined
      this.askNext()
    })
  }

  /** Calculates anew how long the newest target has, and gives it no more time than before. */
  private reconsider(): void {
    const { overtakeAfter } = this.progress.steps[this.newest] as AnyCall
    if (this.isOver || typeof overtakeAfter === "number") return
    const millis = this.timeOf(this.progress.steps[this.newest] as AnyCall)
    if (monotonicMillis(this.clock) + millis >= this.due) return
    this.stopTimer()
    this.keepTime(this.newest, millis)
  }

  private askNext(): void {
    const { steps } = this.progress
    if (this.isOver || this.held !== undefined) return
    if (this.early !== undefined && this.turnOf(this.early)) return
    while (!this.isOver && this.held === undefined && steps[this.next]?._tag === "Call") {
      const index = this.next++
      if (index === this.paid || takeAttempt(this.fiber)) return this.ask(index)
    }
  }

  protected ended(asked: Asked, exit: Exit.Exit<unknown, unknown>): void {
    const { hedgedBy, index, step } = asked
    if (hedgedBy !== undefined && asked.isRefused(exit)) return this.refused(asked, hedgedBy)
    for (const beside of this.besides) beside.ended(asked, exit)
    if (exit._tag === "Success") {
      const answer = this.progress.answered(index, step, exit.value)
      if (answer !== undefined) {
        this.answeredBy = asked
        return this.answer(Effect.succeed(answer))
      }
    } else {
      const only = onlyFailure(exit.cause)
      // A defect is told at once, whatever else runs.
      if (only === undefined) return this.answer(Effect.failCause(exit.cause))
      if (movesOn(step, only.failure)) this.progress.movedOn(index, step, only.failure)
      else {
        this.held ??= exit.cause
        this.stopHedges()
      }
    }
    if (index === this.newest) this.askNext()
    if (this.running.size > 0 || this.isOver) return
    for (const beside of this.besides) beside.lost()
    this.answer(this.held ? Effect.failCause(this.held) : Effect.suspend(() => this.goOn(this.progress, this.next)))
  }

  /** It is asked in its turn, as if it had not been. That is still to come: the target before it runs. */
  private refused({ index }: Asked, hedgedBy: Beside): void {
    hedgedBy.refused()
    this.early = undefined
    this.next = this.paid = index
  }

  protected over(): void {
    this.leaveReconsidering?.()
    this.stopTimer()
    for (const beside of this.besides) beside.over(this.answeredBy, this.running)
  }

  protected outlivedBy(fibers: ReadonlyArray<AnyFiber>): Effect.Effect<void> {
    return outlivedBy(this.fiber, fibers)
  }

  private stopTimer(): void {
    this.due = Infinity
    this.timeout?.cancel(this.fiber)
    this.timeout = undefined
  }
}
