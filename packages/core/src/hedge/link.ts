/** Tells what is around a hedge, and the hedge itself, when the work of one of its runs begins. */
import { Admission, type AnyEffect, type AnyFiber, goOn, isInside } from "../internal/runtime/guard.ts"

/** What is told of the runs of one call. */
export interface Runs {
  /** The work of a run begins for the first time. */
  readonly workBegins: (link: Link) => void
  /** Whether the work of another run has begun. */
  readonly runsElsewhere: (link: Link) => boolean
}

/** What is around one run. It holds nothing. */
export class Link extends Admission {
  /** When its work began for the first time, in monotonic milliseconds. */
  begunAt: number | undefined
  private readonly runs: Runs
  private readonly effect: AnyEffect

  constructor(runs: Runs, effect: AnyEffect, outer: Admission | undefined) {
    super()
    this.runs = runs
    this.effect = effect
    this.outer = outer
    this.leads = isInside(effect)
  }

  /** The run, as what the fiber evaluates next. */
  acquire(fiber: AnyFiber): AnyEffect {
    return goOn(this, this.effect, fiber)
  }

  override begin(): void {
    super.begin()
    if (this.begunAt === undefined) this.runs.workBegins(this)
  }

  /** A retry inside begins anew. Work that runs beside it is still work that has begun. */
  override again(): void {
    if (this.runs.runsElsewhere(this)) {
      this.hasFailed ||= this.begun
      this.begun = false
    } else super.again()
  }

  release(): void {}
}
