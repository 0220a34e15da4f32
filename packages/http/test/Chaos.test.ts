/** What a chat client makes of an HTTP client that chaos stands around. */
import { Chaos, Latency } from "@switchgear/core/testing"
import { ChatClient, ChatError, ChatSchema } from "@switchgear/http"
import { Behaviour, SimulatedProvider } from "@switchgear/http/testing"
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Exit, Fiber, Formatter, Layer, Redacted } from "effect"
import { HttpClient, HttpClientError, HttpClientRequest } from "effect/http"
import { TestClock } from "effect/testing"
import { inspect } from "node:util"

const apiKey = Redacted.make("sk-planted-0123456789abcdef")
const prompt = "my blood type and my full address"
const request = { model: "gpt-4.1", messages: [{ role: "user" as const, content: prompt }] }

const provider = SimulatedProvider.make({ models: { "gpt-4.1": { outcome: Behaviour.ok("Good day") } }, apiKey })

/** A healthy provider, and a client that reaches it through chaos. */
const setup = (chaos: Chaos.HttpInjector, options: Partial<ChatClient.Options> = {}) =>
  Effect.gen(function*() {
    const healthy = yield* provider
    const client = yield* ChatClient.make({
      provider: "openai",
      baseUrl: "http://simulated.test/v1",
      apiKey,
      ...options
    }).pipe(
      Effect.provideService(HttpClient.HttpClient, Chaos.httpClient(chaos)(SimulatedProvider.httpClient(healthy)))
    )
    return { client, healthy }
  })

/** What the client says of a call that meets one injection, and how many requests reached the provider. */
const errorOf = (inject: Chaos.Injection<Chaos.Reply, Chaos.BrokenConnection | HttpClientError.HttpClientError>) =>
  Effect.gen(function*() {
    const { client, healthy } = yield* setup(yield* Chaos.make({ rules: [{ inject }] }))
    const error = yield* Effect.flip(client.complete(request))
    assert.strictEqual((yield* healthy.total).started, 0)
    return error
  })

