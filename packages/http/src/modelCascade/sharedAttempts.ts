/**
 * The attempts of a call that several callers share, and who of them pays. The provider bills the call once, so one
 * caller hears of its attempts: the first that waits for it. A caller that leaves hands them over to the next one. The
 * first that takes the end of the call keeps them, and the others owe nothing. The last that leaves keeps them as well.
 *
 * A caller without an observer, which no ledger bills, does not make the call free for those that are billed.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import { type Attempt, type AttemptObserver, CurrentAttemptObserver } from "../chatModel/attemptObserver.ts"

/** An attempt whose payer may still change. */
interface Open {
  readonly attempt: Attempt
  /** Tells the payer of its end. */
  told: ReturnType<AttemptObserver["began"]> | undefined
  ended: { readonly exit: Exit.Exit<unknown, unknown>; readonly mayBeBilled: boolean } | undefined
}

/** A caller that waits for the call. */
export interface Sharer {
  readonly observer: AttemptObserver | undefined
}

export class SharedAttempts implements AttemptObserver {
  /** In the order of their arrival. */
  private readonly waiting = new Set<Sharer>()
  private readonly open = new Set<Open>()
  private payer: AttemptObserver | undefined
  private wasAsked = false
  /** Whether someone has taken the end of the call, and whether a ledger bills it. */
  private state: "open" | "taken" | "billed" = "open"

  readonly asked = (): void => {
    this.wasAsked = true
    this.payer?.asked()
  }

  readonly began = (attempt: Attempt) => {
    const open: Open = { attempt, told: this.payer?.began(attempt), ended: undefined }
    this.open.add(open)
    return (exit: Exit.Exit<unknown, unknown>, mayBeBilled: boolean): void => {
      open.ended = { exit, mayBeBilled }
      // An answer may be that of the call, and is told to the caller that keeps it.
      if (exit._tag === "Failure" || this.state === "billed") this.tell(open)
    }
  }

  join(sharer: Sharer): void {
    this.waiting.add(sharer)
    if (this.payer === undefined && this.state !== "billed" && sharer.observer !== undefined)
      this.charge(sharer.observer)
  }

  /** A caller ends its wait: with the end of the call, or because it leaves. Returns whether another one pays for it. */
  leave(sharer: Sharer, exit: Exit.Exit<unknown, unknown>): boolean {
    const { observer } = sharer
    this.waiting.delete(sharer)
    const hasLeft = exit._tag === "Failure" && Cause.hasInterruptsOnly(exit.cause)
    const next = this.next()
    const isFree = observer === undefined
      ? this.state !== "open"
      : this.state === "billed" || hasLeft && next !== undefined
    if (isFree) {
      if (this.payer === observer && observer !== undefined && this.state !== "billed") this.charge(next!)
      observer?.asked()
      return true
    }
    if (observer === undefined) {
      if (!hasLeft) this.state = "taken"
      return false
    }
    this.charge(observer)
    this.state = "billed"
    for (const open of this.open) this.tell(open)
    return false
  }

  private next(): AttemptObserver | undefined {
    for (const { observer } of this.waiting) if (observer !== undefined) return observer
    return undefined
  }

  /** Tells a caller of all attempts in the place of the one that was told of them until now. */
  private charge(payer: AttemptObserver): void {
    if (this.payer === payer) return
    this.payer = payer
    if (this.wasAsked) payer.asked()
    for (const open of this.open) {
      open.told?.(Exit.void, false)
      open.told = payer.began(open.attempt)
      if (open.ended?.exit._tag === "Failure") this.tell(open)
    }
  }

  private tell(open: Open): void {
    if (open.told === undefined || open.ended === undefined) return
    this.open.delete(open)
    open.told(open.ended.exit, open.ended.mayBeBilled)
  }
}

/** The attempts of the calls in flight. */
export class SharedCalls {
  private readonly byCall = new WeakMap<object, SharedAttempts>()

  /**
   * Runs the wait of one caller. `onCall` is called with the call when it is known; `attempts` are then those of the call.
   * What is given back tells whether another caller pays for the answer.
   */
  readonly waiting = <A, E, R>(
    fiber: Fiber.Fiber<any, any>,
    wait: (onCall: (call: object) => void, attempts: () => SharedAttempts | undefined) => Effect.Effect<A, E, R>,
    onPaidElsewhere: (answer: A) => void
  ): Effect.Effect<A, E, R> => {
    const sharer: Sharer = { observer: fiber.getRef(CurrentAttemptObserver) }
    let attempts: SharedAttempts | undefined
    const onCall = (call: object) => {
      attempts = this.byCall.get(call)
      if (attempts === undefined) this.byCall.set(call, attempts = new SharedAttempts())
      attempts.join(sharer)
    }
    return Effect.onExitPrimitive(wait(onCall, () => attempts), (exit) => {
      if (attempts?.leave(sharer, exit) === true && exit._tag === "Success") onPaidElsewhere(exit.value)
      return undefined
    })
  }
}
