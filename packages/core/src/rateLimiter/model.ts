/** The types of a rate limiter. */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type { Guard } from "../guard/model.ts"
import type { RateLimited } from "./RateLimited.ts"

/**
 * A resource that can be limited.
 *
 * @since 0.1.0
 * @category models
 */
export type Resource = "requests" | "tokens" | "cost"

/**
 * How a limit is kept: see **Semantics** of the module.
 *
 * @since 0.1.0
 * @category models
 */
export type LimitKind = "token-bucket" | "sliding-window"

/**
 * An amount of a resource per time.
 *
 * @since 0.1.0
 * @category models
 */
export interface Limit {
  readonly resource: Resource
  readonly limit: number
  readonly per: Duration.Input
  readonly kind: LimitKind
  readonly burst: number | undefined
}

/**
 * How a limit is kept.
 *
 * @since 0.1.0
 * @category options
 */
export interface LimitOptions {
  /** Which algorithm keeps the limit. @default "token-bucket" */
  readonly kind?: LimitKind | undefined
  /** The most that a token bucket holds. @default the limit itself; with `setLimits`, the `burst` given before */
  readonly burst?: number | undefined
}

/**
 * What one call costs. `requests` is 1 by default, the others 0. A resource without a limit is ignored.
 *
 * @since 0.1.0
 * @category models
 */
export type Cost = { readonly [R in Resource]?: number | undefined }

/**
 * The limits and the queue. `name` and `limits` are required.
 *
 * @since 0.1.0
 * @category options
 */
export interface Options {
  /** Appears in errors and metrics. */
  readonly name: string
  /** At least one limit, and at most one for each resource. */
  readonly limits: ReadonlyArray<Limit>
  /**
   * The longest wait for a turn: a duration of zero or more; `"Infinity"` waits until the deadline. @default 0: rejects
   * at once
   */
  readonly maxWait?: Duration.Input | undefined
  /**
   * The number of calls that may wait, from 0 to 1,000,000. The next call is rejected as `"queue-full"`. Calls that wait until
   * their node has turns are not counted: see `shared`. @default 10_000
   */
  readonly queue?: number | undefined
  /** The longest pause, at most 366 days. A longer `pause` is shortened to it. @default "10 minutes" */
  readonly maxRetryAfter?: Duration.Input | undefined
  /**
   * Whether its limits are those of all limiters with the same name on all nodes together. Without a `Cluster` around they
   * are those of this limiter. A call that finds no turns on its node waits for those that the node asks for, whatever `maxWait`
   * and `queue` are. @default false
   */
  readonly shared?: boolean | undefined
}

/**
 * How one call waits.
 *
 * @since 0.1.0
 * @category options
 */
export interface WaitOptions {
  /** The longest wait for the turn of this call. @default as in {@link Options} */
  readonly maxWait?: Duration.Input | undefined
}

/**
 * Costs that were taken before the actual usage was known. Only the first `settle` or `refund` counts. Without either,
 * the estimate stays taken.
 *
 * @since 0.1.0
 * @category models
 */
export interface Reservation {
  /** Corrects the taken costs to the actual ones, up or down. A resource that is not named keeps its estimate. */
  readonly settle: (actual: Cost) => Effect.Effect<void>
  /** Refunds all costs: the call was not made. */
  readonly refund: Effect.Effect<void>
}

/**
 * The state of a limiter at one moment.
 *
 * @since 0.1.0
 * @category snapshots
 */
export interface Snapshot {
  readonly name: string
  readonly limits: ReadonlyArray<{
    readonly resource: Resource
    /**
     * The amount available now; negative while in debt. Of a shared limit, what the fleet has left, as far as this node has
     * heard.
     */
    readonly available: number
    readonly capacity: number
  }>
  readonly waiting: number
  /** Calls admitted and calls rejected since the limiter was made. */
  readonly admitted: number
  readonly rejected: number
  /** Time until the end of the pause; undefined when the limiter is not paused. */
  readonly pausedFor: Duration.Duration | undefined
}

/**
 * A rate limiter. Make it once and share it: it limits only the calls that go through it.
 *
 * @since 0.1.0
 * @category guards
 */
export interface RateLimiter extends Guard<RateLimited> {
  readonly name: string
  /** Wraps an effect that costs one request with this limiter. Adds {@link RateLimited} to its errors. */
  readonly protect: <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | RateLimited, R>
  /**
   * Like `protect`, for other costs or another `maxWait`. `settle` computes the actual costs from a success; when it
   * throws or returns invalid costs, the estimate stands. `costs` that differ from call to call are a function, which
   * is called in the fiber of each call, and twice while calls are being rejected. Throws a `RangeError` on costs
   * outside 0 to 2^53 - 1; where a function returns them, the call dies with it.
   */
  readonly protectWith: <A>(
    options: WaitOptions & {
      readonly costs: Cost | (() => Cost)
      readonly settle?: ((value: A) => Cost) | undefined
    }
  ) => <E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | RateLimited, R>
  /**
   * Waits for the turn of the costs and takes them. When an interrupt prevents the caller from getting the reservation,
   * it is refunded.
   */
  readonly reserve: (costs: Cost, options?: WaitOptions) => Effect.Effect<Reservation, RateLimited>
  /**
   * Admits no call for this duration, at most `maxRetryAfter`, and caps every available amount at 0: for use after a 429. A
   * longer pause in force stays. Waiting calls whose turn is now too late are rejected at once.
   */
  readonly pause: (duration: Duration.Input) => Effect.Effect<void>
  /** Ends a pause now. The available amounts stay as the pause left them. */
  readonly resume: Effect.Effect<void>
  /**
   * Caps the available amount of each named resource at `atMost`: for when the provider reports how much is left. Later
   * refills and refunds add to it. A lower amount stays as it is. A resource without a limit is ignored. Dies with a
   * `RangeError` on an amount that is negative or not finite.
   */
  readonly clampAvailable: (atMost: Cost) => Effect.Effect<void>
  /**
   * Changes the limits of the same resources and keeps what was used. A limit without `burst` keeps the `burst` given
   * before, if any. Dies with a `RangeError` on other resources or kinds.
   */
  readonly setLimits: (limits: ReadonlyArray<Limit>) => Effect.Effect<void>
  readonly snapshot: Effect.Effect<Snapshot>
}
