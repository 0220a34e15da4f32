/** Goes on with another caller's fiber, after the step of the caller that let it go on. */
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type { AnyEffect } from "./guard.ts"

export const wake = (fiber: Fiber.Fiber<any, any>, task: () => void): void =>
  fiber.currentDispatcher.scheduleTask(task, 0)

/** What the fiber goes on with. A guard of the user's may throw, and there is no fiber here that would catch it. */
export const orDie = (next: () => AnyEffect): AnyEffect => {
  try {
    return next()
  } catch (defect) {
    return Exit.die(defect)
  }
}
