/** The bill of a reply, and the snapshots of a ledger. */
import type * as Duration from "effect/Duration"
import type * as Pricing from "../Pricing.ts"

/**
 * What one reply cost, and whom. Amounts are micro-dollars.
 *
 * @category models
 * @since 0.1.0
 */
export interface Bill {
  readonly tenant: string
  /** The name in the catalogue of the model that answered; `"cache"`, `"canned"`, `"shared"`, or `"other"` for one not in it. */
  readonly model: string
  /** Tokens in disjoint parts. */
  readonly used: Pricing.Parts
  readonly cost: Pricing.Cost
  /** What the primary would have cost more for the same tokens; below zero if it would have cost less. */
  readonly saving: Pricing.Amount
  /**
   * Where the cost comes from: what the `provider` told, the `prices` of the ledger, or `unknown` where a price is
   * missing. What no model was asked for is `free`, and so is an answer whose call another caller pays for (`"shared"`).
   */
  readonly source: "provider" | "prices" | "unknown" | "free"
  /** Whether the cost rests on an estimate: the provider did not say all that was used, or the answer broke off. */
  readonly estimated: boolean
}

/**
 * What was added up since the beginning. Amounts are micro-dollars.
 *
 * @category snapshots
 * @since 0.1.0
 */
export interface Totals {
  readonly replies: number
  /** Calls that failed or were interrupted. */
  readonly failures: number
  /** Calls that a budget refused. */
  readonly refused: number
  /** What is known of the costs. */
  readonly cost: number
  /** What of the cost is for attempts that may be billed and gave no answer: failed, interrupted, or not taken. */
  readonly wasted: number
  /** What is known of the savings. */
  readonly saved: number
  /** Replies and attempts without an answer whose cost is not known in full. */
  readonly unpriced: number
  /** Replies and attempts without an answer whose cost was estimated. */
  readonly estimated: number
}

/**
 * A budget in the window that runs now. Amounts are micro-dollars.
 *
 * @category snapshots
 * @since 0.1.0
 */
export interface BudgetState {
  readonly per: "tenant" | "all"
  readonly limit: number
  readonly spent: number
  readonly reserved: number
  readonly resetsIn: Duration.Duration
}

/**
 * What there is to read about one tenant.
 *
 * @category snapshots
 * @since 0.1.0
 */
export interface TenantSnapshot {
  readonly tenant: string
  readonly totals: Totals
  readonly inFlight: number
  readonly budgets: ReadonlyArray<BudgetState>
}

/**
 * What there is to read about a ledger at one moment.
 *
 * @category snapshots
 * @since 0.1.0
 */
export interface Snapshot {
  readonly total: Totals
  /** By the names of the bills. Failed and refused calls are not counted here; what they cost is. */
  readonly models: { readonly [model: string]: Totals }
  /** How many tenants have an account of their own. */
  readonly tenants: number
  /** What was added up for tenants without one; with those of the others it makes the total. */
  readonly others: Totals
  /** The budgets for all tenants together. */
  readonly budgets: ReadonlyArray<BudgetState>
}
