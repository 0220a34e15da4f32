/**
 * Targets that run at the same time: when the newest has had its time, the next one is asked while those before it run on.
 * The first that answers wins.
 *
 * Invariants. Every target runs in a fiber of its own, with a scope of its own, and ends in one of three ways: it wins, it
 * has failed, or it is interrupted when the race is over, and then what it has opened is closed. The fiber that runs the
 * cascade does not end before all of them have ended; an answer does not wait for that.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import { takeAttempt } from "../attempts/budget.ts"
import { CurrentDeadline } from "../deadline/current.ts"
import { Expiry, type Joined, type Waiting } from "../internal/runtime/expiry.ts"
import { onlyFailure } from "../internal/runtime/onlyFailure.ts"
import { monotonicMillis } from "../internal/runtime/time.ts"
import { startTimeout, type Timeout } from "../internal/runtime/timerLane.ts"
import { resumeWith } from "../internal/runtime/wake.ts"
import { heldScope } from "./heldScope.ts"
import type { AnyCall, Served } from "./model.ts"
import { movesOn, type Progress } from "./progress.ts"
import { CurrentReconsidering } from "../internal/runtime/reconsidering.ts"

type Answer = Effect.Effect<Served<any>, unknown, any>
type AnyFiber = Fiber.Fiber<any, any>

/** Goes on with the steps from this one, in the fiber of the cascade, when no target runs any more. */
type GoOn = (progress: Progress, from: number) => Answer

/** Asks the target, and those after it that it leaves time for. */
export const raceFrom = (progress: Progress, first: number, overtakeAfter: number, goOn: GoOn): Answer =>
  Effect.withFiber((fiber) => {
    const race = new Race(progress, fiber, goOn)
    return Effect.onExitPrimitive(
      Effect.callback((resume) => race.begin(resume, first, overtakeAfter)),
      (exit) => race.left(exit)
    )
  })

/** A duration in milliseconds; infinity for one that is none. */
export const millisOf = (after: Duration.Input | undefined): number => {
  const duration = after === undefined ? undefined : Duration.fromInput(after)
  return duration?._tag === "Some" ? Math.max(0, Duration.toMillis(duration.value)) : Infinity
}

/** A target that has been asked. */
interface Asked {
  readonly index: number
  readonly step: AnyCall
  readonly scope: Scope.Closeable | undefined
  fiber: AnyFiber | undefined
}

class Race implements Waiting {
  readonly fiber: AnyFiber
  readonly child = undefined
  private readonly progress: Progress
  private readonly goOn: GoOn
  private readonly clock: Clock.Clock
  private readonly running = new Set<Asked>()
  /** What is being closed or interrupted and has not ended. */
  private readonly leaving = new Set<AnyFiber>()
  private resume: ((answer: Answer) => void) | undefined
  private limit: Joined | undefined
  private timeout: Timeout | undefined
  /** When the time of the newest target is over, in monotonic milliseconds. */
  private due = Infinity
  private leaveReconsidering: (() => void) | undefined
  /** The target that was asked last, whose time is being kept. */
  private newest = -1
  private next = 0
  /** An error that does not move on, of a target beside which others run. */
  private held: Cause.Cause<unknown> | undefined

  constructor(progress: Progress, fiber: AnyFiber, goOn: GoOn) {
    this.progress = progress
    this.fiber = fiber
    this.goOn = goOn
    this.clock = fiber.getRef(Clock.Clock)
  }

  begin(resume: (answer: Answer) => void, first: number, overtakeAfter: number): void {
    this.resume = resume
    const deadline = this.fiber.getRef(CurrentDeadline)
    // Registered before the targets are: their deadlines end them first, and what comes of that is still served.
    if (deadline instanceof Expiry) this.limit = deadline.join(this)
    this.leaveReconsidering = this.fiber.getRef(CurrentReconsidering)?.join(() => this.reconsider())
    this.ask(first, overtakeAfter)
  }

  /** The fibers that the deadline ends before it interrupts the one of the cascade. */
  get children(): ReadonlyArray<AnyFiber> {
    return Array.from(this.running).flatMap(({ fiber }) => fiber ?? [])
  }

  /** The deadline has ended all targets that are under it, or there are none. */
  expire(): void {
    this.limit?.cancel(this.fiber)
  }

