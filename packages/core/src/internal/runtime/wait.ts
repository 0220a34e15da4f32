/**
 * A call that waits for something that others give back: until they end the wait, its deadline comes, or `maxWait` is
 * over. It goes on in a step of its own, so that the caller that ended the wait has its own answer first.
 */
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import { Expiry, type Joined } from "./expiry.ts"
import type { AnyEffect, TimeContext } from "./guard.ts"
import { monotonicMillis } from "./time.ts"
import { startTimeout } from "./timerLane.ts"
import { later, orDie, resumeWith } from "./wake.ts"

/** What goes on after a wait, decided by the fiber that waited; `isInTime` unless its deadline has passed by then. */
export type Next = (fiber: Fiber.Fiber<any, any>, isInTime: boolean) => AnyEffect

/** Why a wait ended by itself. */
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
      // After the answer: a deadline that ended the wait interrupts only what has not answered by then.
      this.limit?.cancel(this.fiber)
    })
  }

  /** The fiber has left before it was told. */
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
    const isInTime = deadline === undefined || monotonicMillis(clock) < deadline.at
    resumeWith(resume, orDie(() => next(this.fiber, isInTime)))
  }
}
