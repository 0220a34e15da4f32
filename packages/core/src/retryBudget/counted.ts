/** Counts the successes that pay into a retry budget: each once, by the innermost retry. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import { monotonicMillis } from "../internal/runtime/time.ts"
import type { RetryBudget } from "./model.ts"
import { accounts } from "./account.ts"
import { CurrentBudget } from "./current.ts"

/** Counts the success of the effect, unless a retry further in has counted it for the same budget. */
export const counted = <A, E, R>(
  self: Effect.Effect<A, E, R>,
  budget: RetryBudget,
  fiber: Fiber.Fiber<any, any>
): Effect.Effect<A, E, R> => {
  const counter = new Counter(budget, fiber.getRef(CurrentCounter))
  return Effect.onExitPrimitive(Effect.provideService(self, CurrentCounter, counter), (exit) => {
    counter.end()
    if (exit._tag === "Failure" || !counter.isFirst()) return undefined
    const account = accounts.get(budget)
    if (account === undefined) return budget.deposit
    account.deposit(monotonicMillis(fiber.getRef(Clock.Clock)))
    return undefined
  })
}

/** The counter of the innermost retry around the running fiber. */
export const CurrentCounter = Context.Reference<Counter | undefined>("@switchgear/core/RetryBudget/CurrentCounter", {
  defaultValue: () => undefined
})

/** The budget that the innermost retry around the fiber spends from, or else the one that is in force for the fiber. */
export const budgetAround = (fiber: Fiber.Fiber<any, any>): RetryBudget | undefined =>
  Counter.running(fiber.getRef(CurrentCounter))?.budget ?? fiber.getRef(CurrentBudget)

class Counter {
  readonly budget: RetryBudget
  private around: Counter | undefined
  private isCounted = false
  private isEnded = false

  // Counters whose effect has ended are left out of the chain: detached work that starts itself again would otherwise
  // make the chain longer each time.
  constructor(budget: RetryBudget, around: Counter | undefined) {
    this.budget = budget
    this.around = Counter.running(around)
    for (let outer = this.around; outer !== undefined; outer = outer.around)
      outer.around = Counter.running(outer.around)
  }

  /** Whether no counter further in has counted the success. Marks it as counted in the counters further out. */
  isFirst(): boolean {
    if (this.isCounted) return false
    for (let outer = this.around; outer !== undefined; outer = outer.around) {
      if (outer.budget === this.budget) outer.isCounted = true
    }
    return true
  }

  end(): void {
    this.isEnded = true
  }

  static running(counter: Counter | undefined): Counter | undefined {
    while (counter?.isEnded) counter = counter.around
    return counter
  }
}