  /** The fiber of the cascade goes on, or was interrupted: what still runs ends. */
  left(exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> | undefined {
    if (this.resume !== undefined) this.limit?.cancel(this.fiber)
    this.end()
    const pending = [...this.leaving, ...this.children]
    if (pending.length === 0) return undefined
    const ended = Fiber.awaitAll(pending)
    return exit._tag === "Failure" && Cause.hasInterrupts(exit.cause)
      ? Effect.asVoid(ended)
      // A child that cannot be interrupted holds the end of this fiber, and nothing before that.
      : Effect.asVoid(Effect.forkChild(ended, { startImmediately: true, uninterruptible: true }))
  }

  private ask(index: number, overtakeAfter?: number): void {
    const step = this.progress.steps[index] as AnyCall
    const around = Context.getOrUndefined(this.fiber.context as Context.Context<Scope.Scope>, Scope.Scope)
    const asked: Asked = { index, step, scope: around && heldScope(around), fiber: undefined }
    this.newest = index
    this.next = index + 1
    this.stopTimer()
    this.running.add(asked)
    const context = this.fiber.context as Context.Context<any>
    const own = asked.scope === undefined ? context : Context.add(context, Scope.Scope, asked.scope)
    const effect = overtakeAfter === undefined ? Effect.andThen(this.timed(step, index), step.effect) : step.effect
    // Known from its first step on: an interrupt can strike while it begins, and has to wait for it.
    const fiber = asked.fiber = Effect.runForkWith(own)(Effect.withFiber((child) => {
      asked.fiber = child
      return asked.scope === undefined ? effect : Effect.onExitPrimitive(effect, (exit) => this.close(asked, exit))
    }))
    fiber.addObserver((exit) => this.ended(asked, exit))
    // It was over in the very step in which the target began.
    if (this.resume === undefined) return this.leave(fiber)
    if (overtakeAfter !== undefined) this.keepTime(index, overtakeAfter)
  }

  /** Keeps the time of a target that is asked beside others. */
  private timed({ overtakeAfter }: AnyCall, index: number): Effect.Effect<void> {
    return typeof overtakeAfter === "number"
      ? Effect.sync(() => this.keepTime(index, overtakeAfter))
      : Effect.map(overtakeAfter, (after) => this.keepTime(index, millisOf(after)))
  }

  private keepTime(index: number, millis: number): void {
    if (this.resume === undefined || index !== this.newest || millis === Infinity) return
    const due = this.due = monotonicMillis(this.clock) + millis
    this.timeout = startTimeout(this.fiber, this.clock, millis, due, () => {
      this.timeout = undefined
      this.askNext()
    })
  }

  /** Calculates anew how long the newest target has, and gives it no more time than before. */
  private reconsider(): void {
    const { overtakeAfter } = this.progress.steps[this.newest] as AnyCall
    if (this.resume === undefined || typeof overtakeAfter === "number") return
    const exit = Effect.runSyncExitWith(this.fiber.context)(overtakeAfter)
    const millis = exit._tag === "Success" ? millisOf(exit.value) : Infinity
    if (monotonicMillis(this.clock) + millis >= this.due) return
    this.stopTimer()
    this.keepTime(this.newest, millis)
  }

  private askNext(): void {
    const { steps } = this.progress
    while (this.resume !== undefined && this.held === undefined && steps[this.next]?._tag === "Call") {
      const index = this.next++
      if (takeAttempt(this.fiber)) return this.ask(index)
    }
  }

  private ended(asked: Asked, exit: Exit.Exit<unknown, unknown>): void {
    this.running.delete(asked)
    const { index, step } = asked
    if (this.resume === undefined) return
    if (exit._tag === "Success") {
      const answer = this.progress.answered(index, step, exit.value)
      if (answer !== undefined) return this.answer(Effect.succeed(answer))
    } else {
      const only = onlyFailure(exit.cause)
      // A defect is told at once, whatever else runs.
      if (only === undefined) return this.answer(Effect.failCause(exit.cause))
      if (movesOn(step, only.failure)) this.progress.movedOn(index, step, only.failure)
      else this.held ??= exit.cause
    }
    if (index === this.newest) this.askNext()
    if (this.running.size > 0 || this.resume === undefined) return
    this.answer(this.held ? Effect.failCause(this.held) : Effect.suspend(() => this.goOn(this.progress, this.next)))
  }

  private answer(answer: Answer): void {
    const { limit, resume } = this
    this.end()
    if (resume !== undefined) resumeWith(resume, answer)
    // Left after the answer: the deadline must find it given.
    limit?.cancel(this.fiber)
  }

  private end(): void {
    if (this.resume === undefined) return
    this.resume = undefined
    this.leaveReconsidering?.()
    this.stopTimer()
    for (const { fiber } of this.running) if (fiber !== undefined) this.leave(fiber)
  }

  private stopTimer(): void {
    this.due = Infinity
    this.timeout?.cancel(this.fiber)
    this.timeout = undefined
  }

  /** What has not won is closed; what has failed before is left to the caller's scope, as without a race. */
  private close({ scope }: Asked, exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> | undefined {
    return this.resume === undefined ? Scope.close(scope!, exit) : undefined
  }

  // Awaited from before it is interrupted, because the interrupt of the cascade can strike while its finalizers run.
  private leave(fiber: AnyFiber): void {
    if (fiber.pollUnsafe() !== undefined) return
    this.leaving.add(fiber)
    fiber.addObserver(() => this.leaving.delete(fiber))
    fiber.interruptUnsafe(this.fiber.id)
  }
}
