/** One call at a service: it waits for a slot, works in it, and gives it back. */
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type { Place } from "../../internal/data/waitQueue.ts"
import { later, resumeWith } from "../../internal/runtime/wake.ts"
import type { Task } from "./sharedWork.ts"

/** The workplace, as its slots see it. */
interface Owner {
  begin(slot: Slot, millis: number, onWorked: () => void): void
  pause(slot: Slot): void
  leave(slot: Slot): void
  abandon(slot: Slot, rest: () => number): void
}

export class Slot implements Task, Place<Slot> {
  spot = -1
  due = 0
  turn = 0
  before: Slot | undefined
  after: Slot | undefined
  state: "waiting" | "inside" | "left" = "waiting"
  /** Whether the work continues after the caller has left. */
  readonly goesOn: boolean
  /** The milliseconds of work that were left when it was stopped. */
  unfinished = 0
  onTurn: (() => void) | undefined
  onWorked: (() => void) | undefined
  private readonly workplace: Owner
  private readonly fiber: Fiber.Fiber<any, any>

  constructor(workplace: Owner, fiber: Fiber.Fiber<any, any>, goesOn: boolean) {
    this.workplace = workplace
    this.fiber = fiber
    this.goesOn = goesOn
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
        this.workplace.begin(this, millis, () => resumeWith(resume, Effect.void))
        return Effect.sync(() => this.workplace.pause(this))
      })
      : Effect.void
  }

  /** Gives the slot back, or leaves the queue. Only the first of several calls has an effect. */
  leave(): void {
    this.workplace.leave(this)
  }

  /**
   * The caller has left. `rest` is the work that would follow, in milliseconds, determined when the call has its slot.
   * Where work goes on, the slot is given back after it; otherwise at once.
   */
  abandon(rest: () => number): void {
    this.workplace.abandon(this, rest)
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
