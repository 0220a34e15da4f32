/** The options of circuit breakers and families as they are written in YAML, JSON or an environment. */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import type { FamilyOptions } from "./familyModel.ts"
import type { Options, Window } from "./model.ts"
import type { OptionsOf } from "../internal/config/checks.ts"
import { group, NumberOrDuration, optionsCodec } from "../internal/config/optionsCodec.ts"
import { span } from "./bounds.ts"
import { toBounds, toJudge, toRules } from "./rules.ts"

const fields = {
  name: Schema.optionalKey(Schema.String),
  window: Schema.optionalKey(group({
    lastCalls: Schema.optionalKey(NumberOrDuration),
    lasting: Schema.optionalKey(NumberOrDuration),
    buckets: Schema.optionalKey(NumberOrDuration)
  })),
  minimumCalls: Schema.optionalKey(NumberOrDuration),
  failureRate: Schema.optionalKey(NumberOrDuration),
  slowCallDuration: Schema.optionalKey(NumberOrDuration),
  slowCallRate: Schema.optionalKey(NumberOrDuration),
  consecutiveFailures: Schema.optionalKey(NumberOrDuration),
  openFor: Schema.optionalKey(
    Schema.Union([
      NumberOrDuration,
      group({
        baseDelay: Schema.optionalKey(NumberOrDuration),
        factor: Schema.optionalKey(NumberOrDuration),
        maxDelay: Schema.optionalKey(NumberOrDuration),
        jitter: Schema.optionalKey(NumberOrDuration)
      })
    ]).annotate({ expected: "a duration or { baseDelay, factor, maxDelay, jitter }" })
  ),
  maxRetryAfter: Schema.optionalKey(NumberOrDuration),
  patience: Schema.optionalKey(NumberOrDuration),
  halfOpen: Schema.optionalKey(
    group({ calls: Schema.optionalKey(NumberOrDuration), maxWait: Schema.optionalKey(NumberOrDuration) })
  ),
  rampUp: Schema.optionalKey(
    group({ over: Schema.optionalKey(NumberOrDuration), from: Schema.optionalKey(NumberOrDuration) })
  ),
  measureDurations: Schema.optionalKey(
    Schema.Union([Schema.String, Schema.Array(NumberOrDuration)]).annotate({
      expected: "off, on, or a list of durations"
    })
  ),
  // An environment has only texts.
  critical: Schema.optionalKey(Schema.Union([Schema.Boolean, Schema.String]).annotate({ expected: "true or false" }))
}

type Written = Schema.Struct<typeof fields>["Type"]

const read = (
  { critical, halfOpen, openFor, rampUp, window, ...given }: Written,
  check: OptionsOf,
  defaults: Partial<Options>
): Partial<Options> => ({
  ...given as Partial<Options>,
  ...window && { window: toWindow(window, check) },
  ...openFor !== undefined && {
    openFor: typeof openFor === "object" ? toSchedule(openFor, check) : openFor as Duration.Input
  },
  ...halfOpen && { halfOpen: { ...defaults.halfOpen, ...halfOpen } as Options["halfOpen"] },
  ...rampUp && { rampUp: { ...defaults.rampUp, ...rampUp } as Options["rampUp"] },
  ...critical !== undefined && { critical: toBoolean(critical) as Options["critical"] }
})

/** Anything else stays as it is, so that the error shows it. */
const toBoolean = (value: boolean | string): boolean | string =>
  value === "true" ? true : value === "false" ? false : value

const toWindow = ({ buckets, lastCalls, lasting }: NonNullable<Written["window"]>, check: OptionsOf): Window => {
  if (lastCalls === undefined && lasting !== undefined) {
    return { _tag: "Lasting", duration: lasting as Duration.Input, buckets: (buckets ?? 10) as number }
  }
  if (lastCalls === undefined || lasting !== undefined || buckets !== undefined) {
    const given = Object.entries({ lastCalls, lasting, buckets }).filter(([, value]) => value !== undefined)
    check.refuse("window", "{ lastCalls } or { lasting, buckets }", Object.fromEntries(given))
  }
  return { _tag: "LastCalls", calls: lastCalls as number }
}

const toSchedule = (
  { baseDelay, factor, jitter, maxDelay }: Exclude<Written["openFor"], string | number | undefined>,
  check: OptionsOf
): Schedule.Schedule<unknown, number> => {
  const first = span(check, "openFor.baseDelay", baseDelay as Duration.Input)
  const last = span(check, "openFor.maxDelay", (maxDelay ?? Math.max(first, 600_000)) as Duration.Input)
  const growth = factor ?? 2
  const share = jitter ?? 0
  if (!isBetween(growth, 1, Infinity)) return check.refuse("openFor.factor", "a number of at least 1", growth)
  if (!isBetween(share, 0, 1)) return check.refuse("openFor.jitter", "a number from 0 to 1", share)
  return Schedule.exponential(first, growth).pipe(
    Schedule.modifyDelay(({ duration }) =>
      Effect.map(Random.next, (draw) => {
        const delay = Math.min(last, Duration.toMillis(duration))
        const scattered = Math.min(last, delay * (1 - share + 2 * share * draw))
        return Duration.millis(Math.max(1, Math.round(scattered)))
      })
    )
  )
}

const isBetween = (value: number | string, least: number, most: number): value is number =>
  typeof value === "number" && Number.isFinite(value) && value >= least && value <= most

const check = (options: Options, check: OptionsOf): void => {
  toRules(options, check, () => {}, Context.empty())
  toJudge(options, check)
}

const pathOf = (field: string): ReadonlyArray<string> | undefined =>
  field === "window.calls"
    ? ["window", "lastCalls"]
    : field === "window.duration"
    ? ["window", "lasting"]
    : undefined

export const codec = optionsCodec<Options>()(fields, { read, check, pathOf: pathOf })

export const familyCodec = optionsCodec<FamilyOptions>()({
  ...fields,
  capacity: Schema.optionalKey(NumberOrDuration),
  idleTimeToLive: Schema.optionalKey(NumberOrDuration)
}, {
  read: (given, check, defaults) => ({ ...given as Partial<FamilyOptions>, ...read(given, check, defaults) }),
  check: (options, rules) => {
    check(options, rules)
    toBounds(options, rules)
  },
  pathOf: pathOf
})
