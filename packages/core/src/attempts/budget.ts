/** The budget of attempts that a fiber is under. */
import * as Context from "effect/Context"
import type * as Fiber from "effect/Fiber"

/** What is left of a budget of attempts. */
export interface Budget {
  readonly left: number
  /** Takes one attempt from this budget and those around it, or answers false and takes nothing. */
  readonly take: () => boolean
}

/** The budget that the running fiber is under, if any. */
export const CurrentAttempts = Context.Reference<Budget | undefined>("@switchgear/core/Attempts/CurrentAttempts", {
  defaultValue: () => undefined
})

/** Takes a further attempt for the fiber, or answers false when none is left. */
export const takeAttempt = (fiber: Fiber.Fiber<any, any>): boolean => fiber.getRef(CurrentAttempts)?.take() ?? true

/**
 * A budget inside those around it. Only budgets whose effect still runs are kept around: detached work that begins itself
 * anew would make the chain longer with every generation.
 */
export class NestedBudget implements Budget {
  private own: number
  private around: Budget | undefined
  private isEnded = false

  constructor(own: number, around: Budget | undefined) {
    this.own = own
    this.around = running(around)
    for (let outer = this.around; outer instanceof NestedBudget; outer = outer.around)
      outer.around = running(outer.around)
  }

  get left(): number {
    let left = this.own
    for (let outer = this.around; outer !== undefined; outer = outer instanceof NestedBudget ? outer.around : undefined)
      left = Math.min(left, outer instanceof NestedBudget ? outer.own : outer.left)
    return left
  }

  take(): boolean {
    if (this.left <= 0) return false
    this.own--
    let outer = this.around
    for (; outer instanceof NestedBudget; outer = outer.around) outer.own--
    outer?.take()
    return true
  }

  /** The effect that was given the budget has ended. */
  end(): void {
    this.isEnded = true
  }

  static innermostRunning(budget: Budget | undefined): Budget | undefined {
    while (budget instanceof NestedBudget && budget.isEnded) budget = budget.around
    return budget
  }
}

const running = NestedBudget.innermostRunning
