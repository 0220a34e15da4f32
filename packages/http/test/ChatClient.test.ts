import { assert, describe, it } from "@effect/vitest"
import { ChatClient, ChatError, ChatSchema } from "@switchgear/http"
import * as NodeTransport from "@switchgear/http/NodeTransport"
import { Behaviour, SimulatedProvider } from "@switchgear/http/testing"
import {
  Cause,
  Duration,
  Effect,
  Exit,
  Fiber,
  Formatter,
  Layer,
  Logger,
  Option,
  Redacted,
  Schema,
  Tracer
} from "effect"
import { HttpClient, HttpClientError, HttpClientRequest } from "effect/http"
import { TestClock } from "effect/testing"
import { inspect } from "node:util"
import { clientOf, exchange } from "./support/clientOf.ts"

const apiKey = Redacted.make("sk-planted-0123456789abcdef")
const prompt = "my blood type and my full address"
const request = (model = "gpt-4.1") => ({ model, messages: [{ role: "user" as const, content: prompt }] })

const setup = (outcome: Behaviour.Outcome, options: Partial<ChatClient.Options> = {}) =>
  Effect.gen(function*() {
    const provider = yield* SimulatedProvider.make({ models: { "gpt-4.1": { outcome } }, apiKey })
    const client = yield* ChatClient.make({
      provider: "openai",
      baseUrl: "http://simulated.test/v1",
      apiKey,
      ...options
    })
      .pipe(Effect.provideService(HttpClient.HttpClient, SimulatedProvider.httpClient(provider)))
    return { provider, client }
  })

