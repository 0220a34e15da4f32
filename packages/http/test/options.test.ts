import { assert, describe, it } from "@effect/vitest"
import { Canned, ChatClient, ChatModel, ModelCascade } from "@switchgear/http"
import * as NodeTransport from "@switchgear/http/NodeTransport"
import { Cause, ConfigProvider, Effect, Exit, Layer, Redacted } from "effect"
import { HttpClient } from "effect/http"
import { told } from "./support/spy.ts"

const key = "sk-live-9f8e7d6c5b4a"
const http = HttpClient.make(() => Effect.die("not asked"))
const provider = { provider: "p", baseUrl: "http://p.test" } as const
const client = ChatClient.make(provider)

const complaint = <A, E>(made: Effect.Effect<A, E, HttpClient.HttpClient>) =>
  Effect.map(
    Effect.exit(Effect.provideService(made, HttpClient.HttpClient, http)),
    (exit) => Exit.isFailure(exit) ? (Cause.squash(exit.cause) as Error).message : "made"
  )

/** An option, a value that makes no sense, and what is said of it; how it is written if it can be. */
type Case = readonly [field: string, options: object, says: string, isWritten?: "in code only"]

const ofModel: ReadonlyArray<Case> = [
  ["model", { model: "" }, "a text that is not empty, got \"\""],
  ["name", { name: "" }, "a text that is not empty, got \"\""],
  ["attemptTimeout", { attemptTimeout: 0 }, "a finite duration above zero, got 0"],
  ["deadline", { deadline: -1 }, "a finite duration above zero, got -1"],
  ["countsAs", { countsAs: "failure" }, "a function, got \"failure\"", "in code only"],
  ["readerTimeout", { readerTimeout: 0 }, "a duration above zero, got 0"],
  ["breaker", { breaker: 3 }, "an object with options, got 3", "in code only"],
  ["breaker.failureRate", { breaker: { failureRate: 3 } }, "above 0 and at most 1, got 3"],
  ["breaker.halfOpen.calls", { breaker: { halfOpen: { calls: 0 } } }, "a whole number of at least 1, got 0"],
  ["breaker.openFor", { breaker: { openFor: 0 } }, ""],
  ["bulkhead.concurrency", { bulkhead: { concurrency: 0 } }, "a whole number of at least 1, got 0"],
  ["bulkhead.maxWait", { bulkhead: { maxWait: -1 } }, "a duration of zero or more, got -1"],
  ["retry.maxAttempts", { retry: { maxAttempts: 0 } }, "a whole number of at least 1, got 0"],
  ["retry.jitter", { retry: { jitter: 2 } }, ""],
  ["retry.while", { retry: { while: 1 } }, "a function, got 1", "in code only"],
  ["rateLimiter.limits", { rateLimiter: { limits: [] } }, "at least one, got \"none\""],
  ["rateLimiter.maxWait", { rateLimiter: { limits: [limit(9)], maxWait: -1 } }, "a duration of zero or more, got -1"],
  [
    "rateLimiter.assumedOutput",
    { rateLimiter: { limits: [limit(9)], assumedOutput: -1 } },
    "a whole number of at least 0, got -1"
  ],
  ["rateLimiter.estimate", { rateLimiter: { limits: [limit(9)], estimate: 1 } }, "a function, got 1", "in code only"]
]

function limit(limit: number) {
  return { resource: "requests", limit, per: "1 minute", kind: "token-bucket" }
}

const ofCascade: ReadonlyArray<Case> = [
  ["name", { name: "" }, "a text that is not empty, got \"\""],
  ["deadline", { deadline: 0 }, "a finite duration above zero, got 0"],
  ["share", { share: "half" }, "one of measured, even, none, got \"half\""],
  ["attempts", { attempts: 0 }, "a whole number of at least 1, got 0"],
  ["queue", { queue: -1 }, "a whole number of at least 0, got -1"],
  ["queue", { queue: 1.5 }, "a whole number of at least 0, got 1.5"],
  ["maxWait", { maxWait: -1 }, "a duration of zero or more, got -1"],
  ["cache.capacity", { cache: { capacity: 0 } }, "a whole number from 1 to 16777216, got 0"],
  ["cache.timeToLive", { cache: { timeToLive: -1 } }, "a duration of zero or more, got -1"],
  ["canned.default", { canned: { zh: "x" } }, ""],
  [
    "canned",
    { canned: "Sorry." },
    "sentences by language, such as Canned.sentences or { default: \"…\" }, got \"Sorry.\"",
    "in code only"
  ],
  ["accept", { accept: 1 }, "a function, got 1", "in code only"],
  ["cacheKey", { cacheKey: 1 }, "a function, got 1", "in code only"],
  ["models", { models: [] }, "a list of at least one model, got []", "in code only"]
]

