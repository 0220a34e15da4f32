/**
 * A timer of a clock, for the guards whose waits end on their own. It may outlive the fiber that started it, so it takes
 * nothing of that fiber but its scheduler: the services of a request must not live as long as a timer.
 */
import type * as Clock from "effect/Clock"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Scheduler from "effect/Scheduler"

/** Calls `onFire` after `millis` milliseconds, unless the returned function is called first. Infinity never fires. */
export const startTimerOf = (
  clock: Clock.Clock,
  scheduler: Scheduler.Scheduler,
  millis: number,
  onFire: () => void
): () => void => {
  if (millis === Infinity) return () => {}
  const timer = Effect.runForkWith(contextOf(scheduler))(clock.sleep(Duration.millis(millis)))
  timer.addObserver((exit) => {
    if (exit._tag === "Success") fireSafely(onFire)
  })
  return () => timer.interruptUnsafe()
}

/**
 * Calls back from a timer, where nobody is there to catch: what is thrown is logged, so that it neither ends the process
 * nor keeps the timers that are due next from firing.
 */
export const fireSafely = (onFire: () => void): void => {
  try {
    onFire()
  } catch (defect) {
    Effect.runFork(Effect.logError("A timer's callback threw.", Cause.die(defect)))
  }
}

const contexts = new WeakMap<Scheduler.Scheduler, Context.Context<never>>()

const contextOf = (scheduler: Scheduler.Scheduler): Context.Context<never> => {
  let context = contexts.get(scheduler)
  if (context === undefined) contexts.set(scheduler, context = Context.make(Scheduler.Scheduler, scheduler))
  return context
}
