/** The options of a ledger: prices and budgets. */
import type * as Duration from "effect/Duration"
import type * as ChatModel from "../ChatModel.ts"
import type * as Pricing from "../Pricing.ts"
import type { TokenEstimate } from "../pricing/estimateTokens.ts"

/**
 * Dollars in a window of time: a calendar day or month in UTC, or a length of time counted from the epoch.
 *
 * @category options
 * @since 0.1.0
 */
export interface Budget {
  /** For each tenant, or for all together. */
  readonly per: "tenant" | "all"
  /** Dollars, above zero and at most a billion, with at most six decimals. */
  readonly dollars: number
  /** `"day"` and `"month"` are those of the calendar in UTC. */
  readonly window: "day" | "month" | Duration.Input
  /**
   * Whether it is one budget of all nodes of the `Cluster` around, whose ledgers have the same `name`. Without a `Cluster` it is that
   * of this process. @default false
   */
  readonly shared?: boolean | undefined
}

/**
 * The prices and the budgets of a ledger. `prices` and `primary` are required.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options {
  /**
   * The name by which shared budgets are those of other nodes' ledgers, too. It is in keys of their store. @default none; required
   * where a budget is shared
   */
  readonly name?: string | undefined
  /** The prices of the models: see `Pricing.price`, `Pricing.decode` and `Pricing.fromFile`. */
  readonly prices: Pricing.Catalogue
  /** The model with which savings are compared. It must be in `prices`. */
  readonly primary: string
  /**
   * Other names of models, each with the name in `prices` that it stands for. The date of a version, the maker before a
   * slash and the way a name is written need none. @default none
   */
  readonly aliases?: { readonly [alias: string]: string } | undefined
  /** The models that may answer: reservations are made at the highest of their prices. @default all of `prices` */
  readonly models?: ReadonlyArray<string> | undefined
  /** A call must fit into all of them. With budgets, all `models` need a price of input and output. @default none */
  readonly budgets?: ReadonlyArray<Budget> | undefined
  /** Tokens reserved for the completion of a request without `max_tokens`. @default 4_096 */
  readonly assumedOutput?: number | undefined
  /**
   * The most tokens a request is expected to use. The rate limiter of a `ChatModel` takes the same function. The default
   * stands in where it throws or gives a number below 0 or above 100 million.
   * @default `Pricing.estimateTokens`: the bytes of its text, images and the like by what they are, and its `max_tokens`
   */
  readonly estimate?: ((request: ChatModel.Request) => TokenEstimate) | undefined
  /** Tenants that have an account of their own. The budgets of further ones are kept in shared cells. @default 10_000 */
  readonly tenants?: number | undefined
  /** How long an account that has spent nothing in a running window is remembered. @default "1 hour" */
  readonly idleTimeToLive?: Duration.Input | undefined
}
