/** What holds for the written options of every primitive; what holds for those of one is in its `options.test.ts`. */
import { assert, describe, it } from "@effect/vitest"
import { Bulkhead, CircuitBreaker, RateLimiter, Retry, RetryBudget, StaleCache } from "@switchgear/core"
import { Cause, Config, ConfigProvider, Effect, Exit, Schema } from "effect"
import { reason } from "../../support/optionsSchema.ts"

describe("nonsense is refused with field, value and range:", () => {
  it.effect("what is no object is refused as such", () =>
    Effect.gen(function*() {
      assert.strictEqual(
        yield* reason(Retry.OptionsSchema, "3"),
        "Expected { maxAttempts, baseDelay, maxDelay, jitter, maxDuration }"
      )
    }))
})

describe("unknown fields are refused with those that there are:", () => {
  it.effect("all of them at once", () =>
    Effect.map(
      reason(Retry.OptionsSchema, "{ atempts: 3, bas: 1 }"),
      (told) => assert.deepStrictEqual(told.match(/at \["\w+"\]/g), ["at [\"atempts\"]", "at [\"bas\"]"])
    ))
})

describe("inside a larger schema", () => {
  const Model = Schema.Struct({ provider: Schema.String, circuit: CircuitBreaker.OptionsSchema })

  it.effect("an error tells the whole path", () =>
    Effect.map(
      reason(Model, "{ provider: acme, circuit: { name: m, failureRate: 3 } }"),
      (told) =>
        assert.strictEqual(
          told,
          "failureRate must be above 0 and at most 1, got 3\n  at [\"circuit\"][\"failureRate\"]"
        )
    ))

  it.effect("Config.schema reads them", () =>
    Effect.gen(function*() {
      const provider = ConfigProvider.fromUnknown({ provider: "acme", circuit: { name: "m", halfOpen: { calls: 3 } } })
      const { circuit } = yield* Config.schema(Model).parse(provider)
      assert.deepStrictEqual(circuit, { name: "m", halfOpen: { calls: 3 } })
    }))

  it("a JSON Schema for an editor can be made", () => {
    const { schema } = Schema.toJsonSchemaDocument(Bulkhead.OptionsSchema)
    assert.hasAllKeys(schema["properties"], ["name", "concurrency", "queue", "maxWait", "share"])
  })

  it.effect("options cannot be written back", () =>
    Effect.map(
      Effect.flip(Schema.encodeUnknownEffect(Retry.OptionsSchema)({ maxAttempts: 3 })),
      ({ message }) => assert.strictEqual(message, "Options are read from what is written, not written")
    ))
})

const Scalar = Schema.Union([
  Schema.Number,
  Schema.String,
  Schema.Null,
  Schema.Boolean,
  Schema.Literals([
    "off",
    "1 second",
    "0 seconds",
    "Infinity",
    "-Infinity",
    "NaN",
    "full",
    "tokens",
    "sliding-window",
    "",
    " "
  ]),
  Schema.Literals([0, -0, 1, 0.5, 1e-9, 5e-324, 1e300, 2 ** 53, -1])
])
const anyOf = (fields: ReadonlyArray<string>) =>
  Schema.Struct(Object.fromEntries(fields.map((field) => [field, Schema.optionalKey(Scalar)])))

/** Anything that could stand in the fields of everything that is configured. */
const Anything = Schema.Struct({
  name: Schema.Literal("m"),
  window: Schema.optionalKey(Schema.Union([anyOf(["lastCalls"]), anyOf(["lasting", "buckets"]), Scalar])),
  openFor: Schema.optionalKey(Schema.Union([anyOf(["baseDelay", "factor", "maxDelay", "jitter"]), Scalar])),
  halfOpen: Schema.optionalKey(anyOf(["calls", "maxWait"])),
  rampUp: Schema.optionalKey(anyOf(["over", "from"])),
  ...anyOf(["minimumCalls", "failureRate", "slowCallDuration", "slowCallRate", "consecutiveFailures"]).fields,
  ...anyOf([
    "concurrency",
    "queue",
    "maxWait",
    "share",
    "ratio",
    "floor",
    "maxAttempts",
    "baseDelay",
    "maxDelay",
    "jitter"
  ]).fields,
  ...anyOf(["maxDuration", "capacity", "timeToLive", "staleFor", "storeTimeout", "idleTimeToLive"]).fields,
  limits: Schema.optionalKey(Schema.Array(anyOf(["resource", "limit", "per", "kind", "burst"])))
})

const pick = (schema: Schema.Codec<unknown, unknown>, anything: Record<string, unknown>, window?: unknown) => {
  const { properties } = Schema.toJsonSchemaDocument(schema).schema as { properties: Record<string, unknown> }
  const picked = Object.entries(anything).filter(([field]) => field in properties)
  return Object.fromEntries([...picked, ...window === undefined ? [] : [["window", window]]])
}

it.effect.prop(
  "whatever is written is refused as a failure, or is what make takes: there is one set of rules",
  [Anything],
  ([anything]) =>
    Effect.gen(function*() {
      const agree = <A>(
        schema: Schema.Codec<A, unknown>,
        make: (options: A) => Effect.Effect<unknown>,
        written: object
      ) =>
        Effect.gen(function*() {
          const decoded = yield* Effect.exit(Schema.decodeUnknownEffect(schema)(written))
          if (Exit.isFailure(decoded)) return assert.isTrue(decoded.cause.reasons.every(Cause.isFailReason))
          const made = yield* Effect.exit(make(decoded.value))
          assert.isTrue(Exit.isSuccess(made), Exit.isFailure(made) ? Cause.pretty(made.cause) : "")
        })
      const time = { window: typeof anything.window === "object" ? 1000 : anything.window }
      yield* agree(CircuitBreaker.OptionsSchema, CircuitBreaker.make, pick(CircuitBreaker.OptionsSchema, anything))
      yield* agree(
        CircuitBreaker.FamilyOptionsSchema,
        CircuitBreaker.family,
        pick(CircuitBreaker.FamilyOptionsSchema, anything)
      )
      yield* agree(Bulkhead.OptionsSchema, Bulkhead.make, pick(Bulkhead.OptionsSchema, anything))
      yield* agree(RateLimiter.OptionsSchema, RateLimiter.make, pick(RateLimiter.OptionsSchema, anything))
      yield* agree(Retry.OptionsSchema, Retry.make, pick(Retry.OptionsSchema, anything))
      yield* agree(RetryBudget.OptionsSchema, RetryBudget.make, pick(RetryBudget.OptionsSchema, anything, time.window))
      yield* agree(StaleCache.OptionsSchema, StaleCache.make, pick(StaleCache.OptionsSchema, anything))
    })
)
