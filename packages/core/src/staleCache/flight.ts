/** A flight is one call that several callers share. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type { Cached } from "./cached.ts"

/** The flight that the running fiber is part of; undefined outside of one. */
export const CurrentFlight = Context.Reference<Flight<any> | undefined>("@switchgear/core/StaleCache/CurrentFlight", {
  defaultValue: () => undefined
})

/** A caller that waits for a flight. It gets one answer, or leaves once. */
export interface Waiter<A> {
  /** Delivers the answer. Must not throw. */
  readonly tell: (exit: Exit.Exit<A, unknown>) => void
  /** The flight that this caller is itself part of. */
  readonly inside: Flight<any> | undefined
  stopTimer: (() => void) | undefined
  /** Serves a stale value as soon as there is one. Set when `after` has passed and there was none. */
  late: (() => void) | undefined
}

/** The flights of one key since it was last set or invalidated. */
export interface Line<A> {
  /** The flight that new callers join. */
  current: Flight<A> | undefined
  readonly running: Set<Flight<A>>
  /** The order of the flight whose answer was stored last. */
  kept: number
}

export class Flight<A> {
  /** The cache that the flight belongs to. */
  readonly owner: object
  readonly line: Line<A>
  readonly key: string
  /** The position of the flight among all flights of the cache. */
  readonly order: number
  /** What callers are told that the call is known by, once one of them asks. */
  token: object | undefined
  /** In arrival order. */
  readonly waiters = new Set<Waiter<A>>()
  /** Continues without callers, as long as a stale value can be served meanwhile. */
  isHeld = false
  /** The last caller has left: the call is interrupted, and no caller joins. */
  isDying = false
  hasEnded = false
  /** The fresh value that the store had; no call was made. */
  found: Cached<A> | undefined
  private fiber: Fiber.Fiber<A, unknown> | undefined

  constructor(owner: object, line: Line<A>, key: string, order: number) {
    this.owner = owner
    this.line = line
    this.key = key
    this.order = order
  }

  /** Starts the call. `ended` changes the state before the callers are notified. */
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
    // Observed from inside: an observer that the call adds to its fiber may throw, and would keep later observers from
    // running.
    const observed = Effect.withFiber<A, unknown>((fiber: Fiber.Fiber<any, any>) => {
      fiber.addObserver(told)
      return call
    })
    const fiber = Effect.runForkWith(Context.add(context, CurrentFlight, this))(observed)
    // The fiber may be interrupted before its first step.
    fiber.addObserver(told)
    if (this.hasEnded) return
    this.fiber = fiber
    // All callers may have left while the call started.
    if (this.isDying) fiber.interruptUnsafe()
  }

  /** Interrupts the call without waiting for its end. */
  kill(): void {
    if (this.hasEnded || this.isDying) return
    this.isDying = true
    if (this.line.current === this) this.line.current = undefined
    this.fiber?.interruptUnsafe()
  }
}
