/** Goes on with another caller's fiber, after the step of the caller that let it go on. */
import type * as Fiber from "effect/Fiber"

export const wake = (fiber: Fiber.Fiber<any, any>, task: () => void): void =>
  fiber.currentDispatcher.scheduleTask(task, 0)
