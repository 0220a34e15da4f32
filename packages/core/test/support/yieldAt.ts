import { Effect, Exit, Fiber, Scheduler } from "effect"

/** Yields exactly once, before the n-th step of the run loop: the one place where an interrupt can then strike. */
class YieldAt extends Scheduler.MixedScheduler {
  steps = 0
  /** What strikes at the n-th step. */
  strike = () => {}
  private readonly n: number

  constructor(n: number) {
    super()
    this.n = n
  }

  override shouldYield(): boolean {
    if (++this.steps !== this.n) return false
    this.strike()
    return true
  }

  get passed(): boolean {
    return this.steps >= this.n
  }
}

/** Turns of the event loop without a step after which a program is known to wait for what does not come. */
const idleTurns = 5

/**
 * Runs a program once for every step it has, also for those after it has waited, interrupting it at that step, and calls
 * `check` after each run. Ends with the first step that the program does not reach, because it has ended or waits for
 * ever; answers how many steps were struck.
 */
export const interruptAtEveryStep = <A, E>(options: {
  /** A fresh program for each run, and what has to be looked at afterwards. */
  readonly program: () => Effect.Effect<A, E>
  readonly check: (exit: Exit.Exit<A, E>, step: number) => Effect.Effect<void>
}): Effect.Effect<number> =>
  Effect.gen(function*() {
    for (let step = 1;; step++) {
      const scheduler = new YieldAt(step)
      const fiber = Effect.runForkWith(yield* Effect.context<never>())(options.program(), { scheduler })
      scheduler.strike = () => fiber.interruptUnsafe()
      for (let idle = 0; idle < idleTurns && !scheduler.passed && fiber.pollUnsafe() === undefined;) {
        const { steps } = scheduler
        yield* Effect.yieldNow
        idle = scheduler.steps === steps ? idle + 1 : 0
      }
      const reached = scheduler.passed
      fiber.interruptUnsafe()
      yield* options.check(yield* Fiber.await(fiber), step)
      if (!reached) return step - 1
    }
  })
