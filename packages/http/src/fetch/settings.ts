/** The options of guards, checked by the rules that they have everywhere. */
import * as Bulkhead from "@switchgear/core/Bulkhead"
import * as CircuitBreaker from "@switchgear/core/CircuitBreaker"
import * as RateLimiter from "@switchgear/core/RateLimiter"
import * as Retry from "@switchgear/core/Retry"
import { NumberOrDuration, optionsCodec, OptionsOf, optionsPart } from "@switchgear/core/runtime"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import * as SchemaParser from "effect/SchemaParser"
import type { GuardOptions } from "./options.ts"

/** Those of the guards are as `make` of each takes them, but for their name, which is that of the target. */
export interface Settings {
  readonly breaker: Omit<CircuitBreaker.Options, "name">
  readonly bulkhead: Omit<Bulkhead.Options, "name">
  readonly rateLimiter: Omit<RateLimiter.Options, "name">
  readonly retry: Omit<Retry.Options, "name">
  readonly deadline: Duration.Duration
  /** Undefined for none but the deadline. */
  readonly attemptTimeout: Duration.Duration | undefined
  readonly firstContentTimeout: Duration.Duration
  /** Of a stream that is judged by its content. */
  readonly idleTimeout: Duration.Duration
  /** Of any other body; `Infinity` for none. */
  readonly silence: Duration.Duration
  readonly readerTimeout: Duration.Duration
  readonly onRefused: "respond" | "throw"
  readonly capacity: number
}

type Given = Partial<Omit<Settings, Times>> & { readonly [T in Times]?: Duration.Input | undefined }

type Times = "deadline" | "attemptTimeout" | "firstContentTimeout" | "idleTimeout" | "readerTimeout"

const parts = {
  breaker: optionsPart(CircuitBreaker.OptionsSchema, ["name"]),
  bulkhead: optionsPart(Bulkhead.OptionsSchema, ["name", "share"]),
  rateLimiter: optionsPart(RateLimiter.OptionsSchema, ["name"]),
  retry: optionsPart(Retry.OptionsSchema, ["name"])
}

const mostTargets = 100_000

/** More than any process sends: the limiter is there for the pauses that providers ask for. */
const noLimit = RateLimiter.requests(1_000_000_000, "1 second")

const toSettings = (given: Given, check: OptionsOf): Settings => {
  const name = "target"
  const { capacity = 1000, deadline = "10 minutes", onRefused = "respond", readerTimeout = "5 minutes" } = given
  const { attemptTimeout, firstContentTimeout = "2 minutes", idleTimeout } = given
  const bulkhead = { concurrency: 100, queue: 1000, maxWait: Infinity, ...given.bulkhead, name }
  const retry = { maxAttempts: 1, ...given.retry, name }
  const { limits = [], ...limiting } = given.rateLimiter ?? {}
  const rateLimiter = { ...limiting, limits: limits.length === 0 ? [noLimit] : limits, name }
  const wrong = limits.findIndex(({ resource }) => resource !== "requests")
  if (wrong >= 0) check.refuse(`rateLimiter.limits[${wrong}].resource`, "\"requests\"", limits[wrong]!.resource)
  parts.breaker.check({ ...given.breaker, name }, check.within("breaker"))
  parts.bulkhead.check(bulkhead, check.within("bulkhead"))
  parts.rateLimiter.check(rateLimiter, check.within("rateLimiter"))
  parts.retry.check(retry, check.within("retry"))
  const limit = (field: Times, time: Duration.Input) => Duration.millis(check.limit(field, time))
  return {
    breaker: { ...given.breaker },
    bulkhead,
    rateLimiter,
    retry,
    deadline: Duration.millis(check.positive("deadline", deadline)),
    attemptTimeout: attemptTimeout === undefined
      ? undefined
      : Duration.millis(check.positive("attemptTimeout", attemptTimeout)),
    firstContentTimeout: limit("firstContentTimeout", firstContentTimeout),
    idleTimeout: limit("idleTimeout", idleTimeout ?? "1 minute"),
    silence: limit("idleTimeout", idleTimeout ?? "Infinity"),
    readerTimeout: limit("readerTimeout", readerTimeout),
    onRefused: check.oneOf("onRefused", onRefused, ["respond", "throw"]),
    capacity: check.integer("capacity", check.atMost("capacity", capacity, mostTargets), 1)
  }
}

