/** The options of a guarded client, checked, with their defaults. */
import * as CircuitBreaker from "@switchgear/core/CircuitBreaker"
import * as Bulkhead from "@switchgear/core/Bulkhead"
import * as ConcurrencyLimit from "@switchgear/core/ConcurrencyLimit"
import * as RateLimiter from "@switchgear/core/RateLimiter"
import * as Retry from "@switchgear/core/Retry"
import { NumberOrDuration, optionsCodec, OptionsOf, type OptionsPart, optionsPart } from "@switchgear/core/runtime"
import type * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
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
  readonly breaker: CircuitBreaker.Family.Options | undefined
  readonly bulkhead: Bulkhead.Options | undefined
  /** Instead of the bulkhead, where it is given. */
  readonly concurrencyLimit: ConcurrencyLimit.Options | undefined
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
  retry: optionsPart(Retry.OptionsSchema, ["name"]),
  breaker: optionsPart(CircuitBreaker.Family.OptionsSchema, ["name"]),
  bulkhead: optionsPart(Bulkhead.OptionsSchema, ["name"]),
  concurrencyLimit: optionsPart(ConcurrencyLimit.OptionsSchema, ["name"]),
  rateLimiter: optionsPart(RateLimiter.OptionsSchema, ["name"])
}

const propagations: ReadonlyArray<Propagated> = ["nothing", "budgets", "everything"]

const optionNames: ReadonlyArray<keyof Options> = [
  "name",
  "deadline",
  "attemptTimeout",
  "retry",
  "breaker",
  "bulkhead",
  "concurrencyLimit",
  "rateLimiter",
  "idleTimeout",
  "keyOf",
  "capacity",
  "propagate"
]

/** The settings of options that are given in code, where a misspelt one is refused here. */
export const settingsInCode = (options: Options): Settings => {
  const check = new OptionsOf("HttpGuard.standard")
  check.known(options, optionNames)
  return settingsOf(options, check)
}

const settingsOf = (options: Options, check: OptionsOf): Settings => {
  const { attemptTimeout = "10 seconds", deadline = "30 seconds", idleTimeout = "30 seconds" } = options
  const { propagate = "budgets" } = options
  const retry = options.retry === "off" ? undefined : { ...retryDefaults, ...check.options("retry", options.retry) }
  const total = deadline === "off" ? undefined : check.positive("deadline", deadline)
  const attempt = attemptTimeout === "off" ? undefined : check.positive("attemptTimeout", attemptTimeout)
  const name = check.name(options.name ?? "http")
  const concurrencyLimit = limitOf(options, name, check)
  const bulkhead = options.bulkhead === "off" || concurrencyLimit !== undefined
    ? undefined
    : { ...bulkheadDefaults, ...check.options("bulkhead", options.bulkhead), name }
  const rateLimiter = options.rateLimiter && { ...check.options("rateLimiter", options.rateLimiter)!, name }
  if (retry !== undefined) parts.retry.check({ ...retry, name } as Retry.Options, check.within("retry"))
  const breaker = options.breaker === "off"
    ? undefined
    : { ...breakerDefaults, ...check.options("breaker", options.breaker), name }
  if (breaker !== undefined) parts.breaker.check(breaker, check.within("breaker"))
  if (bulkhead !== undefined) parts.bulkhead.check(bulkhead, check.within("bulkhead"))
  if (rateLimiter !== undefined) parts.rateLimiter.check(rateLimiter, check.within("rateLimiter"))
  if (typeof propagate !== "function") check.oneOf("propagate", propagate, propagations)
  return {
    name,
    deadline: total,
    attemptTimeout: attempt,
    idle: idleTimeout === "off" ? Infinity : check.positive("idleTimeout", idleTimeout),
    retry,
    attempts: retry?.maxAttempts,
    breaker,
    bulkhead,
    concurrencyLimit,
    rateLimiter,
    keyOf: options.keyOf === undefined ? undefined : check.callback("keyOf", options.keyOf),
    capacity: check.integer("capacity", options.capacity ?? 10_000, 1),
    propagatedBy: typeof propagate === "function" ? check.callback("propagate", propagate) : () => propagate
  }
}

const limitOf = (
  { bulkhead, concurrencyLimit }: Options,
  name: string,
  check: OptionsOf
): ConcurrencyLimit.Options | undefined => {
  const given = check.options("concurrencyLimit", concurrencyLimit)
  if (given === undefined) return undefined
  if (bulkhead !== undefined && bulkhead !== "off") {
    check.refuse("concurrencyLimit", "left out beside a bulkhead: a client has one of them", given)
  }
  const options = { ...given, name }
  parts.concurrencyLimit.check(options, check.within("concurrencyLimit"))
  return options
}

/** A guard as it is written: its options, or off. */
const orOff = <S extends Schema.Top>({ schema }: Schema.optionalKey<S>) =>
  Schema.optionalKey(Schema.Union([Schema.Literal("off"), schema]))

/** What is written of a guard, beside what the code says of it. */
const readPart = <O extends object, W extends object>(
  part: OptionsPart<O, W>,
  written: W | "off" | undefined,
  given: Partial<O> | "off" | undefined,
  check: OptionsOf
): Partial<O> | "off" | undefined =>
  written === undefined
    ? given
    : written === "off"
    ? "off"
    : part.read(written, check, given === "off" ? undefined : given)

export const codec = optionsCodec<Options>()({
  name: Schema.optionalKey(Schema.String),
  deadline: Schema.optionalKey(NumberOrDuration),
  attemptTimeout: Schema.optionalKey(NumberOrDuration),
  retry: orOff(parts.retry.schema),
  breaker: orOff(parts.breaker.schema),
  bulkhead: orOff(parts.bulkhead.schema),
  concurrencyLimit: parts.concurrencyLimit.schema,
  rateLimiter: parts.rateLimiter.schema,
  idleTimeout: Schema.optionalKey(NumberOrDuration),
  capacity: Schema.optionalKey(NumberOrDuration),
  propagate: Schema.optionalKey(Schema.String)
}, {
  read: ({ breaker, bulkhead, concurrencyLimit, rateLimiter, retry, ...given }, check, defaults) => {
    const read = {
      retry: readPart(parts.retry, retry, defaults.retry as Retry.Options | "off" | undefined, check.within("retry")),
      breaker: readPart(parts.breaker, breaker, defaults.breaker, check.within("breaker")),
      bulkhead: readPart(parts.bulkhead, bulkhead, defaults.bulkhead, check.within("bulkhead")),
      concurrencyLimit: parts.concurrencyLimit.read(
        concurrencyLimit,
        check.within("concurrencyLimit"),
        defaults.concurrencyLimit
      ),
      rateLimiter: parts.rateLimiter.read(rateLimiter, check.within("rateLimiter"), defaults.rateLimiter)
    }
    const present = Object.fromEntries(Object.entries(read).filter(([, value]) => value !== undefined))
    return { ...given as Partial<Options>, ...present }
  },
  check: settingsOf,
  pathOf: (field, options) => {
    const [head = "", ...rest] = field.split(".")
    if (!Predicate.hasProperty(parts, head) || rest.length === 0) return undefined
    const name = head as keyof typeof parts
    const given = options[name]
    return [name, ...parts[name].pathOf(rest.join("."), (given === "off" ? undefined : given) as never)]
  }
})
