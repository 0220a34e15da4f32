/** The patience of a customer, who leaves when it ends and does not wait for what the call cleans up. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { monotonicMillis } from "../../internal/runtime/time.ts"
import { startTimeout } from "../../internal/runtime/timerLane.ts"
import { VirtualTime } from "../virtualClock/virtualTime.ts"
import { gaveUp } from "./outcomes.ts"

const leaves = Exit.fail({ _tag: gaveUp })

/** The calls whose customers have left, and which have not ended yet. */
export class Abandoned {
  private readonly calls = new Set<Fiber.Fiber<unknown, unknown>>()
  private readonly millis: number

  /** `millis` is the patience of each customer. */
  constructor(millis: number) {
    this.millis = millis
  }

  /** Waits for the end of the call as long as the patience of the customer lasts, and interrupts it then. */
  patiently<A, E, R>(call: Effect.Effect<A, E, R>): Effect.Effect<A, E | { readonly _tag: string }, R> {
    return Effect.withFiber((customer) => {
      const fiber = Effect.runForkWith(customer.context)(call as Effect.Effect<A, E>)
      const exit = fiber.pollUnsafe()
      if (exit !== undefined) return exit
      const clock = customer.getRef(Clock.Clock)
      return Effect.callback<A, E | { readonly _tag: string }>((resume) => {
        const due = monotonicMillis(clock) + this.millis
        const leave = () => {
          if (fiber.pollUnsafe() !== undefined) return
          this.calls.add(fiber)
          resume(leaves)
          fiber.interruptUnsafe(customer.id)
        }
        // An answer that comes at this very time comes first, whoever of the two has begun to wait first.
        const timeout = startTimeout(customer, clock, this.millis, due, () => {
          if (clock instanceof VirtualTime) clock.afterAllDue(leave)
          else leave()
        })
        fiber.addObserver((exit) => {
          timeout.cancel(customer)
          if (!this.calls.delete(fiber)) resume(exit)
        })
        return Effect.suspend(() => Fiber.interrupt(fiber))
      })
    })
  }

  /** Waits until they have ended, but no longer than this. */
  within(millis: number): Effect.Effect<void> {
    return Effect.suspend(() =>
      this.calls.size === 0 ? Effect.void : Effect.raceFirst(Fiber.awaitAll([...this.calls]), Effect.sleep(millis))
    )
  }
}
