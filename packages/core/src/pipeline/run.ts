/**
 * One run of a protected effect. All guards of an attempt share one frame, which saves steps of the runtime. Each guard
 * continues with the attempt itself, which then starts the next guard.
 */
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import { CurrentDeadline, timeContextOf } from "../deadline/current.ts"
import { nothingLeft } from "../deadline/DeadlineExceeded.ts"
import { type Counts, ended, limitedAt, type Owner, total } from "../deadline/limited.ts"
import type { Deadline } from "../internal/runtime/expiry.ts"
import { enterFrame } from "../internal/runtime/frame.ts"
import { primitivePrototype } from "../internal/runtime/primitive.ts"
import {
  Admission,
  type AnyEffect,
  type Check,
  goOn,
  insidePrototype,
  isInside,
  releaseSafely,
  type StartAdmission,
  type TimeContext
} from "../internal/runtime/guard.ts"
import { hedgedAt } from "../hedge/hedged.ts"
import type { HedgeMachine } from "../hedge/machine.ts"
import type { Target } from "../hedge/model.ts"
import type { RetryAt } from "../retry/attemptAll.ts"
import type { WaitingAttempt, WaitingAttempts } from "./waiting.ts"

/** What all runs of a pipeline share. */
export interface Plan {
  readonly refuse: Check | undefined
  readonly begins: ReadonlyArray<StartAdmission>
  /**
   * The waiting attempts that are rejected when the circuit opens; undefined without a circuit that reports its
   * openings.
   */
  readonly waiting: WaitingAttempts | undefined
  readonly retryAt: RetryAt | undefined
  /** Milliseconds. */
  readonly total: number | undefined
  readonly attempt: number | undefined
  /** Of a named time-out. */
  readonly counts: Counts | undefined
  readonly hedge: HedgePlan | undefined
}

/** How an attempt is hedged. */
export interface HedgePlan {
  readonly machine: HedgeMachine
  readonly target: Target
  /** The guards of a further run, which wait for nothing. */
  readonly begins: ReadonlyArray<StartAdmission>
}

interface Fused extends AnyEffect {
  readonly plan: Plan
  readonly self: AnyEffect
  /** Whether the effect is a guard itself. */
  readonly leads: boolean
}

const runFused = (fused: Fused, fiber: Fiber.Fiber<any, any>, outer: Admission | undefined): AnyEffect => {
  const { plan } = fused
  const run = new Run(fused, outer)
  if (plan.retryAt === undefined) return run.attempt(fiber)
  // A call that has no time left at its start does not reach the retry.
  if (plan.total !== undefined && fiber.getRef(CurrentDeadline) !== undefined && run.time(fiber) === undefined) {
    return nothingLeft(run.deadline!)
  }
  const attempt = run as unknown as AnyEffect
  const first = plan.retryAt(attempt, fiber, run)
  return first === attempt ? run.attempt(fiber) : first
}

const FusedProto = insidePrototype<Fused>("Switchgear.pipeline", runFused, function(fiber) {
  return runFused(this, fiber, undefined)
})

const Fused = function(this: { plan: Plan; self: AnyEffect; leads: boolean }, plan: Plan, self: AnyEffect) {
  this.plan = plan
  this.self = self
  this.leads = isInside(self)
} as unknown as new(plan: Plan, self: AnyEffect) => Fused
Fused.prototype = FusedProto

/** An effect that runs `self` by the plan. */
export const fused = (plan: Plan, self: AnyEffect): AnyEffect => new Fused(plan, self)

// Evaluated as an effect, a run is one attempt. A retry may evaluate it several times. The deadline starts with the
// first.
class Run {
  readonly plan: Plan
  readonly self: AnyEffect
  readonly leads: boolean
  readonly outer: Admission | undefined
  deadline: Deadline | undefined
  private isBegun = false

  constructor({ leads, plan, self }: Fused, outer: Admission | undefined) {
    this.plan = plan
    this.self = self
    this.leads = leads
    this.outer = outer
  }

  attempt(fiber: Fiber.Fiber<any, any>): AnyEffect {
    const { begins, hedge } = this.plan
    return hedge === undefined ? this.begin(begins, fiber, this.outer) : this.hedged(hedge, fiber)
  }

  /** One run of an attempt. */
  begin(begins: ReadonlyArray<StartAdmission>, fiber: Fiber.Fiber<any, any>, outer: Admission | undefined): AnyEffect {
    const attempt = new PipelineAttempt(this, begins, fiber, outer)
    enterFrame(attempt, fiber)
    return attempt.acquire(fiber)
  }

  private hedged({ begins, machine, target }: HedgePlan, fiber: Fiber.Fiber<any, any>): AnyEffect {
    const time = this.time(fiber)
    if (time === undefined) return nothingLeft(this.deadline!)
    const primary = new RunOfAttempt(this, this.plan.begins)
    const hedge = new RunOfAttempt(this, begins)
    return hedgedAt({ machine, primary, hedge, isElsewhere: false, target }, fiber, this.outer, time.deadline)
  }

