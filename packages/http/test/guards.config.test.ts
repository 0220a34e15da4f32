/** Guards of HTTP clients and servers with written options. */
import { assert, describe, it } from "@effect/vitest"
import { RateLimiter } from "@switchgear/core"
import { HttpGuard, ServerGuard } from "@switchgear/http"
import { Cause, type Config, ConfigProvider, Effect, Exit, Schema } from "effect"
import { HttpClient, HttpClientResponse } from "effect/http"

const answering = (status: number) => {
  const requests: Array<unknown> = []
  const client = HttpClient.make((request) =>
    Effect.sync(() => {
      requests.push(request)
      return HttpClientResponse.fromWeb(request, new Response("", { status }))
    })
  )
  return { client, requests }
}

const from = (tree: object) => Effect.provide(ConfigProvider.layer(ConfigProvider.fromUnknown(tree)))

it.effect("a guarded client has what is written, and what the code says of the rest", () =>
  Effect.gen(function*() {
    const { client, requests } = answering(503)
    const written = {
      rates: {
        retry: { maxAttempts: 2 },
        breaker: { consecutiveFailures: 2 },
        bulkhead: "off",
        deadline: "5 seconds",
        rateLimiter: { limits: [{ resource: "requests", limit: 3, per: "1 hour" }] }
      }
    }
    const guarded = yield* HttpGuard.fromConfig(client, "rates", { retry: { baseDelay: 0 }, breaker: "off" }).pipe(
      from(written)
    )
    assert.strictEqual((yield* guarded.get("http://a.test/")).status, 503)
    assert.strictEqual(requests.length, 2)
    assert.strictEqual((yield* Effect.flip(guarded.get("http://a.test/")))._tag, "CircuitOpen")
  }))

it.effect("variables of the environment are those of the file, in capitals", () =>
  Effect.gen(function*() {
    const { client, requests } = answering(503)
    const env = {
      RATES_RETRY_MAX_ATTEMPTS: "2",
      RATES_RETRY_BASE_DELAY: "0",
      RATES_BULKHEAD: "off",
      RATES_CONCURRENCY_LIMIT_MAX: "5",
      RATES_IDLE_TIMEOUT: "off",
      RATES_UNKNOWN: "of another program",
      API_MAX_BYTES: "1000",
      API_NAME: "api"
    }
    const environment = Effect.provide(ConfigProvider.layer(ConfigProvider.fromEnv({ env })))
    const guarded = yield* environment(HttpGuard.fromConfig(client, "rates"))
    yield* guarded.get("http://a.test/")
    assert.strictEqual(requests.length, 2)
    assert.strictEqual((yield* environment(ServerGuard.fromConfig("api"))).name, "api")
  }))

it.effect("nothing written leaves the options of the code", () =>
  Effect.gen(function*() {
    const { client } = answering(200)
    const limits = [RateLimiter.requests(1, "1 hour")]
    const guarded = yield* HttpGuard.fromConfig(client, "rates", { rateLimiter: { limits } }).pipe(from({}))
    yield* guarded.get("http://a.test/")
    assert.strictEqual((yield* Effect.flip(guarded.get("http://a.test/")))._tag, "RateLimited")
  }))

/** Options that make no sense, the place that is named, and what is said of it. */
type Case = readonly [options: object, says: string]

const ofClient: ReadonlyArray<Case> = [
  [{ deadline: "5s" }, "deadline must be a finite duration above zero, got \"5s\""],
  [{ deadline: 0 }, "deadline must be a finite duration above zero, got 0"],
  [{ attemptTimeout: "soon" }, "attemptTimeout must be a finite duration above zero, got \"soon\""],
  [{ idleTimeout: -1 }, "idleTimeout must be a finite duration above zero, got -1"],
  [{ retry: { maxAttempts: 0 } }, "retry.maxAttempts must be a whole number of at least 1, got 0"],
  [{ breaker: { failureRate: 2 } }, "breaker.failureRate must be above 0 and at most 1, got 2"],
  [{ breaker: { openFor: "5s" } }, "breaker.openFor must be"],
  [{ bulkhead: { concurrency: 0 } }, "bulkhead.concurrency must be a whole number of at least 1, got 0"],
  [{ concurrencyLimit: { min: 9, max: 8 } }, "concurrencyLimit.min must be at most max, which is 8, got 9"],
  [{ concurrencyLimit: { window: "1s" } }, "concurrencyLimit.window must be a finite duration above zero, got \"1s\""],
  [{ concurrencyLimit: { initial: 0 } }, "concurrencyLimit.initial must be a whole number"],
  [
    { bulkhead: { concurrency: 5 }, concurrencyLimit: { initial: 5 } },
    "concurrencyLimit must be left out beside a bulkhead: a client has one of them, got {\"initial\":5}"
  ],
  [{ rateLimiter: { limits: [] } }, "rateLimiter.limits must be at least one"],
  [{ capacity: 0 }, "capacity must be a whole number of at least 1, got 0"],
  [{ propagate: "all" }, "propagate must be one of nothing, budgets, everything, got \"all\""]
]

