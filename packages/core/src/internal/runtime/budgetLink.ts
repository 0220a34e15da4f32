/** What joins a budget with those of other nodes, as who keeps the budget sees it. Nobody who keeps one knows more of a fleet than this. */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"

/**
 * A budget in one window of time. Amounts are whole, and the same for all nodes: micro-dollars, for example.
 *
 * @since 0.1.0
 * @category models
 */
export interface BudgetWindow {
  /** Of the budget: the same on all nodes, and that of no other budget. */
  readonly name: string
  /** What there is in the window, until calls say otherwise. */
  readonly limit: number
  /** What amounts are of, for who reads them. */
  readonly unit: string
  /** The window begins then and has ended then, in milliseconds since the epoch. */
  readonly start: number
  readonly end: number
}

/**
 * What this node has of a budget of the fleet in one window. Nothing here throws.
 *
 * @since 0.1.0
 * @category models
 */
export interface BudgetShare {
  /** What calls can reserve here now, at most. */
  readonly room: (limit: number) => number
  /** The same for a call that has waited: what others wait for is not taken off. */
  readonly roomAfterWait: (limit: number) => number
  /** What is spent by all nodes, and what is reserved or booked by them, as far as it is known here. */
  readonly spent: number
  readonly reserved: number
  /** Somebody looks at it: what all nodes have spent is heard of soon, and for a while. */
  readonly looked: (limit: number) => void
  /** Adds to what this node has spent and reserved. What is given back is below zero. */
  readonly add: (spent: number, reserved: number) => void
  /** A call asks for so much, whatever it is answered. */
  readonly asked: (amount: number, limit: number) => void
  /**
   * Asks the fleet for so much, where it may have it and there is no room for it here. Gives what a call waits for before it
   * asks again, which is not for long; undefined where there is nothing to wait for.
   */
  readonly awaits: (amount: number, limit: number) => Effect.Effect<void> | undefined
  /** While the fleet cannot be asked: after how long that is tried again, in milliseconds. */
  readonly retryAfter: number | undefined
}

/**
 * A fleet, of which budgets can be.
 *
 * @since 0.1.0
 * @category models
 */
export interface BudgetFleet {
  /**
   * Undefined where a name is longer than 512 characters, or is no well-formed text. What another fleet has heard of the same
   * window can go on: `before`.
   */
  readonly open: (window: BudgetWindow, before?: BudgetShare | undefined) => BudgetShare | undefined
}

/**
 * The fleet around; undefined where there is none.
 *
 * @since 0.1.0
 * @category references
 */
export const CurrentBudgetFleet = Context.Reference<BudgetFleet | undefined>(
  "@switchgear/core/Cluster/CurrentBudgetFleet",
  { defaultValue: () => undefined }
)
