/** The options of a guarded client, and the errors that they add. */
import type * as Bulkhead from "@switchgear/core/Bulkhead"
import type * as CircuitBreaker from "@switchgear/core/CircuitBreaker"
import type * as ConcurrencyLimit from "@switchgear/core/ConcurrencyLimit"
import type * as Deadline from "@switchgear/core/Deadline"
import type * as RateLimiter from "@switchgear/core/RateLimiter"
import type * as Retry from "@switchgear/core/Retry"
import type * as Duration from "effect/Duration"
import type * as HttpClientRequest from "effect/http/HttpClientRequest"

/**
 * What a request takes along to its server: nothing; the time and the attempts that are left; or these, and the priority and
 * the key of the call.
 *
 * @category options
 * @since 0.1.0
 */
export type Propagated = "nothing" | "budgets" | "everything"

/**
 * The guards of each authority. Each has a default, and most can be `"off"`.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options {
  /** Appears in errors, health and metrics. @default "http" */
  readonly name?: string | undefined
  /** The time for all attempts, and for reading a whole body. @default "30 seconds" */
  readonly deadline?: Duration.Input | "off" | undefined
  /** The time for one attempt, until the head of its response. @default "10 seconds" */
  readonly attemptTimeout?: Duration.Input | "off" | undefined
  /**
   * How a request that may be sent twice is sent again. @default 3 attempts in all, waits from zero to 2 and 4 seconds, and
   * what `Retry-After` asks for
   */
  readonly retry?: Omit<Retry.Options, "name" | "while"> | "off" | undefined
  /** The circuit of each authority. @default opens when 10 % of at least 100 calls of 30 seconds have failed, for 5 seconds */
  readonly breaker?: Omit<CircuitBreaker.Family.Options, "name" | "classify"> | "off" | undefined
  /** Attempts at once. @default 1,000, and none waits */
  readonly bulkhead?: Omit<Bulkhead.Options, "name"> | "off" | undefined
  /**
   * Attempts at once, by a limit that finds the number by itself, in the place of the bulkhead. A response with status 503 or 529 and
   * an attempt that times out are drops. @default none
   */
  readonly concurrencyLimit?: Omit<ConcurrencyLimit.Options, "name"> | undefined
  /** Attempts per time. A 429 pauses it for as long as its `Retry-After` says. @default none */
  readonly rateLimiter?: Omit<RateLimiter.Options, "name"> | undefined
  /** How long a streamed body may be silent. @default "30 seconds" */
  readonly idleTimeout?: Duration.Input | "off" | undefined
  /** Whose guards a request passes. @default the host and port of its URL */
  readonly keyOf?: ((request: HttpClientRequest.HttpClientRequest) => string) | undefined
  /** Keys whose guards are kept. @default 10_000 */
  readonly capacity?: number | undefined
  /**
   * What requests take along. Let nobody but your own services have the keys of your tenants. @default "budgets"
   */
  readonly propagate?: Propagated | ((request: HttpClientRequest.HttpClientRequest) => Propagated) | undefined
}

/** What stands in an option, or may stand there; never where it is left out. */
type Given<O, Name extends keyof Options> = O extends unknown ? Name extends keyof O ? O[Name] : never : never

/** A guard that is there by default adds its error unless it is surely off. */
type Unless<Option, Rejection> = [Option] extends [never] ? Rejection : [Option] extends ["off"] ? never : Rejection

export type ByBreaker<O> = Unless<Given<O, "breaker">, CircuitBreaker.CircuitOpen>

/** A guard that is not there by default adds its error where it may be there. */
type Where<Option, Rejection> = [Extract<Option, object>] extends [never] ? never : Rejection

export type ByBulkhead<O> =
  | Unless<Given<O, "bulkhead">, Bulkhead.BulkheadFull>
  | Where<Given<O, "concurrencyLimit">, Bulkhead.BulkheadFull>

export type ByRateLimiter<O> = Where<Given<O, "rateLimiter">, RateLimiter.RateLimited>

export type ByTime<O> =
  | Unless<Given<O, "deadline">, Deadline.DeadlineExceeded>
  | Unless<Given<O, "attemptTimeout">, Deadline.DeadlineExceeded>

/**
 * The errors that guards of these options add.
 *
 * @category errors
 * @since 0.1.0
 */
export type Rejections<O extends Options> = ByBreaker<O> | ByBulkhead<O> | ByRateLimiter<O> | ByTime<O>
