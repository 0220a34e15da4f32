/** The types of a hedge: what is configured, what is made, what is read. */
import type * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"

/**
 * How many hedges are allowed: each call adds `ratio`, each hedge takes 1. It begins with `burst`.
 *
 * @since 0.1.0
 * @category options
 */
export interface Budget {
  /** Hedges for each call: above 0 and at most 1. @default 0.05 */
  readonly ratio?: number | undefined
  /** The most hedges that can be saved up: a whole number from 1 to 1,000. @default 10 */
  readonly burst?: number | undefined
}

/**
 * A quantile of the times of earlier calls.
 *
 * @since 0.1.0
 * @category options
 */
export interface Quantile {
  /** Above 0 and at most 1. */
  readonly quantile: number
}

/**
 * What a call shows of itself to `classOf`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Call {
  /** A reference of the caller's context. */
  readonly get: <A>(reference: Context.Reference<A>) => A
}

/**
 * When a second run is started, and how many of them. `name` is required.
 *
 * @since 0.1.0
 * @category options
 */
export interface Options {
  /** Appears in metrics and in the registry. */
  readonly name: string
  /**
   * The time after which the second run is started: a duration above zero, or a quantile of the class's last 400 results,
   * which is calculated again every 10 calls and known from 20 results on. `"Infinity"` never starts one.
   * @default { quantile: 0.95 }
   */
  readonly delay?: Duration.Input | Quantile | undefined
  /**
   * What a call is waited for, and what fixes the winner: its first token, which it tells by `Hedge.firstToken`, or its
   * result. A call that tells of no first token is waited for until its result. @default "firstToken"
   */
  readonly on?: "firstToken" | "result" | undefined
  /** The most runs beside the first one: a whole number from 1 to 10. @default 1 */
  readonly maxHedges?: number | undefined
  /** How much load hedges may add. There is no hedge without a budget. @default { ratio: 0.05, burst: 10 } */
  readonly budget?: Budget | undefined
  /**
   * The share of the last 50 hedges that must have won, from 0 to 1, once 20 are known. Below it only one in ten is
   * started, as a probe. @default 0.25
   */
  readonly minimumWinRate?: number | undefined
  /**
   * The class of a call, in each of which calls take alike: the model, or the size of the question. Of more than 8
   * classes the rest share one. @default one class
   */
  readonly classOf?: ((call: Call) => string) | undefined
}

/**
 * Why a hedge was not started:
 *
 * - `samples`: there are fewer than 20 results to take the quantile of;
 * - `unsafe`: the call must not be made twice;
 * - `deadline`: less time is left than half of the runs take;
 * - `circuit`: the circuit of its target is not closed, or its target is not available;
 * - `busy`: its target has no free slot or no turn, or is the same one and at 90 % of its limit;
 * - `attempts`: the `Attempts` of the request are spent;
 * - `budget`: the hedge's own budget is spent;
 * - `losing`: too few of the last hedges have won;
 * - `retry-budget`: the `RetryBudget` around the call is spent;
 * - `refused`: a guard refused it before its work began.
 *
 * @since 0.1.0
 * @category snapshots
 */
export type Reason =
  | "samples"
  | "unsafe"
  | "deadline"
  | "circuit"
  | "busy"
  | "attempts"
  | "budget"
  | "losing"
  | "retry-budget"
  | "refused"

/**
 * The calls of one class.
 *
 * @since 0.1.0
 * @category snapshots
 */
export interface ClassSnapshot {
  readonly class: string
  /** After which a hedge is started now; undefined where too few results are known. */
  readonly delay: Duration.Duration | undefined
  /** The results that it is calculated from. */
  readonly samples: number
}

/**
 * The state of a hedge at one moment.
 *
 * @since 0.1.0
 * @category snapshots
 */
export interface Snapshot {
  readonly name: string
  /** Calls since the hedge was made. */
  readonly primaries: number
  /** Further runs of them that were begun. */
  readonly hedges: number
  /** Calls with a hedge that a hedge has answered, and those that it has not. Those that were interrupted are neither. */
  readonly won: number
  readonly lost: number
  /** The share of the last 50 of these that were won; NaN while none is known. */
  readonly winRate: number
  /** Whether hedges are off, but for probes, because too few have won. */
  readonly isLosing: boolean
  /** Hedges that the budget allows now. */
  readonly budget: number
  /** Hedges that were not started, by reason. */
  readonly notStarted: { readonly [R in Reason]: number }
  readonly classes: ReadonlyArray<ClassSnapshot>
}

/**
 * What a hedge would be sent to, as far as it can be seen: a hedge waits for no slot, and probes no circuit.
 *
 * @since 0.1.0
 * @category options
 */
export interface Target {
  /** False while it lets no call through. */
  readonly isAvailable?: Effect.Effect<boolean> | undefined
  /** A `CircuitBreaker`. */
  readonly breaker?: { readonly state: Effect.Effect<string> } | undefined
  /** A `Bulkhead`. */
  readonly bulkhead?: { readonly snapshot: Effect.Effect<object> } | undefined
  /** A `RateLimiter`. */
  readonly rateLimiter?: { readonly snapshot: Effect.Effect<object> } | undefined
}

/**
 * What is different for one call.
 *
 * @since 0.1.0
 * @category options
 */
export interface CallOptions<out B = never, out E = never, out R = never> {
  /** What is run as the hedge, such as the same question to the next model. @default the effect itself */
  readonly backup?: Effect.Effect<B, E, R> | undefined
  /** The guards of the target of the hedge. @default not looked at */
  readonly target?: Target | undefined
}

/**
 * A hedge.
 *
 * @since 0.1.0
 * @category guards
 */
export interface Hedge {
  readonly name: string
  /** Wraps an effect, which may then be run twice. Changes neither its value nor its errors. */
  readonly protect: <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  /**
   * Like `protect`, with something else as the hedge. Its error is returned only if it failed after its first token: what
   * fails before leaves the result to the effect.
   */
  readonly protectWith: <B = never, E2 = never, R2 = never>(
    options: CallOptions<B, E2, R2>
  ) => <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A | B, E | E2, R | R2>
  readonly snapshot: Effect.Effect<Snapshot>
}
