/**
 * Goes on with another caller's fiber. That runs on at once, and at its end its observers: what one of them throws is logged,
 * for there are others to tell, and something to put in order.
 */
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import { report } from "./callBack.ts"
import type { AnyEffect } from "./guard.ts"

/** Runs the task, which throws nothing, after the step of the caller that let the fiber go on. */
export const later = (fiber: Fiber.Fiber<any, any>, task: () => void): void =>
  fiber.currentDispatcher.scheduleTask(task, 0)

/** Lets the fiber go on now. */
export const resumeWith = <Next>(resume: (next: Next) => void, next: Next): void => {
  try {
    resume(next)
  } catch (defect) {
    report(defect)
  }
}

/** What the fiber goes on with. A guard of the user's may throw, and there is no fiber here that would catch it. */
export const orDie = (next: () => AnyEffect): AnyEffect => {
  try {
    return next()
  } catch (defect) {
    return Exit.die(defect)
  }
}
