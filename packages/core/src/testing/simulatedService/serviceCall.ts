/** One call at a service: it waits for a slot, works in it, and gives it back. */
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type { Place } from "../../internal/data/waitQueue.ts"
import { later, resumeWith } from "../../internal/runtime/wake.ts"
import type { Slot } from "./model.ts"
import type { Task } from "./sharedWork.ts"

/** The pool, as its calls see it. */
interface Pool {
  begin(call: ServiceCall, millis: number, onWorked: () => void): void
  pause(call: ServiceCall): void
  leave(call: ServiceCall): void
}

export class ServiceCall implements Slot, Task, Place<ServiceCall> {
  spot = -1
  due = 0
  turn = 0
  before: ServiceCall | undefined
  after: ServiceCall | undefined
  state: "waiting" | "inside" | "left" = "waiting"
  onTurn: (() => void) | undefined
  onWorked: (() => void) | undefined
  private readonly pool: Pool
  private readonly fiber: Fiber.Fiber<any, any>

  constructor(pool: Pool, fiber: Fiber.Fiber<any, any>) {
    this.pool = pool
    this.fiber = fiber
  }

  /** Waits for the slot. */
  get ready(): Effect.Effect<void> {
    return Effect.suspend(() => this.state === "waiting" ? this.waited : Effect.void)
  }

  /** Does this many milliseconds of work. It takes longer where the capacity is shared. */
  work(millis: number): Effect.Effect<void> {
    if (millis === Infinity) return Effect.never
    return millis > 0
      ? Effect.callback<void>((resume) => {
        this.pool.begin(this, millis, () => resumeWith(resume, Effect.void))
        return Effect.sync(() => this.pool.pause(this))
      })
      : Effect.void
  }

  /** Gives the slot back, or leaves the queue. Only the first of several calls has an effect. */
  leave(): void {
    this.pool.leave(this)
  }

  private get waited(): Effect.Effect<void> {
    return Effect.callback<void>((resume) => {
      // The call that has freed the slot comes to its end first.
      this.onTurn = () => later(this.fiber, () => resumeWith(resume, Effect.void))
      return Effect.sync(() => {
        this.onTurn = undefined
      })
    })
  }
}
