/** What a node of a fleet and the store tell each other about a budget in one window: money is taken ahead in shares. */

/**
 * What a node tells of a budget in one window. Amounts are whole: micro-dollars, for example.
 *
 * @since 0.1.0
 * @category models
 */
export interface BudgetMessage {
  /** What there is in the window, as far as this node knows. */
  readonly limit: number
  /** What the node would like to have. */
  readonly want: number
  /** A smaller share helps nobody there. */
  readonly least: number
  /** What comes back of shares. */
  readonly back: number
  /** What was spent without a share. */
  readonly over: number
  /** What was spent since the last message, with and without a share. */
  readonly spent: number
  /** What the node has heard of last, see {@link BudgetSums}: a store that was emptied learns of it. */
  readonly heard: BudgetSums
  /** For how long the store keeps it from now on, in milliseconds. */
  readonly keepFor: number
}

/**
 * What was added up of a budget in one window. None of the sums ever becomes smaller.
 *
 * @since 0.1.0
 * @category models
 */
export interface BudgetSums {
  /** Shares that were given out, and what was spent without one. */
  readonly given: number
  /** What of that came back. */
  readonly returned: number
  /** What was spent of the shares that are out, as far as it was told. */
  readonly spent: number
}

/**
 * What the store answers.
 *
 * @since 0.1.0
 * @category models
 */
export interface BudgetAnswer {
  readonly granted: number
  readonly sums: BudgetSums
  /** The limit that the last node went by which told of the budget, where it is another one. */
  readonly otherLimit: number | undefined
}

/**
 * What a node tells the store of some of its budgets.
 *
 * @since 0.1.0
 * @category models
 */
export interface BudgetCall {
  readonly budgets: ReadonlyArray<readonly [budget: string, message: BudgetMessage]>
}

/** The most budgets of one call: Redis does nothing else meanwhile. */
export const mostBudgetsOfCall = 64