const time = Schema.optionalKey(NumberOrDuration)

const codec = optionsCodec<Given>()({
  breaker: parts.breaker.schema,
  bulkhead: parts.bulkhead.schema,
  rateLimiter: parts.rateLimiter.schema,
  retry: parts.retry.schema,
  deadline: time,
  attemptTimeout: time,
  firstContentTimeout: time,
  idleTimeout: time,
  readerTimeout: time,
  onRefused: Schema.optionalKey(Schema.String),
  capacity: Schema.optionalKey(NumberOrDuration)
}, {
  read: ({ breaker, bulkhead, rateLimiter, retry, ...given }, check) => ({
    ...given as Given,
    breaker: parts.breaker.read(breaker, check.within("breaker"), undefined),
    bulkhead: parts.bulkhead.read(bulkhead, check.within("bulkhead"), undefined),
    rateLimiter: parts.rateLimiter.read(rateLimiter, check.within("rateLimiter"), undefined),
    retry: parts.retry.read(retry, check.within("retry"), undefined)
  } as Given),
  check: toSettings,
  pathOf: (field, options) => {
    const [, index] = /^rateLimiter\.limits\[(\d+)\]\.resource$/.exec(field) ?? []
    if (index !== undefined) return ["rateLimiter", "limits", Number(index), "resource"]
    const [head = "", ...rest] = field.split(".")
    return head in parts && rest.length > 0
      ? [
        head,
        ...parts[head as keyof typeof parts].pathOf(rest.join("."), options[head as keyof typeof parts] as never)
      ]
      : undefined
  }
})

/** What guards are told, of whatever they are. */
export const fieldNames = [
  "breaker",
  "bulkhead",
  "rateLimiter",
  "retry",
  "deadline",
  "attemptTimeout",
  "firstContentTimeout",
  "idleTimeout",
  "readerTimeout"
] as const satisfies ReadonlyArray<keyof GuardOptions>

/** Throws a `RangeError` that names the field when an option is out of range, or no option. */
export const settingsOf = (options: GuardOptions & { readonly onRefused?: string }, owner: string): Settings => {
  const exit = SchemaParser.decodeUnknownExit(codec.schema)(withoutAbsent(options), {
    errors: "first",
    onExcessProperty: "error"
  })
  if (Exit.isSuccess(exit)) return toSettings(exit.value, new OptionsOf(owner))
  const issue = exit.cause.reasons.find(Cause.isFailReason)?.error
  throw new RangeError(`${owner}: ${SchemaIssue.isIssue(issue) ? wordsOf(issue) : "the options cannot be read"}`)
}

const format = SchemaIssue.makeFormatterStandardSchemaV1()

const wordsOf = (issue: SchemaIssue.Issue): string => {
  const [{ message, path = [] } = { message: "the options cannot be read" }] = format(issue).issues
  const place = path.map((part) => typeof part === "object" ? part.key : part).reduce<string>(
    (place, key) =>
      typeof key === "number" ? `${place}[${key}]` : place === "" ? String(key) : `${place}.${String(key)}`,
    ""
  )
  return place === "" || message.startsWith(place) ? message : `${place}: ${message}`
}

/** In options of JavaScript a field may be there and undefined. */
const withoutAbsent = (options: object): object =>
  Object.fromEntries(
    Object.entries(options).flatMap(([name, value]) =>
      value === undefined ? [] : [[
        name,
        typeof value === "object" && value !== null && !Array.isArray(value) ? withoutAbsent(value) : value
      ]]
    )
  )
