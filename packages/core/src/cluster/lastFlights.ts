/** The last messages of the limits and the budgets of a node: nobody hears the answers, and no end waits long for them. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { longestFlight } from "./flight.ts"

export class LastFlights {
  /** One that nobody waits for any more, and since when. */
  private overdue: { readonly flying: Fiber.Fiber<unknown, unknown>; readonly since: number } | undefined
  private readonly now: () => number

  constructor(now: () => number) {
    this.now = now
  }

  /**
   * Sends the last message of what ends, and waits for the answer: for `timeout` milliseconds at most, and not at all while one before it is overdue,
   * so that a node ends in time whatever the store does, and however many limits it has. The fiber that ends it may be interrupted, and the connection
   * is closed after this.
   */
  send<A, E>(message: () => Effect.Effect<A, E>, timeout: number): Effect.Effect<void> {
    return Effect.flatMap(Effect.forkDetach(Effect.suspend(message)), (flying) => {
      if (this.isSilent) return Effect.void
      const answered = Effect.timeoutOption(Fiber.await(flying), Duration.millis(timeout))
      return Effect.flatMap(Effect.forkDetach(answered), (waiting) =>
        Effect.map(Fiber.await(waiting), () => {
          if (flying.pollUnsafe() === undefined) this.overdue = { flying, since: this.now() }
        }))
    })
  }

  private get isSilent(): boolean {
    const { overdue } = this
    return overdue !== undefined && overdue.flying.pollUnsafe() === undefined &&
      this.now() - overdue.since < longestFlight
  }
}
