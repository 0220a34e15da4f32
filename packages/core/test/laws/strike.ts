/** Interrupts a fiber at its n-th step, counted over all that it runs in fibers of its own scheduler. */
import { Effect, type Fiber, Scheduler } from "effect"

type AnyFiber = Fiber.Fiber<unknown, unknown>

export class Strike {
  private steps = 0
  private readonly n: number

  constructor(n: number) {
    this.n = n
  }

  /** Whether there was an n-th step. */
  get hasStruck(): boolean {
    return this.steps >= this.n
  }

  /** The effect, which is interrupted at the n-th step of its fiber and of the fibers that it starts. */
  at<A, E>(self: Effect.Effect<A, E>): Effect.Effect<A, E> {
    return Effect.withFiber((fiber) => {
      const scheduler = fiber.getRef(Scheduler.Scheduler)
      return Effect.provideService(self, Scheduler.Scheduler, {
        executionMode: scheduler.executionMode,
        makeDispatcher: () => scheduler.makeDispatcher(),
        shouldYield: (running) => this.strikes(fiber as AnyFiber, running) || scheduler.shouldYield(running)
      })
    })
  }

  // The step that is struck yields, and the interrupt comes in the turn after it: never inside a step of anybody.
  private strikes(fiber: AnyFiber, running: AnyFiber): boolean {
    if (++this.steps !== this.n) return false
    running.currentDispatcher.scheduleTask(() => fiber.interruptUnsafe(), 0)
    return true
  }
}