describe("chaos around the HTTP client of a chat client", () => {
  it.effect("shows a 503 as an overloaded provider, with its retry-after", () =>
    Effect.gen(function*() {
      const { message, type } = { message: "The engine is currently overloaded", type: "service_unavailable_error" }
      const error = yield* errorOf(Chaos.respond(503, { error: { message, type } }, { "retry-after": "7" }))
      assert.strictEqual(error._tag, "Overloaded")
      assert.isTrue(error._tag === "Overloaded" && error.status === 503)
      assert.deepStrictEqual(error.retryAfter, Duration.seconds(7))
      assert.isTrue(ChatError.countsOnBreaker(error))
    }))

  it.effect("shows a 429 as a rate limit", () =>
    Effect.gen(function*() {
      const error = yield* errorOf(
        Chaos.respond(429, { error: { message: "Slow down", code: "rate_limit_exceeded" } }, { "retry-after": "20" })
      )
      assert.strictEqual(error._tag, "ProviderRateLimited")
      assert.deepStrictEqual(error.retryAfter, Duration.seconds(20))
    }))

  it.effect("shows the page of a proxy and an empty body as what they are", () =>
    Effect.gen(function*() {
      const page = yield* errorOf(Chaos.respond(502, "<html>Bad Gateway</html>", { "content-type": "text/html" }))
      assert.strictEqual(page._tag, "ProviderFault")
      assert.strictEqual((yield* errorOf(Chaos.respond(200)))._tag, "MalformedReply")
    }))

  it.effect("shows connections that break as undici breaks them", () =>
    Effect.gen(function*() {
      for (const code of ["ECONNREFUSED", "ECONNRESET", "ENOTFOUND", "UND_ERR_SOCKET"]) {
        const error = yield* errorOf(Chaos.disconnect(code))
        assert.isTrue(error._tag === "ConnectFailed" && error.code === code && error.isRetryable, code)
      }
      const slow = yield* errorOf(Chaos.disconnect("UND_ERR_CONNECT_TIMEOUT"))
      assert.isTrue(slow._tag === "TimedOut" && slow.phase === "connect")
    }))

  it.effect("hands on an error of the HTTP client as it is", () =>
    Effect.gen(function*() {
      const reason = new HttpClientError.TransportError({
        request: HttpClientRequest.get("/"),
        cause: { code: "EPIPE" }
      })
      const error = yield* errorOf(Chaos.fault(new HttpClientError.HttpClientError({ reason })))
      assert.isTrue(error._tag === "ConnectFailed" && error.code === "EPIPE")
    }))

  it.effect("answers in place of the provider, if that is what it injects", () =>
    Effect.gen(function*() {
      const reply = { choices: [{ message: { content: "Good night" }, finish_reason: "stop" }] }
      const { client } = yield* setup(yield* Chaos.make({ rules: [{ inject: Chaos.respond(200, reply) }] }))
      assert.strictEqual(ChatSchema.text(yield* client.complete(request)), "Good night")
    }))

  it.effect("lets a request hang until the time-out of the client", () =>
    Effect.gen(function*() {
      const { client } = yield* setup(yield* Chaos.make({ rules: [{ inject: Chaos.hang }] }), { timeout: "10 seconds" })
      const fiber = yield* Effect.forkChild(Effect.flip(client.complete(request)), { startImmediately: true })
      yield* TestClock.adjust("9999 millis")
      assert.isUndefined(fiber.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      const error = yield* Fiber.join(fiber)
      assert.isTrue(error._tag === "TimedOut" && error.phase === "total")
    }))

  it.effect("dies with a defect, which no error of the client hides", () =>
    Effect.gen(function*() {
      const { client } = yield* setup(yield* Chaos.make({ rules: [{ inject: Chaos.defect("bug") }] }))
      assert.deepStrictEqual(yield* Effect.exit(client.complete(request)), Exit.die("bug"))
    }))

  it.effect("waits before a request is sent, and lets it go then", () =>
    Effect.gen(function*() {
      const { client, healthy } = yield* setup(
        yield* Chaos.make({ rules: [{ inject: Chaos.latency(Latency.constant("15 seconds")) }] })
      )
      const fiber = yield* Effect.forkChild(client.complete(request), { startImmediately: true })
      yield* TestClock.adjust("14999 millis")
      assert.strictEqual((yield* healthy.total).started, 0)
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(ChatSchema.text(yield* Fiber.join(fiber)), "Good day")
    }))

  it.effect("picks requests by what is sent, and sees no key and no prompt", () =>
    Effect.gen(function*() {
      const seen: Array<Chaos.Request | undefined> = []
      const chaos = yield* Chaos.make({
        rules: [{
          inject: Chaos.respond(503),
          when: ({ request }) => seen.push(request) === 1 && request?.url.endsWith("/chat/completions") === true
        }]
      })
      const { client } = yield* setup(chaos)
      assert.strictEqual((yield* Effect.flip(client.complete(request)))._tag, "Overloaded")
      yield* client.complete(request)
      const [first] = seen
      assert.deepStrictEqual([first?.method, first?.url], ["POST", "http://simulated.test/v1/chat/completions"])
      assert.strictEqual(first?.headers["content-type"], "application/json")
      assert.isTrue(Redacted.isRedacted(first?.headers["authorization"]))
      for (const shown of [inspect(first, { depth: 9 }), JSON.stringify(first), Formatter.format(first)]) {
        assert.notInclude(shown, Redacted.value(apiKey))
        assert.notInclude(shown, prompt)
      }
    }))

  it.effect("follows a script as a layer, and tells a script that cannot be followed", () =>
    Effect.gen(function*() {
      const healthy = Layer.effect(HttpClient.HttpClient, Effect.map(provider, SimulatedProvider.httpClient))
      const through = <E>(chaos: Effect.Effect<Chaos.HttpInjector, E>) =>
        ChatClient.make({ provider: "openai", baseUrl: "http://simulated.test/v1", apiKey }).pipe(
          Effect.provide(Chaos.layerHttpClient(chaos).pipe(Layer.provide(healthy)))
        )
      const client = yield* through(Chaos.script([{ for: "2 minutes", rules: [{ inject: Chaos.respond(503) }] }]))
      assert.strictEqual((yield* Effect.flip(client.complete(request)))._tag, "Overloaded")
      yield* TestClock.adjust("2 minutes")
      assert.strictEqual(ChatSchema.text(yield* client.complete(request)), "Good day")
      const error = yield* Effect.flip(through(Chaos.script([{ for: 0, rules: [] }])))
      assert.strictEqual(error._tag, "BadScript")
    }))
})
