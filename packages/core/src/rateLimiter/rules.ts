/** Checks the options of a limiter, in code and as they are written. */
import * as Duration from "effect/Duration"
import * as Schema from "effect/Schema"
import type * as Meter from "./meter.ts"
import { checkShared } from "../internal/config/checkShared.ts"
import type { OptionsOf } from "../internal/config/checks.ts"
import { group, NumberOrDuration, optionsCodec } from "../internal/config/optionsCodec.ts"
import type { Limit, LimitKind, LimitOptions, Options, Resource } from "./model.ts"

const resources: ReadonlyArray<Resource> = ["requests", "tokens", "cost"]

/** Above this number, adding 1 changes nothing: a sum would not count what is taken. */
const MOST = Number.MAX_SAFE_INTEGER

/** The longest `per` and the longest pause, in milliseconds. */
const LONGEST = 366 * 24 * 3600 * 1000

const MOST_WAITING = 1_000_000

export const limitOf =
  (resource: Resource) => (limit: number, per: Duration.Input, options: LimitOptions = {}): Limit => ({
    resource,
    limit,
    per,
    kind: options.kind ?? "token-bucket",
    burst: options.burst
  })

/** An amount that is taken; zero is allowed. */
export const quantity = (check: OptionsOf, field: string, value: number): number =>
  check.amount(field, value) <= MOST ? value : check.refuse(field, `at most ${MOST}`, value)

export interface Rules {
  readonly name: string
  readonly maxWait: number
  readonly queue: number
  readonly maxRetryAfter: number
  readonly checked: ReadonlyArray<Meter.Limit>
}

export const toRules = (
  { limits, maxRetryAfter = "10 minutes", maxWait = 0, name, queue = 10_000, shared }: Options,
  check: OptionsOf
): Rules => {
  check.name(name)
  checkShared(check, { name, shared })
  return {
    name,
    maxWait: check.wait("maxWait", maxWait),
    queue: check.integer("queue", queue, 0, MOST_WAITING),
    maxRetryAfter: atMostAYear("maxRetryAfter", maxRetryAfter, check),
    checked: checkLimits(limits, check)
  }
}

export const codec = optionsCodec<Options>()({
  name: Schema.optionalKey(Schema.String),
  limits: Schema.optionalKey(Schema.Array(group({
    resource: Schema.optionalKey(Schema.String),
    limit: Schema.optionalKey(NumberOrDuration),
    per: Schema.optionalKey(NumberOrDuration),
    kind: Schema.optionalKey(Schema.String),
    burst: Schema.optionalKey(NumberOrDuration)
  }))),
  maxWait: Schema.optionalKey(NumberOrDuration),
  queue: Schema.optionalKey(NumberOrDuration),
  maxRetryAfter: Schema.optionalKey(NumberOrDuration)
}, {
  read: ({ limits, ...given }, _check, defaults) => ({
    ...given as Partial<Options>,
    limits: limits?.map(({ burst, kind, limit, per, resource }) =>
      limitOf(resource as Resource)(limit as number, per as Duration.Input, {
        kind: kind as LimitKind | undefined,
        burst: burst as number | undefined
      })
    ) ?? defaults.limits ?? []
  }),
  check: toRules,
  pathOf: (field, { limits = [] }) => {
    const [resource, part] = field === "resource" ? [undefined, field] : field.split(".")
    const index = limits.findIndex((limit) =>
      resource === undefined ? !resources.includes(limit.resource) : limit.resource === resource
    )
    return part === undefined ? undefined : ["limits", index, part]
  }
})

export const checkLimits = (limits: ReadonlyArray<Limit>, check: OptionsOf): ReadonlyArray<Meter.Limit> => {
  if (!Array.isArray(limits) || limits.length === 0) check.refuse("limits", "at least one", "none")
  return limits.map((limit, i) => {
    const { kind, resource } = limit
    check.oneOf("resource", resource, resources)
    if (limits.findIndex((other) => other.resource === resource) !== i) {
      check.refuse("limits", "at most one for each resource", `two for ${resource}`)
    }
    check.oneOf(`${resource}.kind`, kind, ["token-bucket", "sliding-window"])
    return checkLimit(limit, check)
  })
}

const checkLimit = ({ burst, kind, limit, per, resource }: Limit, check: OptionsOf): Meter.Limit => {
  const isBucket = kind === "token-bucket"
  const checked = {
    limit: supply(`${resource}.limit`, limit, check),
    per: atMostAYear(`${resource}.per`, per, check),
    burst: supply(`${resource}.burst`, burst ?? limit, check)
  }
  if (resource === "requests" && (isBucket ? checked.burst : limit) < 1) {
    if (isBucket && burst !== undefined) check.refuse("requests.burst", `from 1 to ${MOST}`, burst)
    const or = isBucket ? ", or have a burst of at least 1," : ""
    check.refuse("requests.limit", `from 1 to ${MOST}${or} to pass a request`, limit)
  }
  if (isBucket && checked.burst / limit * checked.per > LONGEST) {
    check.refuse(`${resource}.burst`, "at most what comes in within 366 days", burst)
  }
  return checked
}

const supply = (field: string, value: number, check: OptionsOf): number =>
  check.supply(field, value) <= MOST ? value : check.refuse(field, `at most ${MOST}`, value)

const atMostAYear = (field: string, value: Duration.Input, check: OptionsOf): number => {
  const millis = check.positive(field, value)
  return millis <= LONGEST ? millis : check.refuse(field, "at most 366 days", value)
}
