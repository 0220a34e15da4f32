/**
 * Runs of one call at the same time, of which one gives the result.
 *
 * Invariants. Every run has a fiber of its own and a scope of its own, and ends in one of three ways: it gives the result, it
 * has failed, or it is interrupted because another one has given it, and then what it has opened is closed. The fiber of the
 * call does not end before all of its runs have ended; the result does not wait for that.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import { type Deadline, Expiry, type Joined, type Waiting } from "./expiry.ts"
import { heldScope } from "./heldScope.ts"
import type { AnyEffect, AnyFiber } from "./primitive.ts"
import { resumeWith } from "./wake.ts"

/** One of the runs. */
export abstract class RunBeside {
  fiber: AnyFiber | undefined
  scope: Scope.Closeable | undefined
  /** Whether the call goes on without it. */
  isDropped = false

  /** What it evaluates, from the first step of its fiber on. */
  abstract evaluate(fiber: AnyFiber): AnyEffect
}

export abstract class SideBySide<Run extends RunBeside> implements Waiting {
  readonly fiber: AnyFiber
  readonly child = undefined
  protected readonly clock: Clock.Clock
  protected readonly running = new Set<Run>()
  /** What is being closed or interrupted and has not ended. */
  private leaving: Set<AnyFiber> | undefined
  private resume: ((answer: AnyEffect) => void) | undefined
  private limit: Joined | undefined

  constructor(fiber: AnyFiber) {
    this.fiber = fiber
    this.clock = fiber.getRef(Clock.Clock)
  }

  /** Starts the first run. */
  protected abstract begin(): void

  /** A run that is not dropped has ended, before there is a result. It is not among those that run any more. */
  protected abstract ended(run: Run, exit: Exit.Exit<unknown, unknown>): void

  /** There is a result, or the fiber of the call was interrupted. Is called once, before what still runs is interrupted. */
  protected abstract over(): void

  /** Goes on at once. The fiber of the call does not end before these have ended. */
  protected abstract outlivedBy(fibers: ReadonlyArray<AnyFiber>): Effect.Effect<void>

  protected get isOver(): boolean {
    return this.resume === undefined
  }

  /** The call, as an effect that its fiber runs once. `deadline` is the one around it. */
  run(deadline: Deadline | undefined): AnyEffect {
    return Effect.onExitPrimitive(
      Effect.callback((resume) => {
        this.resume = resume
        // Registered before the runs are: their deadlines end them first, and what comes of that is still a result.
        if (deadline instanceof Expiry) this.limit = deadline.join(this)
        this.begin()
      }),
      (exit) => this.left(exit)
    )
  }

  /** The fibers that the deadline ends before it interrupts the one of the call. */
  get children(): ReadonlyArray<AnyFiber> {
    return Array.from(this.running).flatMap(({ fiber }) => fiber ?? [])
  }

  /** The deadline has ended all runs that are under it, or there are none. */
  expire(): void {
    this.limit?.cancel(this.fiber)
  }

  /** The fiber of the call goes on, or was interrupted: what still runs ends. */
  private left(exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> | undefined {
    if (this.resume !== undefined) this.limit?.cancel(this.fiber)
    this.end()
    if (this.running.size === 0 && this.leaving === undefined) return undefined
    const pending = [...this.leaving ?? [], ...this.children]
    if (pending.length === 0) return undefined
    return exit._tag === "Failure" && Cause.hasInterrupts(exit.cause)
      ? Effect.asVoid(Fiber.awaitAll(pending))
      : this.outlivedBy(pending)
  }

  /** Starts a run in a context that is made from that of the fiber. Returns whether there is no result after that step. */
  protected start(run: Run, context: Context.Context<never> = this.fiber.context): boolean {
    const around = Context.getOrUndefined(context as Context.Context<Scope.Scope>, Scope.Scope)
    const scope = run.scope = around && heldScope(around)
    const own = scope === undefined ? context : Context.add(context, Scope.Scope, scope)
    this.running.add(run)
    // Known from its first step on: an interrupt can strike while it begins, and has to wait for it.
    // The services that it needs are those of the fiber.
    const begun = Effect.withFiber((child) => {
      run.fiber = child
      return scope === undefined
        ? run.evaluate(child)
        : Effect.onExitPrimitive(Effect.withFiber((child) => run.evaluate(child)), (exit) => this.close(run, exit))
    }) as Effect.Effect<unknown, unknown>
    const fiber = run.fiber = Effect.runForkWith(own)(begun)
    fiber.addObserver((exit) => {
      this.running.delete(run)
      if (this.resume !== undefined && !run.isDropped) this.ended(run, exit)
    })
    if (this.resume !== undefined && !run.isDropped) return true
    // It was over in the very step in which the run began.
    this.leave(fiber)
    return this.resume !== undefined
  }

  /** The call goes on without this run. */
  protected drop(run: Run): void {
    run.isDropped = true
    this.running.delete(run)
    if (run.fiber !== undefined) this.leave(run.fiber)
  }

  protected answer(answer: AnyEffect): void {
    const { limit, resume } = this
    this.end()
    if (resume !== undefined) resumeWith(resume, answer)
    // Left after the answer: the deadline must find it given.
    limit?.cancel(this.fiber)
  }

  private end(): void {
    if (this.resume === undefined) return
    this.resume = undefined
    this.over()
    for (const { fiber } of this.running) if (fiber !== undefined) this.leave(fiber)
  }

  /** What has given no result is closed; what has failed before is left to the caller's scope, as without others beside it. */
  private close({ isDropped, scope }: Run, exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> | undefined {
    return this.resume === undefined || isDropped ? Scope.close(scope!, exit) : undefined
  }

  // Awaited from before it is interrupted, because the interrupt of the call can strike while its finalizers run.
  private leave(fiber: AnyFiber): void {
    if (fiber.pollUnsafe() !== undefined) return
    const leaving = this.leaving ??= new Set()
    leaving.add(fiber)
    fiber.addObserver(() => leaving.delete(fiber))
    fiber.interruptUnsafe(this.fiber.id)
  }
}
