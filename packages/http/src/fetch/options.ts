/** What a guarded fetch is told: plain objects, as they may also be written in JSON. */

/**
 * The function `fetch`, as the platform declares it.
 *
 * @category models
 * @since 0.1.0
 */
export type Fetch = (...args: Parameters<typeof globalThis.fetch>) => ReturnType<typeof globalThis.fetch>

/**
 * A length of time: a number of milliseconds, or a text with its unit, such as `"30 seconds"`, `"1 minute"`, `"Infinity"`.
 *
 * @category models
 * @since 0.1.0
 */
export type Time = number | string

/**
 * The circuit of each target: the options of `CircuitBreaker`, as they are written. It opens when half of at least 10 of the
 * last 100 calls have failed, for 30 seconds.
 *
 * @category options
 * @since 0.1.0
 */
export interface BreakerOptions {
  /** The calls that the rates are taken over. @default { lastCalls: 100 } */
  readonly window?: {
    readonly lastCalls?: number
    readonly lasting?: Time
    readonly buckets?: number
  }
  /** Results that the window must hold before a rate can open the circuit. @default 10 */
  readonly minimumCalls?: number
  /** Share of failures that opens the circuit: above 0, at most 1; or `"off"`. @default 0.5 */
  readonly failureRate?: number | "off"
  /**
   * A call whose body has not ended for this long is slow, also where its reader is slow and the body large. What is asked
   * for as a stream of a model never is. @default no call is slow
   */
  readonly slowCallDuration?: Time
  /** Share of slow calls that opens the circuit: above 0, at most 1. @default 1 */
  readonly slowCallRate?: number
  /** Failures in a row that open the circuit. @default off */
  readonly consecutiveFailures?: number
  /** How long an opening lasts, or how that grows with each opening in a row. @default "30 seconds" */
  readonly openFor?: Time | {
    readonly baseDelay?: Time
    readonly factor?: number
    readonly maxDelay?: Time
    readonly jitter?: number
  }
  /** The longest opening that the target can ask for. @default "10 minutes" */
  readonly maxRetryAfter?: Time
  /** A call that the deadline ends is a failure only if it had this much time. @default learnt from the calls */
  readonly patience?: Time
  /** The probes after an opening. @default { calls: 5, maxWait: "60 seconds" } */
  readonly halfOpen?: { readonly calls?: number; readonly maxWait?: Time }
  /** After closing, the share of calls that pass grows from `from` to 1 over this time. @default all pass at once */
  readonly rampUp?: { readonly over?: Time; readonly from?: number }
  /** Whether durations of calls are measured. @default "off" */
  readonly measureDurations?: "off" | "on" | ReadonlyArray<Time>
  /** Whether `health()` is down when the target lets no call through, and every other critical one. @default true */
  readonly critical?: boolean
}

/**
 * How many calls of a target run at once: the options of `Bulkhead`. A call runs until its body has ended.
 *
 * @category options
 * @since 0.1.0
 */
export interface BulkheadOptions {
  /** @default 100 */
  readonly concurrency?: number
  /** Calls that may wait for a slot. @default 1_000 */
  readonly queue?: number
  /** The longest wait for a slot. @default until the deadline */
  readonly maxWait?: Time
}

/**
 * A number of requests per time.
 *
 * @category options
 * @since 0.1.0
 */
export interface LimitOptions {
  readonly resource: "requests"
  readonly limit: number
  readonly per: Time
  /** @default "token-bucket" */
  readonly kind?: "token-bucket" | "sliding-window"
  /** The most that a token bucket holds. @default the limit itself */
  readonly burst?: number
}

/**
 * How many calls begin per time: the options of `RateLimiter`, for requests. A 429 with a `retry-after` pauses the target in
 * any case.
 *
 * @category options
 * @since 0.1.0
 */
export interface RateLimiterOptions {
  /** @default none */
  readonly limits?: ReadonlyArray<LimitOptions>
  /** The longest wait for a turn. @default 0: refused at once */
  readonly maxWait?: Time
  /** Calls that may wait for their turn. @default 10_000 */
  readonly queue?: number
  /** The longest pause that a 429 can ask for. @default "10 minutes" */
  readonly maxRetryAfter?: Time
}

/**
 * When a request is sent again: the options of `Retry`.
 *
 * @category options
 * @since 0.1.0
 */
export interface RetryOptions {
  /** Requests in all, including the first. @default 1; 2 in the presets, which switch off the retries of the client */
  readonly maxAttempts?: number
  /** @default "200 millis" */
  readonly baseDelay?: Time
  /** @default 2 */
  readonly factor?: number
  /** The longest wait. A provider that asks for more in `retry-after` is not asked again. @default "10 seconds" */
  readonly maxDelay?: Time
  /** @default "full" */
  readonly jitter?: "none" | "full" | "equal" | "decorrelated" | number
  /** The time for all attempts. @default none */
  readonly maxDuration?: Time
}

/**
 * The guards, which are the same for a `fetch` and for a language model. Each has a default.
 *
 * @category options
 * @since 0.1.0
 */
export interface GuardOptions {
  readonly breaker?: BreakerOptions
  readonly bulkhead?: BulkheadOptions
  readonly rateLimiter?: RateLimiterOptions
  readonly retry?: RetryOptions
  /** The time until the response is given: all waits and attempts, and of a stream its first content. @default "10 minutes" */
  readonly deadline?: Time
  /** The same for one attempt. @default as the deadline */
  readonly attemptTimeout?: Time
  /** How long a stream of a model may take until its first content. @default "2 minutes" */
  readonly firstContentTimeout?: Time
  /**
   * How long a stream of a model may go without content. Keep-alives are none. Where it is given, any other body may go as
   * long without a byte. @default "1 minute", for other bodies none
   */
  readonly idleTimeout?: Time
  /** How long the reader of a body may stand still before the call ends. @default "5 minutes" */
  readonly readerTimeout?: Time
}

/**
 * The options of `guardedFetch`.
 *
 * @category options
 * @since 0.1.0
 */
export interface GuardedFetchOptions extends GuardOptions {
  /** The target that a URL belongs to. Each has guards of its own. @default the host, with its port */
  readonly name?: (url: URL) => string
  /**
   * Targets kept, at most 100,000. Above that, the least recently used one without a call and without an open circuit is
   * forgotten. @default 1_000
   */
  readonly capacity?: number
  /**
   * What a refused call gets, and one that has run out of time: a response with the status and the headers that stop the
   * retries of `openai` and Anthropic's client, or a rejection with a {@link GuardedFetchError}, which the AI SDK does not
   * retry. @default "respond"
   */
  readonly onRefused?: "respond" | "throw"
  /** The `fetch` inside. @default that of the platform, taken when this one is made */
  readonly fetch?: Fetch
}
