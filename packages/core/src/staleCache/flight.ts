/** One call that several callers share, and those who wait for it. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type { Cached } from "./cached.ts"

/** The flight whose call the running fiber is part of, if any. */
export const CurrentFlight = Context.Reference<Flight<any> | undefined>("@switchgear/core/StaleCache/CurrentFlight", {
  defaultValue: () => undefined
})

/** A caller that waits for a flight. It is told once, or leaves once. */
export interface Waiter<A> {
  /** This throws nothing. */
  readonly tell: (exit: Exit.Exit<A, unknown>) => void
  /** The flight that this caller is itself part of. */
  readonly inside: Flight<any> | undefined
  stopTimer: (() => void) | undefined
  /** Serves what is kept, if there is something: its time has come, and there was nothing. */
  late: (() => void) | undefined
}

/** The flights for one key since it was last set or invalidated. */
export interface Line<A> {
  /** The one that callers join. */
  current: Flight<A> | undefined
  readonly running: Set<Flight<A>>
  /** The order of the flight whose answer was kept last. */
  kept: number
}

export class Flight<A> {
  /** Tells the flights of one cache from those of another. */
  readonly owner: object
  readonly line: Line<A>
  readonly key: string
  /** Flights of a cache in the order in which they began. */
  readonly order: number
  /** In the order in which they came. */
  readonly waiters = new Set<Waiter<A>>()
  /** Goes on without a caller, as long as there is a value to serve meanwhile. */
  isHeld = false
  /** Its last caller has left: it is interrupted, and nobody joins it. */
  isDying = false
  hasEnded = false
  /** The store had a fresh value, so that no call was made. */
  found: Cached<A> | undefined
  private fiber: Fiber.Fiber<A, unknown> | undefined

  constructor(owner: object, line: Line<A>, key: string, order: number) {
    this.owner = owner
    this.line = line
    this.key = key
    this.order = order
  }

  /** Makes the call; `ended` changes what there is to change before the callers are told. */
  start(
    context: Context.Context<never>,
    call: Effect.Effect<A, unknown>,
    ended: (exit: Exit.Exit<A, unknown>) => void
  ): void {
    const told = (exit: Exit.Exit<A, unknown>) => {
      if (this.hasEnded) return
      this.hasEnded = true
      this.fiber = undefined
      ended(exit)
      for (const waiter of this.waiters) {
        this.waiters.delete(waiter)
        waiter.stopTimer?.()
        waiter.tell(exit)
      }
    }
    // It observes from within: observers that the call puts on its own fiber may throw, which keeps it from those after them.
    const observed = Effect.withFiber<A, unknown>((fiber: Fiber.Fiber<any, any>) => {
      fiber.addObserver(told)
      return call
    })
    const fiber = Effect.runForkWith(Context.add(context, CurrentFlight, this))(observed)
    // It may be interrupted before its first step.
    fiber.addObserver(told)
    if (this.hasEnded) return
    this.fiber = fiber
    // Everybody left while it began.
    if (this.isDying) fiber.interruptUnsafe()
  }

  /** Interrupts the call. Nobody waits for its end. */
  kill(): void {
    if (this.hasEnded || this.isDying) return
    this.isDying = true
    if (this.line.current === this) this.line.current = undefined
    this.fiber?.interruptUnsafe()
  }
}
