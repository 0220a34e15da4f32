/** The options of a guarded client, checked, with their defaults. */
import * as CircuitBreaker from "@switchgear/core/CircuitBreaker"
import * as Bulkhead from "@switchgear/core/Bulkhead"
import * as RateLimiter from "@switchgear/core/RateLimiter"
import type * as Retry from "@switchgear/core/Retry"
import { type OptionsOf, optionsPart } from "@switchgear/core/runtime"
import type * as HttpClientRequest from "effect/http/HttpClientRequest"
import type { Options, Propagated } from "./model.ts"

/** An option that is undefined is off. */
export interface Settings {
  readonly name: string
  /** Milliseconds. */
  readonly deadline: number | undefined
  readonly attemptTimeout: number | undefined
  /** Milliseconds; infinity for no limit. */
  readonly idle: number
  readonly retry: Retry.Options | undefined
  /** Undefined without retries: what those around allow is then left to the server. */
  readonly attempts: number | undefined
  readonly breaker: Omit<CircuitBreaker.Family.Options, "name"> | undefined
  readonly bulkhead: Bulkhead.Options | undefined
  readonly rateLimiter: RateLimiter.Options | undefined
  readonly keyOf: ((request: HttpClientRequest.HttpClientRequest) => string) | undefined
  readonly capacity: number
  readonly propagatedBy: (request: HttpClientRequest.HttpClientRequest) => Propagated
}

// Those of Polly's standard resilience handler.
const retryDefaults = { maxAttempts: 3, baseDelay: "2 seconds", maxDelay: "30 seconds" } as const
const breakerDefaults = {
  window: CircuitBreaker.lasting("30 seconds"),
  minimumCalls: 100,
  failureRate: 0.1,
  openFor: "5 seconds"
} as const
const bulkheadDefaults = { concurrency: 1000 } as const

// The guards of a key are made with its first request: what is wrong is refused before.
const parts = {
  bulkhead: optionsPart(Bulkhead.OptionsSchema, ["name"]),
  rateLimiter: optionsPart(RateLimiter.OptionsSchema, ["name"])
}

const propagations: ReadonlyArray<Propagated> = ["nothing", "budgets", "everything"]

export const settingsOf = (options: Options, check: OptionsOf): Settings => {
  const { attemptTimeout = "10 seconds", deadline = "30 seconds", idleTimeout = "30 seconds" } = options
  const { propagate = "budgets" } = options
  const retry = options.retry === "off" ? undefined : { ...retryDefaults, ...check.options("retry", options.retry) }
  const total = deadline === "off" ? undefined : check.positive("deadline", deadline)
  const attempt = attemptTimeout === "off" ? undefined : check.positive("attemptTimeout", attemptTimeout)
  const name = check.name(options.name ?? "http")
  const bulkhead = options.bulkhead === "off"
    ? undefined
    : { ...bulkheadDefaults, ...check.options("bulkhead", options.bulkhead), name }
  const rateLimiter = options.rateLimiter && { ...check.options("rateLimiter", options.rateLimiter)!, name }
  if (bulkhead !== undefined) parts.bulkhead.check(bulkhead, check.within("bulkhead"))
  if (rateLimiter !== undefined) parts.rateLimiter.check(rateLimiter, check.within("rateLimiter"))
  if (typeof propagate !== "function") check.oneOf("propagate", propagate, propagations)
  return {
    name,
    deadline: total,
    attemptTimeout: attempt,
    idle: idleTimeout === "off" ? Infinity : check.positive("idleTimeout", idleTimeout),
    retry,
    attempts: retry?.maxAttempts === undefined
      ? undefined
      : check.within("retry").integer("maxAttempts", retry.maxAttempts, 1),
    breaker: options.breaker === "off"
      ? undefined
      : { ...breakerDefaults, ...check.options("breaker", options.breaker) },
    bulkhead,
    rateLimiter,
    keyOf: options.keyOf === undefined ? undefined : check.callback("keyOf", options.keyOf),
    capacity: check.integer("capacity", options.capacity ?? 10_000, 1),
    propagatedBy: typeof propagate === "function" ? check.callback("propagate", propagate) : () => propagate
  }
}
