/** The guards of a model, as a file or an object says them. */
import type { Time } from "../../fetch/options.ts"

/**
 * One variable of the environment: `${NAME}`, or `${NAME:-default}`.
 *
 * @category models
 * @since 0.1.0
 */
export type Variable = `\${${string}}`

/**
 * An amount per time.
 *
 * @category models
 * @since 0.1.0
 */
export interface FileLimit {
  /** What is limited. */
  readonly resource: "requests" | "tokens" | Variable
  /** How much of it. */
  readonly limit: number | Variable
  /** Per how much time. */
  readonly per: Time
  /** How the limit is kept. @default "token-bucket" */
  readonly kind?: "token-bucket" | "sliding-window" | Variable | undefined
  /** The most that a token bucket holds. The limit, where it is left out. */
  readonly burst?: number | Variable | undefined
}

/**
 * The circuit, which spares a model that is down.
 *
 * @category models
 * @since 0.1.0
 */
export interface FileBreaker {
  /** The calls that the rates are taken over. @default {"lastCalls":100} */
  readonly window?: {
    /** The last so many calls. */
    readonly lastCalls: number | Variable
  } | {
    /** The calls of the last so much time. */
    readonly lasting: Time
    /** The slices of that time in which calls are counted. @default 10 */
    readonly buckets?: number | Variable | undefined
  } | undefined
  /** Results that the window must hold before a rate can open the circuit. 10, or the size of a smaller window. */
  readonly minimumCalls?: number | Variable | undefined
  /** The share of failures that opens the circuit, or off. @default 0.5 */
  readonly failureRate?: number | Variable | "off" | undefined
  /** A call that takes at least this long is slow. Without it, none is. */
  readonly slowCallDuration?: Time | undefined
  /** The share of slow calls that opens the circuit. @default 1 */
  readonly slowCallRate?: number | Variable | undefined
  /** Failures in a row that open the circuit. Without it, off. */
  readonly consecutiveFailures?: number | Variable | undefined
  /** How long an opening lasts. @default "30 seconds" */
  readonly openFor?: Time | {
    /** How long the first opening lasts. */
    readonly baseDelay: Time
    /** How much longer each opening in a row lasts than the one before. @default 2 */
    readonly factor?: number | Variable | undefined
    /** The longest opening. @default "10 minutes" */
    readonly maxDelay?: Time | undefined
    /** The share by which an opening is longer or shorter, at random. @default 0 */
    readonly jitter?: number | Variable | undefined
  } | undefined
  /** The longest opening that a provider can ask for. @default "10 minutes" */
  readonly maxRetryAfter?: Time | undefined
  /** A call that ends because of its caller's deadline is a failure only if it had at least this much time. Learnt where it is left out. */
  readonly patience?: Time | undefined
  /** How an open circuit is probed. */
  readonly halfOpen?: {
    /** Probes that decide. @default 5 */
    readonly calls?: number | Variable | undefined
    /** A probe in flight for this long opens the circuit again. @default "60 seconds" */
    readonly maxWait?: Time | undefined
  } | undefined
  /** After closing, only a share of the calls passes, which grows. Without it, all pass. */
  readonly rampUp?: {
    /** How long it takes until all calls pass. */
    readonly over: Time
    /** The share of calls that passes at first. @default 0.1 */
    readonly from?: number | Variable | undefined
  } | undefined
  /** Measures how long calls take; a list is the bounds of its histogram. @default "off" */
  readonly measureDurations?: "off" | "on" | ReadonlyArray<Time> | Variable | undefined
  /** Whether the gateway is down when this model and every other critical one is. @default true */
  readonly critical?: boolean | Variable | undefined
}

/**
 * How many calls are made at the same time, and how many wait.
 *
 * @category models
 * @since 0.1.0
 */
export interface FileBulkhead {
  /** Calls at the same time. @default 50 */
  readonly concurrency?: number | Variable | undefined
  /** Calls that may wait for a slot. @default 50 */
  readonly queue?: number | Variable | undefined
  /** How long a call waits for a slot. @default "10 seconds" */
  readonly maxWait?: Time | undefined
  /** The share of slots and of the queue that one client may have. Without it, any. */
  readonly share?: number | Variable | undefined
}

/**
 * How many calls are made at the same time, found by how fast answers begin and how many fail. In the place of a bulkhead.
 *
 * @category models
 * @since 0.1.0
 */