const ofClient: ReadonlyArray<Case> = [
  ["provider", { provider: "" }, "a name of 1 to 100 characters, got \"\""],
  [
    "baseUrl",
    { baseUrl: `ftp://p.test?key=${key}` },
    "a URL that begins with http:// or https://, got \"ftp://p.test\""
  ],
  [
    "baseUrl",
    { baseUrl: `http://u:${key}@p.test` },
    "a URL without a user name or a password, got one (not shown); use apiKey"
  ],
  [
    "baseUrl",
    { baseUrl: `http://p.test/v1/chat/completions/?key=${key}` },
    "the address before /chat/completions, such as https://api.openai.com/v1, got \"http://p.test/v1/chat/completions\""
  ],
  ["apiKey", { apiKey: key }, "a key in Redacted.make, got something else (not shown)", "in code only"],
  ["apiKey[1]", { apiKey: [Redacted.make(key), `${key}2`] }, "a key in Redacted.make, got something", "in code only"],
  [
    "apiKey",
    { apiKey: Redacted.make(undefined) },
    "a text in Redacted.make, got undefined: is the variable set that it is read from?",
    "in code only"
  ],
  ["timeout", { timeout: 0 }, "a finite duration above zero, got 0"],
  ["idleTimeout", { idleTimeout: -1 }, "a finite duration above zero, got -1"],
  ["firstContentTimeout", { firstContentTimeout: 0 }, "a finite duration above zero, got 0"],
  ["parkFor", { parkFor: 0 }, "a finite duration above zero, got 0"],
  ["maxRetryAfter", { maxRetryAfter: 0 }, "a finite duration above zero, got 0"],
  ["accountHost", { accountHost: "nowhere" }, ""],
  ["headers[\"host\"]", { headers: { host: key } }, "left out: the connection sets it, got a value (not shown)"]
]

const ofConnections: ReadonlyArray<Case> = [
  ...ofClient,
  ["connectTimeout", { connectTimeout: 0 }, "a finite duration above zero, got 0"],
  ["keepAliveTimeout", { keepAliveTimeout: "2 days" }, "a duration of at most 1 day, got \"2 days\""],
  ["connections", { connections: 0.5 }, "a whole number from 1 to 65535, or Infinity, got 0.5"],
  ["proxy", { proxy: key }, "\"environment\", \"none\" or { http, https, except }, got something else (not shown)"],
  ["proxy.http", { proxy: { http: `x ${key}` } }, "a URL such as http://proxy:3128, got something else (not shown)"]
]

/** Written in a configuration, where nothing is given in code. */
const configured = <A, E>(options: object, made: Effect.Effect<A, E, HttpClient.HttpClient>) =>
  Effect.provideService(made, ConfigProvider.ConfigProvider, ConfigProvider.fromUnknown({ app: options }))

const building = <A, E>(layer: Layer.Layer<A, E, HttpClient.HttpClient>) => Effect.scoped(Layer.build(layer))

const stub = Effect.flatMap(client, (client) => ChatModel.make({ model: "m", client }))
const model = { model: "m" }
const models = { models: [{ model: stub }] as const }

const functions = [
  [
    "ChatModel.make",
    ofModel,
    (options: object) => Effect.flatMap(client, (client) => ChatModel.make({ ...model, ...options, client }))
  ],
  [
    "ChatModel.layer",
    ofModel,
    (options: object) => building(Layer.provide(ChatModel.layer({ ...model, ...options }), ChatClient.layer(provider)))
  ],
  ["ChatModel.Service", ofModel, (options: object) => {
    class Model
      extends ChatModel.Service<Model>()("id", { ...model, ...options, client: ChatClient.layer(provider) })
    {}
    return building(Model.layer)
  }],
  ["ModelCascade.make", ofCascade, (options: object) => ModelCascade.make({ ...models, ...options })],
  ["ModelCascade.Service", ofCascade, (options: object) => {
    class Models extends ModelCascade.Service<Models>()("id", { ...models, ...options }) {}
    return building(Models.layer)
  }],
  ["ChatClient.make", ofClient, (options: object) => ChatClient.make({ ...provider, ...options })],
  ["ChatClient.layer", ofClient, (options: object) => building(ChatClient.layer({ ...provider, ...options }))],
  [
    "NodeTransport.layerChatClient",
    ofConnections,
    (options: object) => building(NodeTransport.layerChatClient({ ...provider, ...options }))
  ]
] as const

describe("an option that makes no sense is told with the function that was called and the place of the option:", () => {
  for (const [name, cases, make] of functions) {
    it.effect(name, () =>
      Effect.gen(function*() {
        for (const [field, options, says] of cases) {
          const message = yield* complaint(make(options) as Effect.Effect<unknown, unknown, HttpClient.HttpClient>)
          assert.include(message, `${name}: ${field} must be ${says}`)
          assert.notInclude(message, key)
        }
      }))
  }
})

