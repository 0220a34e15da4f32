/** One call through an adaptive throttle. It holds nothing: only its end is counted. */
import * as Exit from "effect/Exit"
import * as Random from "effect/Random"
import type * as Clock from "effect/Clock"
import { atOnce } from "../internal/data/atOnce.ts"
import { Admission, type AnyEffect, type AnyFiber, clockOf, goOn, type TimeContext } from "../internal/runtime/guard.ts"
import type { CallSource } from "../internal/runtime/callListeners.ts"
import { monotonicMillis } from "../internal/runtime/time.ts"
import * as Outcome from "../Outcome.ts"
import type { ThrottleMachine } from "./machine.ts"
import { refusal } from "./Throttled.ts"

/** What the calls of a throttle share. */
export interface Shared extends CallSource {
  readonly name: string
  readonly machine: ThrottleMachine
}

export class ThrottledCall extends Admission {
  private readonly shared: Shared
  private readonly self: AnyEffect
  private readonly classify: Outcome.Classify<any, any>
  private clock: Clock.Clock | undefined

  constructor(shared: Shared, self: AnyEffect, classify: Outcome.Classify<any, any>) {
    super()
    this.shared = shared
    this.self = self
    this.classify = classify
  }

  acquire(fiber: AnyFiber, time?: TimeContext | undefined): AnyEffect {
    const { machine, name } = this.shared
    const clock = clockOf(fiber, time)
    const now = time === undefined ? monotonicMillis(clock) : time.now
    const rate = machine.rejectionRate(now)
    if (rate > 0 && fiber.getRef(Random.Random).nextDoubleUnsafe() < rate) {
      machine.refuse(now)
      this.shared.onCall?.({ type: "rejected" })
      return refusal(name, rate)
    }
    this.clock = clock
    this.shared.onCall?.({ type: "permitted" })
    return goOn(this, this.self, fiber)
  }

  release(exit: Exit.Exit<any, any>): void {
    const { clock, shared: { machine } } = this
    if (clock === undefined) return
    this.clock = undefined
    const isAnswered = this.isAnswered(exit)
    if (isAnswered !== undefined) machine.record(isAnswered, monotonicMillis(clock))
  }

  /** Undefined for a call that does not count. */
  private isAnswered(exit: Exit.Exit<any, any>): boolean | undefined {
    // What was not begun says nothing about the target; if a guard inside refused the next attempt, the last one has failed.
    if (!this.begun && Exit.isFailure(exit)) return this.hasFailed && Outcome.isRejected(exit) ? false : undefined
    return read(judge(this.classify, exit))
  }
}

const judge = (classify: Outcome.Classify<any, any>, exit: Exit.Exit<any, any>): Outcome.Outcome => {
  try {
    const outcome = atOnce(classify(exit)) as Outcome.Outcome | undefined
    if (tags.has(outcome?._tag)) return outcome!
  } catch {
    // The default judges.
  }
  return Outcome.fromExit(exit)
}

const tags: ReadonlySet<unknown> = new Set(["Success", "Failure", "Ignored", "TripFor"])

const read = ({ _tag }: Outcome.Outcome): boolean | undefined => _tag === "Ignored" ? undefined : _tag === "Success"
