/** What holds for the written options of every primitive; what holds for those of one is in its `options.test.ts`. */
import { assert, describe, it } from "@effect/vitest"
import {
  Bulkhead,
  CircuitBreaker,
  ConcurrencyLimit,
  Pipeline,
  RateLimiter,
  Registry,
  Retry,
  RetryBudget,
  StaleCache,
  Telemetry
} from "@switchgear/core"
import { Cause, Config, ConfigProvider, Effect, Exit, Layer, Schema } from "effect"
import { reason } from "../../support/optionsSchema.ts"

describe("nonsense is refused with field, value and range:", () => {
  it.effect("what is no object is refused as such", () =>
    Effect.gen(function*() {
      assert.strictEqual(
        yield* reason(Retry.OptionsSchema, "3"),
        "Expected { name, maxAttempts, baseDelay, factor, maxDelay, jitter, maxDuration }"
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
/** Reads what is written, and makes what it says; answers whether it was read. */
type Take = (written: object) => Effect.Effect<boolean>

const take = <A>(schema: Schema.Codec<A, unknown>, make: (options: A) => Effect.Effect<unknown>): Take => (written) =>
  Effect.gen(function*() {
    const decoded = yield* Effect.exit(Schema.decodeUnknownEffect(schema)(written))
    if (Exit.isFailure(decoded)) {
      assert.isTrue(decoded.cause.reasons.every(Cause.isFailReason))
      return false
    }
    const made = yield* Effect.exit(make(decoded.value))
    assert.isTrue(Exit.isSuccess(made), Exit.isFailure(made) ? Cause.pretty(made.cause) : "")
    return true
  })

/** Sound options, as written; the property puts a few other values into them. */
const sound: { readonly [Name in string]: { readonly take: Take; readonly written: object } } = {
  CircuitBreaker: {
    take: take(CircuitBreaker.OptionsSchema, CircuitBreaker.make),
    written: {
      name: "m",
      window: { lasting: "1 minute", buckets: 12 },
      minimumCalls: 20,
      failureRate: 0.5,
      slowCallDuration: "1 second",
      slowCallRate: 0.8,
      consecutiveFailures: 5,
      openFor: { baseDelay: "1 second", factor: 3, maxDelay: "1 minute", jitter: 0.2 },
      maxRetryAfter: "1 minute",
      patience: "1 second",
      halfOpen: { calls: 3, maxWait: "1 minute" },
      rampUp: { over: "1 minute", from: 0.2 }
    }
  },
  "CircuitBreaker.Family.make": {
    take: take(CircuitBreaker.Family.OptionsSchema, CircuitBreaker.Family.make),
    written: {
      name: "m",
      capacity: 50,
      idleTimeToLive: "5 minutes",
      window: { lastCalls: 50 },
      minimumCalls: 1,
      openFor: "45 seconds",
      halfOpen: { calls: 3 },
      rampUp: { over: "1 minute" }
    }
  },
  Bulkhead: {
    take: take(Bulkhead.OptionsSchema, Bulkhead.make),
    written: { name: "m", concurrency: 8, queue: 20, maxWait: "2 seconds", share: 0.25 }
  },
  ConcurrencyLimit: {
    take: take(ConcurrencyLimit.OptionsSchema, ConcurrencyLimit.make),
    written: {
      name: "m",
      algorithm: "gradient2",
      initial: 30,
      min: 2,
      max: 60,
      tolerance: 1.5,
      window: "2 seconds",
      minimumCalls: 5,
      backoff: 0.25,
      sample: "perToken",
      queue: 20,
      maxWait: "2 seconds",
      share: 0.25
    }
  },
  RateLimiter: {
    take: take(RateLimiter.OptionsSchema, RateLimiter.make),
    written: {
      name: "m",
      limits: [
        { resource: "requests", limit: 100, per: "1 second", burst: 5 },
        { resource: "tokens", limit: 90_000, per: "1 minute", kind: "sliding-window" }
      ],
      maxWait: 500,
      queue: 20,
      maxRetryAfter: "1 minute"
    }
  },
  Retry: {
    take: take(Retry.OptionsSchema, Retry.make),
    written: {
      maxAttempts: 4,
      baseDelay: 100,
      factor: 1.5,
      maxDelay: "5 seconds",
      jitter: "equal",
      maxDuration: "20 seconds"
    }
  },
  RetryBudget: {
    take: take(RetryBudget.OptionsSchema, RetryBudget.make),
    written: { name: "m", ratio: 0.1, floor: 3, window: "30 seconds" }
  },
  StaleCache: {
    take: take(StaleCache.OptionsSchema, StaleCache.make),
    written: {
      name: "m",
      capacity: 50,
      maxBytes: 1000,
      timeToLive: "1 minute",
      staleFor: "1 day",
      after: "1 second",
      storeTimeout: 20
    }
  },
  Pipeline: {
    take: take(Pipeline.OptionsSchema, Pipeline.make),
    written: { deadline: "30 seconds", attemptTimeout: 10_000 }
  },
  Registry: { take: take(Registry.OptionsSchema, Registry.make), written: { history: 7 } },
  Telemetry: {
    take: take(Telemetry.OptionsSchema, (options) => Effect.scoped(Layer.build(Telemetry.layer(options)))),
    written: { maxNames: 9 }
  }
}

/** The places in `written` at which something stands, groups and lists included. */
const placesIn = (written: object): ReadonlyArray<ReadonlyArray<string>> =>
  Object.entries(written).flatMap(([field, value]) => [
    [field],
    ...(typeof value === "object" ? placesIn(value).map((place) => [field, ...place]) : [])
  ])

/** Puts a value at a place, or takes away what stands there; what has gone with its group stays away. */
const change = (written: object, [field, ...rest]: ReadonlyArray<string>, value: unknown): object => {
  const changed: Record<string, unknown> = Array.isArray(written) ? [...written] as never : { ...written }
  const inner = changed[field!]
  if (rest.length === 0 && value === undefined) delete changed[field!]
  else if (rest.length === 0) changed[field!] = value
  else if (typeof inner === "object" && inner !== null) changed[field!] = change(inner, rest, value)
  return changed
}

const Changes = Schema.Array(Schema.Struct({
  place: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 1000 })),
  value: Schema.Union([Scalar, Schema.Undefined])
})).check(Schema.isMaxLength(4))

describe("whatever is written is refused as a failure, or is what make takes: there is one set of rules", () => {
  for (const [name, { take, written }] of Object.entries(sound)) {
    it.effect(`${name}: what the property changes is sound`, () =>
      Effect.gen(function*() {
        assert.isTrue(yield* take(written))
      }))

    const places = placesIn(written)
    it.effect.prop(
      name,
      { changes: Changes },
      ({ changes }) =>
        Effect.asVoid(take(changes.reduce<object>(
          (all, { place, value }) => change(all, places[place % places.length]!, value),
          written
        )))
    )
  }
})
