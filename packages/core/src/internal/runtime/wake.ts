/**
 * Resumes the fiber of another call. That fiber runs synchronously, and so do its observers. What an observer throws is
 * logged, because the current step has more to do.
 */
import type * as Fiber from "effect/Fiber"
import { report } from "./callBack.ts"

/** Runs the task, which must not throw, after the current step. */
export const later = (fiber: Fiber.Fiber<any, any>, task: () => void): void =>
  fiber.currentDispatcher.scheduleTask(task, 0)

/** Resumes the fiber now. */
export const resumeWith = <Next>(resume: (next: Next) => void, next: Next): void => {
  try {
    resume(next)
  } catch (defect) {
    report(defect)
  }
}
