/** From the options of a limiter to what it keeps to, with every value checked; and the options as they are written. */
import type * as Duration from "effect/Duration"
import * as Schema from "effect/Schema"
import type * as Meter from "../internal/meter.ts"
import type { OptionsOf } from "../internal/options.ts"
import { group, Quantity, writtenOptions } from "../internal/writtenOptions.ts"
import type { Kind, Limit, LimitOptions, Options, Resource } from "../RateLimit.ts"

const resources: ReadonlyArray<Resource> = ["requests", "tokens", "cost"]

export const limitOf =
  (resource: Resource) => (limit: number, per: Duration.Input, options: LimitOptions = {}): Limit => ({
    resource,
    limit,
    per,
    kind: options.kind ?? "token-bucket",
    burst: options.burst ?? limit
  })

export interface Rules {
  readonly name: string
  readonly maxWait: number
  readonly checked: ReadonlyArray<Meter.Limit>
}

export const toRules = ({ limits, maxWait, name }: Options, check: OptionsOf): Rules => ({
  name: check.name(name),
  maxWait: check.wait("maxWait", maxWait ?? 0),
  checked: checkLimits(limits, check)
})

export const written = writtenOptions<Options>()({
  name: Schema.optionalKey(Schema.String),
  limits: Schema.optionalKey(Schema.Array(group({
    resource: Schema.optionalKey(Schema.String),
    limit: Schema.optionalKey(Quantity),
    per: Schema.optionalKey(Quantity),
    kind: Schema.optionalKey(Schema.String),
    burst: Schema.optionalKey(Quantity)
  }))),
  maxWait: Schema.optionalKey(Quantity)
}, {
  read: ({ limits, ...given }, _check, defaults) => ({
    ...given as Partial<Options>,
    limits: limits?.map(({ burst, kind, limit, per, resource }) =>
      limitOf(resource as Resource)(limit as number, per as Duration.Input, {
        kind: kind as Kind | undefined,
        burst: burst as number | undefined
      })
    ) ?? defaults.limits ?? []
  }),
  check: toRules,
  place: (field, { limits = [] }) => {
    const [resource, part] = field === "resource" ? [undefined, field] : field.split(".")
    const index = limits.findIndex((limit) =>
      resource === undefined ? !resources.includes(limit.resource) : limit.resource === resource
    )
    return part === undefined ? undefined : ["limits", index, part]
  }
})

export const checkLimits = (limits: ReadonlyArray<Limit>, check: OptionsOf): ReadonlyArray<Meter.Limit> => {
  if (limits.length === 0) check.refuse("limits", "at least one", "none")
  return limits.map(({ burst, kind, limit, per, resource }, i) => {
    check.oneOf("resource", resource, resources)
    if (limits.findIndex((other) => other.resource === resource) !== i) {
      check.refuse("limits", "at most one for each resource", `two for ${resource}`)
    }
    check.oneOf(`${resource}.kind`, kind, ["token-bucket", "sliding-window"])
    return {
      limit: check.supply(`${resource}.limit`, limit),
      per: check.positive(`${resource}.per`, per),
      burst: check.supply(`${resource}.burst`, burst)
    }
  })
}