const ofServer: ReadonlyArray<Case> = [
  [{ maxRequests: 0 }, "maxRequests must be a whole number of at least 1, got 0"],
  [{ maxBytes: 0.5 }, "maxBytes must be a whole number of at least 1, got 0.5"],
  [{ maxBytes: 10, assumedBytes: 11 }, "assumedBytes must be a whole number from 1 to 10, got 11"],
  [{ deadline: "1s" }, "deadline must be a finite duration above zero, got \"1s\""],
  [{ attempts: 0 }, "attempts must be a whole number of at least 1, got 0"]
]

const { client: unasked } = answering(200)

const guards = [
  {
    name: "HttpGuard.standard",
    cases: ofClient,
    schema: HttpGuard.OptionsSchema,
    make: (options: object) => HttpGuard.standard(unasked, options),
    configured: HttpGuard.fromConfig(unasked, "app") as Effect.Effect<unknown, Config.ConfigError>,
    unknown: [["timeout", { timeout: 3 }], ["retries", { retries: 3 }]]
  },
  {
    name: "ServerGuard.make",
    cases: ofServer,
    schema: ServerGuard.OptionsSchema,
    make: (options: object) => ServerGuard.make({ name: "api", ...options }),
    configured: ServerGuard.fromConfig("app", { name: "api" }) as Effect.Effect<unknown, Config.ConfigError>,
    unknown: [["timeout", { timeout: 3 }], ["maxRequest", { maxRequest: 3 }]]
  }
] as const

const told = (made: Effect.Effect<unknown, unknown>) =>
  Effect.map(
    Effect.exit(made),
    (exit) => Exit.isFailure(exit) ? (Cause.squash(exit.cause) as Error).message : "made"
  )

const decoded = (schema: Schema.Codec<any, any>, options: object) =>
  Schema.decodeUnknownEffect(schema)({ name: "a", ...options })

for (const { cases, configured, make, name, schema, unknown } of guards) {
  describe(name, () => {
    for (const [options, says] of cases) {
      it.effect(`refuses ${JSON.stringify(options)} wherever it is given`, () =>
        Effect.gen(function*() {
          assert.include(yield* told(make(options)), `${name}: ${says}`)
          assert.include(yield* told(configured.pipe(from({ app: options }))), says)
          assert.include(yield* told(decoded(schema, options)), says)
        }))
    }

    for (const [field, options] of unknown) {
      it.effect(`refuses ${field}, which there is not, and says what there is`, () =>
        Effect.gen(function*() {
          assert.include(yield* told(make(options)), `${name}: there is no ${field}. There are: name, `)
          for (const read of [configured.pipe(from({ app: options })), decoded(schema, options)]) {
            const message = yield* told(read)
            assert.include(message, "There is no such option. There are: name, ")
            assert.include(message, `["${field}"]`)
          }
        }))
    }

    // In a configuration every value is a text, and a number there is one of milliseconds, as everywhere.
    it.effect("refuses a time as text without a unit, and says how one is written", () =>
      Effect.gen(function*() {
        const says = "deadline must be a finite duration above zero, got \"5\""
        assert.include(yield* told(make({ deadline: "5" })), `${name}: ${says}`)
        assert.include(
          yield* told(decoded(schema, { deadline: "5" })),
          `${says}. A duration is written as "30 seconds" or as a number of milliseconds`
        )
      }))
  })
}

it.effect("a part of a guarded client that is misspelt is refused by its place", () =>
  Effect.gen(function*() {
    for (const app of [{ bulkhead: { slots: 3 } }, { breaker: { failurRate: 0.5 } }, { retry: { tries: 2 } }]) {
      const [[part, options]] = Object.entries(app) as [[string, object]]
      const message = yield* told(HttpGuard.fromConfig(unasked, "app").pipe(from({ app })))
      assert.include(message, "There is no such option. There are: ")
      assert.include(message, `["app"]["${part}"]["${Object.keys(options)[0]}"]`)
    }
    assert.include(yield* told(HttpGuard.fromConfig(unasked, "app").pipe(from({ app: { retry: "never" } }))), "retry")
  }))

it.effect("the name of either is a text that is not empty", () =>
  Effect.gen(function*() {
    for (const { make, name, schema } of guards) {
      const says = "name must be a text that is not empty, got \"\""
      assert.include(yield* told(make({ name: "" })), `${name}: ${says}`)
      assert.include(yield* told(decoded(schema, { name: "" })), says)
    }
  }))

it.effect("a server's guard has what is written, and its name from there or from the code", () =>
  Effect.gen(function*() {
    const guard = yield* ServerGuard.fromConfig("api", { name: "api" }).pipe(
      from({ api: { maxBytes: 1000, deadline: "1 second" } })
    )
    assert.strictEqual(guard.name, "api")
    assert.include(yield* told(ServerGuard.fromConfig("api").pipe(from({}))), "name")
  }))

it("the schemas of both read what YAML gives", () => {
  const client = Schema.decodeUnknownSync(HttpGuard.OptionsSchema)({
    name: "rates",
    bulkhead: "off",
    idleTimeout: "off"
  })
  assert.strictEqual(client.bulkhead, "off")
  const server = Schema.decodeUnknownSync(ServerGuard.OptionsSchema)({ name: "api", maxRequests: 5 })
  assert.strictEqual(server.maxRequests, 5)
})
