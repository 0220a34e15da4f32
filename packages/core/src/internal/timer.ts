/** A timer of the fiber's clock, for the guards whose waits end on their own. */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"

/** Calls `onFire` after so many milliseconds, unless the answer is called first. Infinity never fires. */
export const startTimer = (fiber: Fiber.Fiber<any, any>, millis: number, onFire: () => void): () => void => {
  if (millis === Infinity) return () => {}
  const sleep = fiber.getRef(Clock.Clock).sleep(Duration.millis(millis))
  const timer = Effect.runForkWith(fiber.context)(sleep)
  timer.addObserver((exit) => {
    if (exit._tag === "Success") onFire()
  })
  return () => timer.interruptUnsafe()
}
