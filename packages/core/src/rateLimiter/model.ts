/** What a rate limiter is. */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type { Guard } from "../guard/model.ts"
import type { RateLimited } from "./RateLimited.ts"

/** What can be limited. */
export type Resource = "requests" | "tokens" | "cost"

/** How a limit is kept: see the semantics above. */
export type LimitKind = "token-bucket" | "sliding-window"

/** So much of a resource per time. */
export interface Limit {
  readonly resource: Resource
  readonly limit: number
  readonly per: Duration.Input
  readonly kind: LimitKind
  readonly burst: number | undefined
}

/** How a limit is kept. */
export interface LimitOptions {
  /** @default "token-bucket" */
  readonly kind?: LimitKind | undefined
  /** What a token bucket saves up at most. @default the limit itself; for `setLimits`, as it was */
  readonly burst?: number | undefined
}

/** What one call takes. `requests` is 1 unless given, the others 0. What has no limit is not counted. */
export type Cost = { readonly [R in Resource]?: number | undefined }

/** What is limited, and who waits. `name` and `limits` must be given. */
export interface Options {
  /** Appears in errors and metrics. */
  readonly name: string
  /** At most one for each resource. */
  readonly limits: ReadonlyArray<Limit>
  /** The longest wait for a turn; `"Infinity"` to leave it to the deadline. @default 0: refused at once */
  readonly maxWait?: Duration.Input | undefined
  /** How many calls may wait at a time, from 0 to 1,000,000. The next is refused as `"queue-full"`. @default 10_000 */
  readonly queue?: number | undefined
  /** The longest pause, at most 366 days: what a provider asks for is cut off there. @default "10 minutes" */
  readonly maxRetryAfter?: Duration.Input | undefined
}

/** How one call waits. */
export interface WaitOptions {
  /** The longest wait for this call's turn. @default as the limiter's */
  readonly maxWait?: Duration.Input | undefined
}

/** What was taken before its true size was known. Ends once; what is never ended stays as it was taken. */
export interface Reservation {
  /** Takes more, or gives back, until what was taken is what is given here; what is not named stays. */
  readonly settle: (actual: Cost) => Effect.Effect<void>
  /** Gives everything back: the call was not made. */
  readonly refund: Effect.Effect<void>
}

/** What there is to read about a limiter at one moment. */
export interface Snapshot {
  readonly name: string
  readonly limits: ReadonlyArray<{
    readonly resource: Resource
    /** What can be taken now; negative in debt. */
    readonly available: number
    readonly capacity: number
  }>
  readonly waiting: number
  /** Calls that got their turn, and calls refused, since the beginning. */
  readonly admitted: number
  readonly rejected: number
  /** Time until the end of a pause, if there is one. */
  readonly pausedFor: Duration.Duration | undefined
}

/** A rate limiter. */
export interface RateLimiter extends Guard<RateLimited> {
  readonly name: string
  /** Stands around an effect that costs one request. Adds {@link RateLimited} to its errors and changes nothing else. */
  readonly protect: <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | RateLimited, R>
  /**
   * Like `protect`, for another cost or another `maxWait`. `settle` says what a success really took; where it throws or
   * answers nonsense, the estimate stands. Throws a `RangeError` on costs that are no numbers from 0 to 2^53 - 1.
   */
  readonly protectWith: <A>(
    options: WaitOptions & {
      readonly costs: Cost
      readonly settle?: ((value: A) => Cost) | undefined
    }
  ) => <E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | RateLimited, R>
  /** Takes the costs at their turn. A reservation that an interrupt keeps from its caller is refunded. */
  readonly reserve: (costs: Cost, options?: WaitOptions) => Effect.Effect<Reservation, RateLimited>
  /**
   * Grants nothing for so long, at most for `maxRetryAfter`, and forgets what was saved up: for after a 429. A longer
   * pause that is in force stands. Waiters that cannot get their turn in time any more are refused at once.
   */
  readonly pause: (duration: Duration.Input) => Effect.Effect<void>
  /** Ends a pause now. What the pause made the limiter forget stays forgotten. */
  readonly resume: Effect.Effect<void>
  /**
   * Lets go of what there is beyond so much of each resource: for when the provider says how much is left. What is less
   * stays, and so does what is not named or has no limit. It holds for this moment: what time brings in and what is given
   * back come on top. Dies with a `RangeError` on an amount that is negative or not finite.
   */
  readonly clampAvailable: (atMost: Cost) => Effect.Effect<void>
  /**
   * Goes on with other limits for the same resources, keeping what was used. A limit without a `burst` keeps the `burst`
   * that was given before, if one was. Dies with a `RangeError` on other resources or kinds.
   */
  readonly setLimits: (limits: ReadonlyArray<Limit>) => Effect.Effect<void>
  readonly snapshot: Effect.Effect<Snapshot>
}
