import { Effect, Exit, Fiber, Scheduler } from "effect"

/** Yields exactly once, before the n-th step of the run loop: the one place where an interrupt can then strike. */
class YieldAt extends Scheduler.MixedScheduler {
  private steps = 0
  private readonly n: number

  constructor(n: number) {
    super()
    this.n = n
  }

  override shouldYield(): boolean {
    return ++this.steps === this.n
  }

  get passed(): boolean {
    return this.steps >= this.n
  }
}

/**
 * Runs a program once for every step it has, interrupting it at that step, and calls `check` after each run. Ends with
 * the first step that the program does not reach; answers how many steps were struck.
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
      const reached = scheduler.passed
      fiber.interruptUnsafe()
      yield* options.check(yield* Fiber.await(fiber), step)
      if (!reached) return step - 1
    }
  })