  /** The clock, the time and the deadline; undefined if no time is left at the start of the first attempt. */
  time(fiber: Fiber.Fiber<any, any>): TimeContext | undefined {
    const time = timeContextOf(fiber)
    if (!this.isBegun) {
      this.isBegun = true
      const { total: millis } = this.plan
      this.deadline = millis === undefined ? time.deadline : total(time, millis)
      if (millis !== undefined && this.deadline!.at <= time.now) return undefined
    }
    time.deadline = this.deadline
    return time
  }
}

Object.setPrototypeOf(
  Run.prototype,
  primitivePrototype<AnyEffect & Run>("Switchgear.attempt", function(fiber) {
    return this.attempt(fiber)
  })
)

interface RunOfAttempt extends AnyEffect {
  readonly run: Run
  readonly begins: ReadonlyArray<StartAdmission>
}

const RunOfAttempt = function(
  this: { run: Run; begins: ReadonlyArray<StartAdmission> },
  run: Run,
  begins: ReadonlyArray<StartAdmission>
) {
  this.run = run
  this.begins = begins
} as unknown as new(run: Run, begins: ReadonlyArray<StartAdmission>) => RunOfAttempt
RunOfAttempt.prototype = insidePrototype<RunOfAttempt>(
  "Switchgear.runOfAttempt",
  ({ begins, run }, fiber, outer) => run.begin(begins, fiber, outer),
  function(fiber) {
    return this.run.begin(this.begins, fiber, undefined)
  }
)

class PipelineAttempt extends Admission implements Owner {
  child: Fiber.Fiber<any, any> | undefined
  private waits: WaitingAttempt | undefined
  private hasWaited = false
  private readonly run: Run
  private readonly begins: ReadonlyArray<StartAdmission>
  private readonly fiber: Fiber.Fiber<any, any>
  /** That of the fiber around the attempt: a guard may add to it. */
  private readonly context: Context.Context<never>
  private readonly held: Array<Admission>
  private asked = 0

  constructor(
    run: Run,
    begins: ReadonlyArray<StartAdmission>,
    fiber: Fiber.Fiber<any, any>,
    outer: Admission | undefined
  ) {
    super()
    this.run = run
    this.begins = begins
    this.fiber = fiber
    this.context = fiber.context
    this.leads = run.leads
    this.outer = outer
    this.held = Array<Admission>(begins.length)
  }

  acquire(fiber: Fiber.Fiber<any, any>): AnyEffect {
    const { begins, held, run } = this
    const { attempt, counts, refuse } = run.plan
    const time = run.time(fiber)
    if (time === undefined) return nothingLeft(run.deadline!)
    if (this.asked === 0) {
      const refused = refuse?.(fiber, time)
      if (refused !== undefined) return refused
    }
    this.goesOn()
    const next = this as unknown as AnyEffect
    while (this.asked < begins.length) {
      const admission = begins[this.asked]!(fiber, next, time)
      held[this.asked++] = admission
      const then = admission.acquire(fiber, time)
      if (then === next) continue
      if (!Exit.isExit(then)) this.waitsFor(admission, fiber)
      return then
    }
    return attempt === undefined
      ? goOn(this, run.self, fiber)
      : limitedAt(fiber, run.self, "attempt", attempt, time, this, this, counts)
  }

  override begin(): void {
    super.begin()
    if (!this.hasWaited && !this.leads) return
    // A guard that let the attempt go on before another one waited measures the work from now on.
    for (let i = 0; i < this.asked; i++) this.held[i]!.begin()
  }

  private waitsFor(admission: Admission, fiber: Fiber.Fiber<any, any>): void {
    this.hasWaited = true
    this.waits = { admission, fiber }
    this.run.plan.waiting?.add(this.waits)
  }

  private goesOn(): void {
    if (this.waits === undefined) return
    this.run.plan.waiting?.delete(this.waits)
    this.waits = undefined
  }

  /** Releases only when the work has ended, including its finalizers. */
  override onExit(exit: Exit.Exit<any, any>): Effect.Effect<void> | undefined {
    const { child, context, fiber } = this
    if (fiber.context !== context) fiber.setContext(context)
    if (child !== undefined && child.pollUnsafe() === undefined) {
      return Effect.flatMap(Effect.exit(ended(child)), (ended) => {
        this.release(exit._tag === "Failure" && ended._tag === "Failure" ? both(exit, ended) : exit)
        return ended
      })
    }
    this.release(exit)
    return undefined
  }

  release(exit: Exit.Exit<any, any>): void {
    this.goesOn()
    for (let i = this.asked - 1; i >= 0; i--) {
      const admission = this.held[i]!
      // A guard of the attempt has continued with the attempt, which is not yet the work.
      admission.begun = this.begun
      admission.hasFailed = this.hasFailed
      releaseSafely(admission, exit)
    }
  }
}

const both = (first: Exit.Failure<any, any>, second: Exit.Failure<any, never>): Exit.Exit<never, any> =>
  Exit.failCause(Cause.combine(first.cause, second.cause))