describe("ChatClient", () => {
  it.effect("answers with what the model said", () =>
    Effect.gen(function*() {
      const { client } = yield* setup(Behaviour.ok("Good day"))
      const reply = yield* client.complete(request())
      assert.strictEqual(ChatSchema.text(reply), "Good day")
      assert.strictEqual(reply.model, "gpt-4.1")
      assert.strictEqual(reply.usage?.completion_tokens, 2)
    }))

  it.effect("sends the request as it was written, without streaming, with the key as bearer", () =>
    Effect.gen(function*() {
      const requests: Array<HttpClientRequest.HttpClientRequest> = []
      const client = yield* clientOf((request) => {
        requests.push(request)
        return new Response(
          JSON.stringify({ choices: [{ message: { content: "x" }, finish_reason: "stop" }], extra: 1 })
        )
      }, { apiKey })
      const reply = yield* client.complete({ ...request(), stream: true, stream_options: {}, brand_new: { a: [1] } })
      assert.strictEqual(reply["extra"], 1)
      const sent = requests[0]!
      assert.strictEqual(sent.url, "http://simulated.test/v1/chat/completions")
      assert.strictEqual(sent.headers["authorization"], `Bearer ${Redacted.value(apiKey)}`)
      assert.deepStrictEqual(
        sent.body._tag === "Uint8Array" ? JSON.parse(new TextDecoder().decode(sent.body.body)) : undefined,
        { ...request(), brand_new: { a: [1] } }
      )
    }))

  describe("under the test clock", () => {
    const after = (outcome: Behaviour.Outcome, millis: number, options: Partial<ChatClient.Options> = {}) =>
      Effect.gen(function*() {
        const { client, provider } = yield* setup(outcome, options)
        const fiber = yield* Effect.forkChild(Effect.flip(client.complete(request())), { startImmediately: true })
        yield* TestClock.adjust(millis - 1)
        assert.strictEqual((yield* provider.stats("gpt-4.1")).inFlight, 1)
        assert.strictEqual(fiber.pollUnsafe(), undefined)
        yield* TestClock.adjust(1)
        const error = yield* Fiber.join(fiber)
        assert.deepStrictEqual(yield* provider.stats("gpt-4.1"), {
          started: 1,
          answered: 0,
          cut: 0,
          aborted: 1,
          inFlight: 0,
          maxInFlight: 1
        })
        return error
      })

    it.effect("times out at exactly the total limit when nothing comes", () =>
      Effect.gen(function*() {
        const error = yield* after(Behaviour.hang, 10_000, { timeout: "10 seconds" })
        assert.isTrue(error._tag === "TimedOut" && error.phase === "total")
        assert.strictEqual(
          error.message,
          "gpt-4.1 at openai did not finish answering within 10s. Use another model, or raise the total timeout."
        )
        assert.strictEqual(error.isRetryable, false)
        assert.isTrue(ChatError.countsOnBreaker(error))
      }))

    it.effect("counts the body into the total limit", () =>
      Effect.gen(function*() {
        const error = yield* after(Behaviour.slowBody("30 seconds"), 10_000, { timeout: "10 seconds" })
        assert.isTrue(error._tag === "TimedOut" && error.phase === "total")
      }))

    it.effect("allows a minute by default", () =>
      Effect.gen(function*() {
        assert.strictEqual((yield* after(Behaviour.hang, 60_000))._tag, "TimedOut")
      }))

    it.effect("waits for an answer that is slow and in time", () =>
      Effect.gen(function*() {
        const { client } = yield* setup(Behaviour.slowBody("9 seconds", "at last"), { timeout: "10 seconds" })
        const fiber = yield* Effect.forkChild(client.complete(request()), { startImmediately: true })
        yield* TestClock.adjust("9 seconds")
        assert.strictEqual(ChatSchema.text(yield* Fiber.join(fiber)), "at last")
      }))

    it.effect("counts a date in retry-after from the clock's now", () =>
      Effect.gen(function*() {
        yield* TestClock.setTime(Date.parse("Mon, 23 Nov 2026 07:00:00 GMT"))
        const { client } = yield* setup(Behaviour.respond(503, "", { "retry-after": "Mon, 23 Nov 2026 07:00:42 GMT" }))
        const error = yield* Effect.flip(client.complete(request()))
        assert.strictEqual(Duration.toSeconds(error.retryAfter!), 42)
      }))
  })

  it.effect("lets go of the provider when the caller is interrupted", () =>
    Effect.gen(function*() {
      const { client, provider } = yield* setup(Behaviour.hang)
      const fiber = yield* Effect.forkChild(client.complete(request()), { startImmediately: true })
      assert.strictEqual((yield* provider.total).inFlight, 1)
      yield* Fiber.interrupt(fiber)
      assert.strictEqual((yield* provider.total).aborted, 1)
    }))

  describe("turns failures below HTTP into errors", () => {
    const failing = (cause: unknown) =>
      ChatClient.make({ provider: "openai", baseUrl: "https://api.test/v1", apiKey }).pipe(
        Effect.provideService(
          HttpClient.HttpClient,
          HttpClient.make((request) =>
            Effect.fail(
              new HttpClientError.HttpClientError({ reason: new HttpClientError.TransportError({ request, cause }) })
            )
          )
        ),
        Effect.flatMap((client) => Effect.flip(client.complete(request())))
      )
    const coded = (code: string, more: object = {}) => Object.assign(new Error("x"), { code, ...more })
    const cases: ReadonlyArray<readonly [string, unknown, ChatError.ChatError["_tag"], boolean, RegExp]> = [
      ["a connect timeout", coded("UND_ERR_CONNECT_TIMEOUT"), "TimedOut", true, /^No connection to openai/],
      [
        "ETIMEDOUT among several addresses",
        new AggregateError([coded("ETIMEDOUT")]),
        "TimedOut",
        true,
        /connect timeout/
      ],
      [
        "what fetch wraps",
        new TypeError("fetch failed", { cause: coded("ENOTFOUND") }),
        "ConnectFailed",
        true,
        /No such host/
      ],
      [
        "a refused proxy",
        coded("ECONNREFUSED", { address: "10.0.0.1", port: 3128 }),
        "ConnectFailed",
        true,
        /10\.0\.0\.1:3128/
      ],
      ["a certificate", coded("DEPTH_ZERO_SELF_SIGNED_CERT"), "ConnectFailed", false, /not trusted/],
      ["a server that speaks no HTTP", coded("HPE_INVALID_CONSTANT"), "MalformedReply", false, /not HTTP/],
      ["a process without a free place for a file", coded("EMFILE"), "ConnectFailed", true, /files open/],
      ["an error without a code", new Error("?"), "ConnectFailed", true, /api\.test/],
      ["a cause that is no error", 7, "ConnectFailed", true, /Check the base URL/]
    ]
    for (const [name, cause, tag, isRetryable, message] of cases) {
      it.effect(name, () =>
        Effect.gen(function*() {
          const error = yield* failing(cause)
          assert.strictEqual(error._tag, tag)
          assert.strictEqual(error.isRetryable, isRetryable)
          assert.match(error.message, message)
        }))
    }
  })

  describe("never dies", () => {
    it.effect.prop("on a response of any bytes", {
      bytes: Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 255 }))),
      status: Schema.Literals([200, 201, 299, 300, 400, 404, 429, 500, 529, 599])
    }, ({ bytes, status }) =>
      Effect.gen(function*() {
        const client = yield* clientOf(() => new Response(new Uint8Array(bytes), { status }))
        assert.isTrue(ChatError.isChatError(yield* Effect.flip(client.complete(request()))))
      }))

    it.effect.prop(
      "on a response of any JSON",
      { json: Schema.Json, message: Schema.Json },
      ({ json, message }) =>
        Effect.gen(function*() {
          for (const body of [json, { choices: json }, { choices: [{ message }], usage: json, id: json }]) {
            const exit = yield* Effect.exit(exchange(JSON.stringify(body)))
            assert.isTrue(Exit.isSuccess(exit) || !Cause.hasDies(exit.cause))
          }
        })
    )

    it.effect("on a hostile response", () =>
      Effect.gen(function*() {
        const answer = `{"message":{"content":"a","__proto__":{"b":1}},"finish_reason":"stop","constructor":1}`
        const hostile = [
          `{"__proto__":{"choices":[${answer}]}}`,
          "[".repeat(1_000_000),
          `${"[".repeat(200_000)}${"]".repeat(200_000)}`,
          `{"choices":${"[".repeat(200_000)}${"]".repeat(200_000)}}`,
          `{"error":{"message":"${"input token count ".repeat(200_000)}"}}`,
          `{"error":{"message":"${"try again in 1m".repeat(200_000)}","code":"${"x".repeat(2_000_000)}"}}`,
          `{"error":{"code":1e999,"details":[[],null,{"violations":{}},{"reason":7}]}}`
        ]
        for (const body of hostile) {
          for (const status of [200, 400, 429]) {
            const error = yield* Effect.flip(exchange(body, status))
            assert.isTrue(ChatError.isChatError(error))
            assert.isAtMost(error.message.length, 700)
          }
        }
        const reply = yield* exchange(`{"__proto__":{"polluted":1},"choices":[${answer}]}`)
        assert.strictEqual(ChatSchema.text(reply), "a")
        assert.strictEqual(({} as { readonly polluted?: unknown }).polluted, undefined)
      }))

    it.effect("on a request that is not one", () =>
      Effect.gen(function*() {
        const { client } = yield* setup(Behaviour.ok())
        const round: { self?: unknown } = {}
        round.self = round
        const nonsense = [undefined, null, {}, { model: 7, messages: [] }, { model: "m" }, { ...request(), round }, {
          ...request(),
          n: 7n
        }]
        for (const bad of nonsense) {
          const error = yield* Effect.flip(client.complete(bad as never))
          assert.strictEqual(error._tag, "InvalidRequest")
        }
      }))
  })

  it.effect("does not read an endless body", () =>
    Effect.gen(function*() {
      let pulled = 0
      const endless = () =>
        new ReadableStream<Uint8Array>({
          pull(controller) {
            pulled++
            controller.enqueue(new Uint8Array(2 ** 20).fill(32))
          }
        })
      const client = yield* clientOf(() => new Response(endless()))
      const error = yield* Effect.flip(client.complete(request()))
      assert.isTrue(error._tag === "MalformedReply" && error.found === "more than 32 MiB")
      assert.isAtMost(pulled, 40)
    }))

  describe("refuses options that make no sense", () => {
    const good = { provider: "openai", baseUrl: "https://api.test/v1" }
    const refuses = (name: string, options: object, message: RegExp) =>
      it.effect(name, () =>
        Effect.gen(function*() {
          const exit = yield* Effect.exit(Layer.build(NodeTransport.layerChatClient({ ...good, ...options })))
          const defect = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
          assert.instanceOf(defect, RangeError)
          assert.match((defect as RangeError).message, message)
        }))
    refuses("a URL that is none", { baseUrl: "api.test" }, /baseUrl must be a URL .* got "api\.test"/)
    refuses("a URL of another kind", { baseUrl: "ftp://api.test" }, /baseUrl/)
    refuses("a URL with a password", { baseUrl: "https://a:hunter2@api.test" }, /^(?!.*hunter2).*baseUrl.*$/)
    refuses("an empty provider", { provider: "" }, /provider must be a name/)
    refuses("a negative timeout", { timeout: -1 }, /timeout must be a finite duration above zero, got -1/)
    refuses("a timeout of zero", { timeout: 0 }, /timeout/)
    refuses("a timeout that is not a number", { timeout: Number.NaN }, /timeout/)
    refuses("a timeout that is no duration", { timeout: "soon" }, /timeout must be .* got "soon"/)
    refuses(
      "an infinite connect timeout",
      { connectTimeout: Infinity },
      /^NodeTransport\.layerChatClient: connectTimeout/
    )
    refuses(
      "a keep-alive timeout of zero",
      { keepAliveTimeout: 0 },
      /^NodeTransport\.layerChatClient: keepAliveTimeout/
    )
    refuses(
      "a keep-alive timeout of two days",
      { keepAliveTimeout: "2 days" },
      /keepAliveTimeout must be .* at most 1 day/
    )
    for (const connections of [0, -1, 1.5, 65_536, Number.NaN, "4"]) {
      refuses(
        `${connections} connections`,
        { connections },
        /connections must be a whole number from 1 to 65535, or Inf/
      )
    }
    refuses("a key with a line break", { apiKey: Redacted.make("sk-hunter2\n") }, /^(?!.*hunter2).*apiKey.*$/)
    refuses("an empty key", { apiKey: Redacted.make("") }, /apiKey/)
    refuses(
      "a proxy that is no URL",
      { proxy: { https: "user:hunter2" } },
      /^(?!.*hunter2).*proxy\.https must be a URL.*$/
    )
  })

  it.effect("accepts a base URL with a slash at its end and a query", () =>
    Effect.gen(function*() {
      const urls: Array<string> = []
      const client = yield* clientOf((request) => {
        urls.push(Option.getOrThrow(HttpClientRequest.toUrl(request)).href)
        return new Response(JSON.stringify({ choices: [{ message: { content: "x" }, finish_reason: "stop" }] }))
      }, { provider: "azure", baseUrl: "https://x.test/openai/?api-version=1" })
      yield* client.complete(request())
      assert.deepStrictEqual(urls, ["https://x.test/openai/chat/completions?api-version=1"])
    }))

  it.effect("shows neither key nor prompt in errors, logs and spans", () =>
    Effect.gen(function*() {
      const seen: Array<string> = []
      const see = (value: unknown) => {
        seen.push(String(value), inspect(value, { depth: 12, showHidden: true }), Formatter.format(value))
      }
      const logger = Logger.make((options) => {
        see(options.message)
        see(Cause.pretty(options.cause))
      })
      const tracer = Tracer.make({
        span(options) {
          const span = new Tracer.NativeSpan(options)
          spans.push(span)
          return span
        }
      })
      const spans: Array<Tracer.NativeSpan> = []
      const { client, provider } = yield* setup(Behaviour.ok())
      const echo = `Incorrect API key provided: ${Redacted.value(apiKey)} for "${prompt}"`
      const outcomes = [
        Behaviour.error(401, { message: echo, code: "invalid_api_key" }),
        Behaviour.error(400, { message: echo }),
        Behaviour.respond(422, { detail: [{ msg: "bad", loc: ["body"], input: request() }] }),
        Behaviour.respond(500, echo),
        Behaviour.respond(200, { error: { message: echo, code: Redacted.value(apiKey), type: prompt } }),
        Behaviour.cut("before-headers"),
        Behaviour.cut("mid-body"),
        Behaviour.ok()
      ]
      for (const outcome of outcomes) {
        yield* provider.set("gpt-4.1", { outcome })
        const exit = yield* client.complete(request()).pipe(
          Effect.withSpan("test"),
          Effect.tapCause((cause) => Effect.logError("failed", cause)),
          Effect.withTracer(tracer),
          Effect.provide(Logger.layer([logger])),
          Effect.exit
        )
        if (Exit.isFailure(exit)) {
          see(exit.cause)
          see(Cause.pretty(exit.cause))
          const error = Cause.squash(exit.cause)
          see(error)
          see(JSON.stringify(error))
          see((error as Error).stack)
        }
      }
      for (const { attributes, events, name, status } of spans) {
        see([name, [...attributes], events])
        // What exporters write of how a span ended.
        if (status._tag === "Ended" && Exit.isFailure(status.exit)) {
          see(Cause.pretty(status.exit.cause))
          see(JSON.stringify(status.exit.cause))
        }
      }
      see(client)
      const all = seen.join("\n")
      assert.isAbove(spans.length, outcomes.length)
      assert.include(all, "ConnectFailed")
      assert.include(all, "[redacted]")
      assert.notInclude(all, Redacted.value(apiKey))
      assert.notInclude(all, Redacted.value(apiKey).slice(-12))
      assert.notInclude(all, prompt)
    }))

  it.effect("layer provides the client", () =>
    Effect.gen(function*() {
      const client = yield* ChatClient.ChatClient
      assert.strictEqual(client.provider, "openai")
      yield* client.complete(request())
    }).pipe(
      Effect.provide(
        ChatClient.layer({ provider: "openai", baseUrl: "http://simulated.test/v1" }).pipe(
          Layer.provide(SimulatedProvider.layerHttpClient),
          Layer.provide(SimulatedProvider.layer({ models: { "gpt-4.1": {} } }))
        )
      )
    ))
})
