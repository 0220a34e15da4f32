/**
 * Ends a history in which nothing goes on. Only the steps of a history move its clock, so that a subject which sleeps
 * while it is made or looked at would wait for ever.
 */
import * as Clock from "effect/Clock"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { unseen } from "../virtualClock/asyncHooks.ts"
import { startReal, stopReal } from "../virtualClock/realTimers.ts"

/** What a history is doing, and how many things it has begun. */
export class Progress {
  doing = ""
  begun = 0

  begin(doing: string): void {
    this.doing = doing
    this.begun++
  }
}

/** A history that goes on no more; its defect, because shortening it would take a second for each try. */
export class Stuck {
  readonly problem: string

  constructor({ doing }: Progress) {
    this.problem =
      `${doing} has not ended, and for a second nothing else has happened. Time moves only with the steps of ` +
      "the history: what sleeps here sleeps for ever, and what yields for ever never lets the clock move. Sleep in the " +
      "calls, or start what waits in a fiber of its own."
  }
}

// In real time. Ticks, and not a time, so that a process that is held up is not taken for a history that is.
const tick = 100
const ticks = 10

// No timer of the program, so that virtual time keeps no stack trace of it, and reads none.
const wait = Effect.callback<void>((resume) => {
  const timer = unseen(() => startReal(() => resume(Effect.void), tick))
  return Effect.sync(() => stopReal(timer))
})

/** Runs the effect, and dies with `Stuck` when its progress stops. */
export const watched = <A, E, R>(effect: Effect.Effect<A, E, R>, progress: Progress): Effect.Effect<A, E, R> =>
  Effect.withFiber((outer) => {
    if (!("withLive" in outer.getRef(Clock.Clock))) return effect
    const context = outer.context as Context.Context<R>
    return Effect.callback<A, E>((resume) => {
      const fiber = Effect.runForkWith(context)(effect)
      const dog = Effect.runForkWith(context)(
        Effect.map(stopped(progress), () => {
          resume(Effect.die(new Stuck(progress)))
          fiber.interruptUnsafe(outer.id)
        })
      )
      fiber.addObserver((exit) => {
        dog.interruptUnsafe(outer.id)
        resume(exit)
      })
      return Effect.callback<void>((done) => {
        dog.interruptUnsafe(outer.id)
        fiber.interruptUnsafe(outer.id)
        fiber.addObserver(() => done(Effect.void))
      })
    })
  })

/** Ends when there was no progress for as many ticks in a row. */
const stopped = (progress: Progress): Effect.Effect<void> => {
  let last = -1
  let idle = 0
  return Effect.whileLoop({
    while: () => {
      idle = progress.begun === last ? idle + 1 : 0
      last = progress.begun
      return idle < ticks
    },
    body: () => wait,
    step: () => {}
  })
}