export interface FileConcurrencyLimit {
  /** The rule by which it moves. @default "gradient" */
  readonly algorithm?: "gradient" | "aimd" | "vegas" | "gradient2" | Variable | undefined
  /** Calls at the same time in the beginning: of all gateways, divided by their number. @default 20 */
  readonly initial?: number | Variable | undefined
  /** The lowest limit: of all gateways, divided by their number. @default 4 */
  readonly min?: number | Variable | undefined
  /** The highest limit. @default 200 */
  readonly max?: number | Variable | undefined
  /** How many times slower than usual answers may begin before it is lowered. @default 2 */
  readonly tolerance?: number | Variable | undefined
  /** The shortest time from one move to the next. @default "1 second" */
  readonly window?: Time | undefined
  /** The fewest calls from one move to the next. @default 20 */
  readonly minimumCalls?: number | Variable | undefined
  /** How much of the share of drops is taken off the limit. @default 0.5 */
  readonly backoff?: number | Variable | undefined
  /** What is measured of an answer. @default "firstToken" */
  readonly sample?: "firstToken" | "perToken" | "duration" | Variable | undefined
  /** Calls that may wait for a slot. @default 0 */
  readonly queue?: number | Variable | undefined
  /** How long a call waits for a slot. @default "10 seconds" */
  readonly maxWait?: Time | undefined
  /** The share of slots and of the queue that one client may have. Without it, any. */
  readonly share?: number | Variable | undefined
}

/**
 * What the provider allows of a model. Without it, there is no limit.
 *
 * @category models
 * @since 0.1.0
 */
export interface FileRateLimiter {
  /** What the provider allows: at most one limit for each resource. */
  readonly limits?: ReadonlyArray<FileLimit> | undefined
  /** How long a call waits for its turn. @default 0 */
  readonly maxWait?: Time | undefined
  /** How many calls may wait. @default 10000 */
  readonly queue?: number | Variable | undefined
  /** The longest pause that a provider can ask for. @default "10 minutes" */
  readonly maxRetryAfter?: Time | undefined
  /** Tokens taken for an answer to a request without max_tokens. @default 4096 */
  readonly assumedOutput?: number | Variable | undefined
}

/**
 * Further attempts at the same model.
 *
 * @category models
 * @since 0.1.0
 */
export interface FileRetry {
  /** Its name in metrics. That of the model, where it is left out. */
  readonly name?: string | undefined
  /** Attempts in all, the first included. @default 2 */
  readonly maxAttempts?: number | Variable | undefined
  /** The wait before the second attempt. @default "200 millis" */
  readonly baseDelay?: Time | undefined
  /** How much longer each wait is than the one before; 1 for a constant wait. @default 2 */
  readonly factor?: number | Variable | undefined
  /** The longest wait. @default "10 seconds" */
  readonly maxDelay?: Time | undefined
  /** How waits are scattered: by a rule, or by a share up and down. @default "full" */
  readonly jitter?: "none" | "full" | "equal" | "decorrelated" | Variable | number | undefined
  /** The time for all attempts. Without it, that of the deadline. */
  readonly maxDuration?: Time | undefined
}

/**
 * What the retries of all callers of a model are paid from. Without it, no limit.
 *
 * @category models
 * @since 0.1.0
 */
export interface FileRetryBudget {
  /** Retries for each success in the window. @default 0.2 */
  readonly ratio?: number | Variable | undefined
  /** Retries in a window without any success. @default 10 */
  readonly floor?: number | Variable | undefined
  /** How long successes and retries count. @default "10 seconds" */
  readonly window?: Time | undefined
}

/**
 * The options that `defaults` has, and each model.
 *
 * @category models
 * @since 0.1.0
 */
export interface FileGuards {
  /** The circuit, which spares a model that is down. */
  readonly breaker?: FileBreaker | undefined
  /** How many calls are made at the same time, and how many wait. */
  readonly bulkhead?: FileBulkhead | undefined
  /** How many calls are made at the same time, found by how fast answers begin and how many fail. In the place of a bulkhead. */
  readonly concurrencyLimit?: FileConcurrencyLimit | undefined
  /** What the provider allows of a model. Without it, there is no limit. */
  readonly rateLimiter?: FileRateLimiter | undefined
  /** Further attempts at the same model. */
  readonly retry?: FileRetry | undefined
  /** What the retries of all callers of a model are paid from. Without it, no limit. */
  readonly retryBudget?: FileRetryBudget | undefined
  /** The time for one attempt; of a stream, until its first content. @default "10 seconds" */
  readonly attemptTimeout?: Time | undefined
  /** The time for all attempts and waits; of a stream, until its first content. @default "30 seconds" */
  readonly deadline?: Time | undefined
  /** How long a stream that has begun waits for its reader. @default "5 minutes" */
  readonly readerTimeout?: Time | undefined
}
