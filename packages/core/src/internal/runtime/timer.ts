/**
 * A timer of a clock. It may outlive the fiber that started it, so it keeps only that fiber's scheduler: the services
 * of a request must not live as long as a timer.
 */
import type * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Scheduler from "effect/Scheduler"
import { callBack } from "./callBack.ts"

/**
 * Calls `onFire` after `millis` milliseconds, unless the returned function is called first. Never calls it
 * synchronously. Infinity never fires.
 */
export const startTimerOf = (
  clock: Clock.Clock,
  scheduler: Scheduler.Scheduler,
  millis: number,
  onFire: () => void
): () => void => {
  if (millis === Infinity) return () => {}
  const run = Effect.runForkWith(contextOf(scheduler))
  const sleep = run(clock.sleep(Duration.millis(millis)))
  // A clock may complete a sleep at once.
  const timer = sleep.pollUnsafe()?._tag === "Success" ? run(Effect.yieldNow) : sleep
  timer.addObserver((exit) => {
    if (exit._tag === "Success") callBack(onFire)
  })
  return () => timer.interruptUnsafe()
}

const contexts = new WeakMap<Scheduler.Scheduler, Context.Context<never>>()

const contextOf = (scheduler: Scheduler.Scheduler): Context.Context<never> => {
  let context = contexts.get(scheduler)
  if (context === undefined) contexts.set(scheduler, context = Context.make(Scheduler.Scheduler, scheduler))
  return context
}