const configs = [
  [
    "ChatModel.fromConfig",
    ofModel,
    model,
    (options: object) =>
      configured(options, Effect.flatMap(client, (client) => ChatModel.fromConfig("app", { client })))
  ],
  [
    "ModelCascade.fromConfig",
    ofCascade,
    {},
    (options: object) => configured(options, ModelCascade.fromConfig("app", { ...models, canned: Canned.sentences }))
  ],
  ["ChatClient.fromConfig", ofClient, provider, (options: object) => configured(options, ChatClient.fromConfig("app"))],
  [
    "NodeTransport.layerChatClientConfig",
    ofConnections,
    provider,
    (options: object) => configured(options, building(NodeTransport.layerChatClientConfig("app")))
  ]
] as const

describe("and in a configuration it is a ConfigError that tells the whole path, in the same words:", () => {
  for (const [name, cases, required, make] of configs) {
    it.effect(name, () =>
      Effect.gen(function*() {
        for (const [field, options, says, isWritten] of cases) {
          // An empty text of a configuration is none.
          if (isWritten !== undefined || Object.values(options).includes("")) continue
          const written = { ...required, ...options }
          const exit = yield* Effect.exit(Effect.provideService(
            make(written) as Effect.Effect<unknown, Error, HttpClient.HttpClient>,
            HttpClient.HttpClient,
            http
          ))
          assert.isTrue(Exit.hasFails(exit), `${field}: ${JSON.stringify(exit)}`)
          const { message } = Exit.isFailure(exit) ? Cause.squash(exit.cause) as Error : new Error()
          assert.include(message, `${field} must be ${says}`)
          assert.include(message, "at [\"app\"]")
          for (const shown of told(exit)) assert.notInclude(shown, key)
        }
      }))
  }

  it.effect("and what is no group or list where one belongs is told what belongs there", () =>
    Effect.gen(function*() {
      for (
        const [written, says] of [
          [{ canned: "Sorry." }, "Expected sentences by language, such as { default, en }"],
          [{ canned: ["Sorry."] }, "Expected sentences by language, such as { default, en }"],
          [{ models: { gpt: 1 } }, "Expected a list with an entry for each model"]
        ] as const
      ) {
        const made = ModelCascade.fromConfig("app", { ...models, canned: Canned.sentences })
        assert.include(yield* complaint(configured(written, made)), says)
      }
      const told = yield* complaint(configured({ ...provider, headers: key }, ChatClient.fromConfig("app")))
      assert.include(told, "Expected values by name, such as { x-team }")
      assert.notInclude(told, key)
    }))

  it.effect("and a field that is misspelt, at its place", () =>
    Effect.gen(function*() {
      for (
        const [path, written] of [["breaker", { breaker: { failurRate: 1 } }], ["", { attemptTimout: 1 }]] as const
      ) {
        const message = yield* complaint(
          configured(
            { ...model, ...written },
            Effect.flatMap(client, (client) => ChatModel.fromConfig("app", { client }))
          )
        )
        assert.include(message, "There is no such option. There are: ")
        assert.include(message, path === "" ? "[\"attemptTimout\"]" : "[\"breaker\"][\"failurRate\"]")
      }
    }))

  it.effect("and no key is shown, whatever is wrong beside it or with it", () =>
    Effect.gen(function*() {
      const wrong = [
        { apiKey: key, timeout: 0 },
        { apiKey: [key, key] },
        { apiKey: { main: key } },
        { apiKey: `${key}\n` },
        { apiKey: key, unknown: 1 },
        { apiKey: [[key]] }
      ]
      for (const options of wrong) {
        const written = { ...provider, ...options }
        const exit = yield* Effect.exit(
          Effect.provideService(configured(written, ChatClient.fromConfig("app")), HttpClient.HttpClient, http)
        )
        assert.isTrue(Exit.isFailure(exit), JSON.stringify(Object.keys(options)))
        for (const shown of told(exit)) assert.notInclude(shown, key)
      }
      const good = yield* Effect.provideService(
        configured({ ...provider, apiKey: [key, `${key}2`] }, ChatClient.fromConfig("app")),
        HttpClient.HttpClient,
        http
      )
      assert.strictEqual((yield* good.keys).length, 2)
    }))

  it.effect("and headers have the names that they are given", () =>
    Effect.gen(function*() {
      const sent: Array<Readonly<Record<string, string>>> = []
      const written = { ...provider, headers: { "X-TEAM": "a", "x-app": "b" } }
      const client = yield* configured(written, ChatClient.fromConfig("app")).pipe(
        Effect.provideService(
          HttpClient.HttpClient,
          HttpClient.make(({ headers }) => {
            sent.push(headers)
            return Effect.die("sent")
          })
        )
      )
      yield* Effect.exit(client.complete({ model: "m", messages: [] }))
      assert.deepStrictEqual([sent[0]?.["x-team"], sent[0]?.["x-app"]], ["a", "b"])
    }))
})
