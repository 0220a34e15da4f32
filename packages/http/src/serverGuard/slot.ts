/**
 * A slot of a bulkhead that is held until a response is over. A bulkhead holds a slot for as long as an effect runs, and a
 * response is sent after its handler has ended: so an effect of its own, in a fiber of its own, holds the slot.
 */
import type * as Bulkhead from "@switchgear/core/Bulkhead"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"

export class Slot {
  private readonly bulkhead: Bulkhead.Bulkhead
  private holder: Fiber.Fiber<unknown, unknown> | undefined
  private goOn: ((ended: Exit.Exit<unknown, unknown>) => void) | undefined

  constructor(bulkhead: Bulkhead.Bulkhead) {
    this.bulkhead = bulkhead
  }

  /** Waits for the slot. Gives the context in which work inside of the bulkhead runs. */
  take(context: Context.Context<never>): Effect.Effect<Context.Context<never>, Bulkhead.BulkheadFull> {
    return Effect.interruptible(Effect.callback((resume) => {
      const holding = Effect.withFiber((fiber) =>
        Effect.callback<unknown, unknown>((goOn) => {
          this.goOn = goOn
          resume(Effect.succeed(fiber.context as Context.Context<never>))
        })
      )
      const holder = this.holder = Effect.runForkWith(context)(this.bulkhead.protect(holding))
      holder.addObserver((exit) => {
        // Once the slot is there, how it is given back is nobody's concern.
        if (this.goOn === undefined) resume(exit as Exit.Exit<never, Bulkhead.BulkheadFull>)
      })
      return Effect.suspend(() => this.goOn === undefined ? Fiber.interrupt(holder) : Effect.void)
    }))
  }

  /** Gives back what was taken, and leaves the queue. Ends when that is done. The bulkhead is told how the work has ended. */
  giveBack(ended: Exit.Exit<unknown, unknown>): Effect.Effect<void> {
    const { goOn, holder } = this
    if (holder === undefined) return Effect.void
    if (goOn === undefined) return Effect.asVoid(Fiber.interrupt(holder))
    goOn(ended)
    return Effect.asVoid(Fiber.await(holder))
  }
}
