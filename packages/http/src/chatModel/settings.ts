/** The options of a model: checked, and as they are written in YAML, JSON or an environment. */
import * as Bulkhead from "@switchgear/core/Bulkhead"
import * as CircuitBreaker from "@switchgear/core/CircuitBreaker"
import * as ConcurrencyLimit from "@switchgear/core/ConcurrencyLimit"
import * as RateLimiter from "@switchgear/core/RateLimiter"
import * as Retry from "@switchgear/core/Retry"
import { NumberOrDuration, optionsCodec, type OptionsOf, optionsPart } from "@switchgear/core/runtime"
import * as Duration from "effect/Duration"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import type { ModelError, Options, RateLimiterOptions, Request } from "./model.ts"
import type { TokenEstimate } from "../pricing/estimateTokens.ts"

/** The options with their defaults; those of the guards as `make` of each takes them. */
export interface Settings {
  readonly model: string
  readonly name: string
  readonly breaker: CircuitBreaker.Options
  /** Undefined for the error table of the client. */
  readonly countsAs: Options["countsAs"]
  readonly bulkhead: Bulkhead.Options
  /** Instead of the bulkhead, where it is given. */
  readonly concurrencyLimit: ConcurrencyLimit.Options | undefined
  readonly retry: Retry.Options<ModelError> & { readonly name: string }
  readonly rateLimiter: LimitSettings | undefined
  readonly attemptTimeout: Duration.Duration
  readonly deadline: Duration.Duration
  /** `Infinity` for no limit. */
  readonly readerTimeout: Duration.Duration
}

export interface LimitSettings extends RateLimiter.Options {
  readonly assumedOutput: number
  readonly estimate: ((request: Request) => TokenEstimate) | undefined
}

const parts = {
  breaker: optionsPart(CircuitBreaker.OptionsSchema, ["name"]),
  bulkhead: optionsPart(Bulkhead.OptionsSchema, ["name"]),
  concurrencyLimit: optionsPart(ConcurrencyLimit.OptionsSchema, ["name"]),
  retry: optionsPart(Retry.OptionsSchema, []),
  rateLimiter: optionsPart(RateLimiter.OptionsSchema, ["name"], { assumedOutput: Schema.optionalKey(NumberOrDuration) })
}

export const settingsOf = (options: Options, check: OptionsOf): Settings => {
  const { attemptTimeout = "10 seconds", deadline = "30 seconds", model, readerTimeout = "5 minutes" } = options
  if (typeof model !== "string" || model === "") check.refuse("model", "a text that is not empty", model)
  const name = check.name(options.name ?? model)
  const breaker = { ...check.options("breaker", options.breaker), name }
  const bulkhead = { concurrency: 50, queue: 50, ...check.options("bulkhead", options.bulkhead), name }
  const given = check.options("retry", options.retry)
  const retry = { maxAttempts: 2, ...given, name: given?.name ?? name }
  parts.breaker.check(breaker, check.within("breaker"))
  parts.bulkhead.check(bulkhead, check.within("bulkhead"))
  parts.retry.check(retry as Retry.Options, check.within("retry"))
  return {
    model,
    name,
    breaker,
    countsAs: options.countsAs === undefined ? undefined : check.callback("countsAs", options.countsAs),
    bulkhead,
    concurrencyLimit: capacityOf(options, name, check),
    retry,
    rateLimiter: limitOf(check.options("rateLimiter", options.rateLimiter), name, check.within("rateLimiter")),
    attemptTimeout: Duration.millis(check.positive("attemptTimeout", attemptTimeout)),
    deadline: Duration.millis(check.positive("deadline", deadline)),
    readerTimeout: Duration.millis(check.limit("readerTimeout", readerTimeout))
  }
}

const capacityOf = (
  { bulkhead, concurrencyLimit }: Options,
  name: string,
  check: OptionsOf
): ConcurrencyLimit.Options | undefined => {
  const given = check.options("concurrencyLimit", concurrencyLimit)
  if (given === undefined) return undefined
  if (bulkhead !== undefined)
    check.refuse("concurrencyLimit", "left out beside a bulkhead: a model has one of them", given)
  const options = { ...given, name }
  parts.concurrencyLimit.check(options, check.within("concurrencyLimit"))
  return options
}

const limitOf = (
  options: RateLimiterOptions | undefined,
  name: string,
  check: OptionsOf
): LimitSettings | undefined => {
  if (options === undefined) return undefined
  const { assumedOutput = 4096, estimate, ...rest } = options
  const limits = { ...rest, name }
  parts.rateLimiter.check(limits, check)
  return {
    ...limits,
    assumedOutput: check.integer("assumedOutput", assumedOutput, 0),
    estimate: estimate === undefined ? undefined : check.callback("estimate", estimate)
  }
}

export const codec = optionsCodec<Options>()({
  model: Schema.optionalKey(Schema.String),
  name: Schema.optionalKey(Schema.String),
  breaker: parts.breaker.schema,
  rateLimiter: parts.rateLimiter.schema,
  bulkhead: parts.bulkhead.schema,
  concurrencyLimit: parts.concurrencyLimit.schema,
  retry: parts.retry.schema,
  attemptTimeout: Schema.optionalKey(NumberOrDuration),
  deadline: Schema.optionalKey(NumberOrDuration),
  readerTimeout: Schema.optionalKey(NumberOrDuration)
}, {
  read: ({ breaker, bulkhead, concurrencyLimit, rateLimiter, retry, ...given }, check, defaults) => ({
    ...given as Partial<Options>,
    ...present({
      breaker: parts.breaker.read(breaker, check.within("breaker"), defaults.breaker),
      bulkhead: parts.bulkhead.read(bulkhead, check.within("bulkhead"), defaults.bulkhead),
      concurrencyLimit: parts.concurrencyLimit.read(
        concurrencyLimit,
        check.within("concurrencyLimit"),
        defaults.concurrencyLimit
      ),
      retry: parts.retry.read(retry, check.within("retry"), defaults.retry as Retry.Options),
      rateLimiter: parts.rateLimiter.read(rateLimiter, check.within("rateLimiter"), defaults.rateLimiter)
    })
  }),
  check: settingsOf,
  pathOf: (field, options) => {
    const [head = "", ...rest] = field.split(".")
    return Predicate.hasProperty(parts, head) && rest.length > 0
      ? [
        head,
        ...parts[head as keyof typeof parts].pathOf(rest.join("."), options[head as keyof typeof parts] as never)
      ]
      : undefined
  }
})

/** The fields that have a value. */
const present = <Fields extends object>(fields: Fields): Partial<Fields> =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Partial<Fields>
