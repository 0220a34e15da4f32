/** The proxy and the Spring configuration of the article in one file, as it stands. */
import { assert, describe, it } from "@effect/vitest"
import { ChatClient, ChatError } from "@switchgear/http"
import { Gateway, GatewayConfig } from "@switchgear/http/gateway"
import { Behaviour, SimulatedProvider } from "@switchgear/http/testing"
import { Effect, Layer, Redacted } from "effect"
import { readFileSync } from "node:fs"
import { chat, hello } from "./running.ts"
import { problemsOf } from "./support.ts"

const text = readFileSync(new URL("./article.yaml", import.meta.url), "utf8")

const environment = {
  SWITCHGEAR_ADMIN_TOKEN: "admin-0123456789",
  HOLYSHEEP_API_KEY: "sk-holysheep",
  SHOP_TOKEN: "sk-shop-0123456789",
  GATEWAY_PORT: "0",
  ADMIN_PORT: "0"
}

const config = (): GatewayConfig.Config => {
  const checked = GatewayConfig.check(text, environment)
  assert.deepStrictEqual(problemsOf(checked), [])
  return checked.config!
}

describe("article.yaml", () => {
  it("is right, with the variables that it names", () => {
    const { admin, cascades, clients, listen, models, prices, providers } = config()
    assert.strictEqual(listen.port, 0)
    assert.strictEqual(Redacted.value(admin!.token), environment.SWITCHGEAR_ADMIN_TOKEN)
    assert.strictEqual(providers.holysheep!.options.baseUrl, "https://api.holysheep.ai/v1")
    assert.deepStrictEqual(Object.keys(models), [
      "gpt-4.1",
      "claude-sonnet-4.5",
      "gemini-2.5-flash",
      "deepseek-v3.2",
      "batch"
    ])
    assert.deepStrictEqual(cascades.assistant!.steps.length, 4)
    assert.deepStrictEqual(Object.keys(prices).length, 4)
    assert.deepStrictEqual(clients.map(({ name }) => name), ["shop"])
  })

  it("lacks nothing but its three secrets where none is set", () =>
    assert.deepStrictEqual(problemsOf(GatewayConfig.check(text, {})).map((line) => line.split(": ")[0]), [
      "admin.token",
      "clients[0].token",
      "providers.holysheep.apiKey"
    ]))

  it("makes of the instance holySheepAI the guards of gpt-4.1", () => {
    const { attemptTimeout, breaker, bulkhead, countsAs, rateLimiter, retry } = config().models["gpt-4.1"]!.options
    assert.deepStrictEqual(breaker, {
      window: { _tag: "LastCalls", calls: 10 },
      minimumCalls: 5,
      failureRate: 0.5,
      slowCallRate: 1,
      slowCallDuration: 60_000,
      openFor: 30_000,
      halfOpen: { calls: 3, maxWait: "Infinity" }
    })
    assert.deepStrictEqual(retry, { maxAttempts: 2, baseDelay: 500, factor: 2, jitter: "none", maxDelay: 10_000 })
    assert.deepStrictEqual(rateLimiter, {
      limits: [{ resource: "requests", limit: 100, per: 1000, kind: "token-bucket", burst: undefined }],
      maxWait: 0
    })
    assert.deepStrictEqual(bulkhead, { concurrency: 50, queue: 100 })
    assert.strictEqual(attemptTimeout, "10 seconds")
    const about = { provider: "holysheep", model: "gpt-4.1" }
    assert.strictEqual(countsAs!(new ChatError.Overloaded({ ...about, status: 503 })), "failure")
    assert.strictEqual(countsAs!(new ChatError.Truncated(about)), "failure")
    assert.strictEqual(countsAs!(new ChatError.ProviderFault({ ...about, status: 500 })), "success")
  })

  it("makes of the instance holySheepBatch the limit of batch, whose other guards are the defaults", () => {
    const { breaker, model, rateLimiter } = config().models.batch!.options
    assert.strictEqual(model, "deepseek-v3.2")
    assert.deepStrictEqual(rateLimiter, {
      limits: [{ resource: "requests", limit: 10, per: 1000, kind: "token-bucket", burst: undefined }],
      maxWait: 5000
    })
    assert.strictEqual(breaker!.openFor, "60 seconds")
  })

  it("is told of, key by key", () => {
    const report = GatewayConfig.report(GatewayConfig.check(text, environment))
    const written = text.slice(text.indexOf("resilience4j:\n")).matchAll(/^ {8}(\w+):/gm)
    for (const [, key] of written) assert.include(report, `\n  ${key} `)
    assert.include(report, "breaker.window: { lastCalls: 10 }")
  })

  it.live("serves its cascade, and its models by name", () =>
    Effect.scoped(Effect.gen(function*() {
      const provider = yield* SimulatedProvider.make({
        models: {
          "gpt-4.1": { outcome: Behaviour.overloaded },
          "claude-sonnet-4.5": { outcome: Behaviour.ok("Good day") },
          "deepseek-v3.2": { outcome: Behaviour.ok("In a batch") }
        }
      })
      const gateway = yield* Gateway.make(config(), {
        client: ({ baseUrl, provider: name }) =>
          ChatClient.layer({ provider: name, baseUrl }).pipe(
            Layer.provide(SimulatedProvider.layerHttpClient),
            Layer.provide(Layer.succeed(SimulatedProvider.SimulatedProvider, provider))
          )
      })
      const url = `http://127.0.0.1:${gateway.address.port}`
      assert.strictEqual((yield* chat(url, hello)).json.choices[0].message.content, "Good day")
      assert.strictEqual((yield* chat(url, { ...hello, model: "batch" })).json.choices[0].message.content, "In a batch")
    })))
})

describe("the initial state of a circuit", () => {
  const stateOf = (initialState: string) =>
    Effect.scoped(Effect.gen(function*() {
      const provider = yield* SimulatedProvider.make({ models: { m: { outcome: Behaviour.serverError } } })
      const { url } = yield* SimulatedProvider.serve(provider)
      const config = yield* GatewayConfig.parse(
        `
listen: { port: 0 }
providers: { p: { baseUrl: ${url} } }
models: { m: { provider: p, retry: { maxAttempts: 1 }, resilience4j: i } }
resilience4j.circuitbreaker.instances.i: { minimumNumberOfCalls: 1, initialState: ${initialState} }
`,
        {}
      )
      const gateway = yield* Gateway.make(config)
      const asked = chat(`http://127.0.0.1:${gateway.address.port}`, { ...hello, model: "m" })
      return [(yield* asked).json.error.code, (yield* asked).json.error.code]
    }))

  it.live("holds when the gateway starts", () =>
    Effect.gen(function*() {
      const open = ["circuit_open", "circuit_open"]
      const [first, second] = yield* stateOf("CLOSED")
      assert.notStrictEqual(first, "circuit_open")
      assert.strictEqual(second, "circuit_open")
      assert.deepStrictEqual(yield* stateOf("OPEN"), open)
      assert.deepStrictEqual(yield* stateOf("FORCED_OPEN"), open)
      assert.deepStrictEqual(yield* stateOf("DISABLED"), [first, first])
      assert.deepStrictEqual(yield* stateOf("METRICS_ONLY"), [first, first])
    }))
})
