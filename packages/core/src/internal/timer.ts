/** A timer of a clock, for the guards whose waits end on their own. */
import * as Clock from "effect/Clock"
import type * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"

/** Calls `onFire` after so many milliseconds, unless the answer is called first. Infinity never fires. */
export const startTimer = (fiber: Fiber.Fiber<any, any>, millis: number, onFire: () => void): () => void =>
  startTimerOf(fiber.getRef(Clock.Clock), fiber.context, millis, onFire)

/** The same for a timer that may outlive its fiber, which has neither clock nor services when it has ended. */
export const startTimerOf = (
  clock: Clock.Clock,
  context: Context.Context<never>,
  millis: number,
  onFire: () => void
): () => void => {
  if (millis === Infinity) return () => {}
  const timer = Effect.runForkWith(context)(clock.sleep(Duration.millis(millis)))
  timer.addObserver((exit) => {
    if (exit._tag === "Success") onFire()
  })
  return () => timer.interruptUnsafe()
}
