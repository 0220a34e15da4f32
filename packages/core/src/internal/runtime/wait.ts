/**
 * A call that waits for something that other calls release. The wait ends by `end`, at the deadline of the call or
 * after `maxWait`. The call continues in a scheduler task of its own: the call that ended the wait returns its result
 * first.
 */
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import { Expiry, type Joined } from "./expiry.ts"
import type { AnyEffect, TimeContext } from "./guard.ts"
import { monotonicMillis } from "./time.ts"
import { startTimeout } from "./timerLane.ts"
import { later, resumeWith } from "./wake.ts"

/** What the waiting fiber continues with, in a step of its own. `isInTime` is false if its deadline has passed. */
export type Next = (fiber: Fiber.Fiber<any, any>, isInTime: boolean) => AnyEffect

/** Why a wait ended without `end`. */
export type GaveUp = "wait-timeout" | "deadline"

export class Wait {
  private readonly fiber: Fiber.Fiber<any, any>
  private readonly time: TimeContext
  private readonly limit: Joined | undefined
  private isTold = false
  private next: Next | undefined
  private resume: ((next: AnyEffect) => void) | undefined

  constructor(
    fiber: Fiber.Fiber<any, any>,
    time: TimeContext,
    maxWait: number,
    giveUp: (reason: GaveUp) => void
  ) {
    const { clock, deadline, now } = time
    this.fiber = fiber
    this.time = time
    const left = deadline === undefined ? Infinity : deadline.at - now
    if (left > maxWait) {
      this.limit = startTimeout(fiber, clock, maxWait, now + maxWait, () => giveUp("wait-timeout"))
    } else if (deadline instanceof Expiry) {
      this.limit = deadline.join({ fiber, child: undefined, expire: () => giveUp("deadline") })
      deadline.arm(fiber)
    } else if (left < Infinity) {
      this.limit = startTimeout(fiber, clock, left, now + left, () => giveUp("deadline"))
    }
  }

  get effect(): AnyEffect {
    return Effect.callback((resume) => {
      this.resume = resume
      if (this.next !== undefined) this.tell()
    })
  }

  end(next: Next): void {
    this.next = next
    later(this.fiber, () => {
      this.tell()
      // Cancelled after the result: a deadline that ended the wait must interrupt only what has not ended by then.
      this.limit?.cancel(this.fiber)
    })
  }

  /** The fiber has left before its wait ended. */
  abandon(): void {
    if (this.isTold) return
    this.isTold = true
    this.limit?.cancel(this.fiber)
  }

  private tell(): void {
    const { next, resume } = this
    if (this.isTold || next === undefined || resume === undefined) return
    const { clock, deadline } = this.time
    this.isTold = true
    // `next` enters frames. The fiber takes that step itself: an interrupt may be unwinding its stack at this moment.
    resumeWith(
      resume,
      Effect.withFiber((fiber) => next(fiber, deadline === undefined || monotonicMillis(clock) < deadline.at))
    )
  }
}
