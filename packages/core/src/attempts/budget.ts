/** The budget of attempts that a fiber runs under. */
import * as Context from "effect/Context"
import type * as Fiber from "effect/Fiber"

/**
 * A budget of attempts.
 *
 * @since 0.1.0
 * @category models
 */
export interface Budget {
  readonly left: number
  /**
   * Takes one attempt from this budget and from those around it. Returns false, and takes nothing, when one of them is
   * empty.
   */
  readonly take: () => boolean
}

/**
 * The budget that the running fiber is under; undefined without one.
 *
 * @since 0.1.0
 * @category references
 */
export const CurrentAttempts = Context.Reference<Budget | undefined>("@switchgear/core/Attempts/CurrentAttempts", {
  defaultValue: () => undefined
})

/** Takes one attempt for the fiber. Returns false when none is left. */
export const takeAttempt = (fiber: Fiber.Fiber<any, any>): boolean => fiber.getRef(CurrentAttempts)?.take() ?? true

/**
 * A budget inside others. It keeps a reference only to outer budgets whose effect still runs. Otherwise detached work
 * that restarts itself would make the chain longer with every restart.
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

  /** Marks that the effect under this budget has ended. */
  end(): void {
    this.isEnded = true
  }

  static innermostRunning(budget: Budget | undefined): Budget | undefined {
    while (budget instanceof NestedBudget && budget.isEnded) budget = budget.around
    return budget
  }
}

const running = NestedBudget.innermostRunning
