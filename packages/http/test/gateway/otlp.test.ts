/** What a gateway tells a collector by OTLP, and a provider of a trace, on sockets. */
import { assert, describe, it } from "@effect/vitest"
import { Gateway, GatewayConfig } from "@switchgear/http/gateway"
import { Cause, Effect, Logger } from "effect"
import { collecting, resourceOf, spansIn } from "./collector.ts"
import { ask, chat, hello, runningOver, token } from "./running.ts"
import { chunkOf, scripted, sendEvents, sendWhole, usageChunk } from "./scripted.ts"
import { post, send, speaking, stream } from "./spoken.ts"

const otlpOf = (url: string, more = "") =>
  `otlp: { endpoint: ${url}, encoding: json, tracesInterval: 20 millis, metricsInterval: 20 millis${more} }`

const trace = "0af7651916cd43dd8448eb211c80319c"
const parent = "b7ad6b7169203331"
const traceparent = (flags = "01") => `00-${trace}-${parent}-${flags}`

const told = /^00-([0-9a-f]{32})-([0-9a-f]{16})-0[01]$/

/** Bodies that must not be in any span. */
const secret = "the secret of the prompt"
const reply = "the words of the answer"

const clients = `clients: [{ name: shop, token: ${token} }]`

describe("a traced request", () => {
  it.live("continues the trace of its client, tells it to the provider, and is told to the collector", () =>
    Effect.scoped(Effect.gen(function*() {
      const collector = yield* collecting
      const provider = yield* scripted((_, response) => sendWhole(response, { content: reply }))
      const { url } = yield* runningOver(provider.url, otlpOf(collector.url))
      const asked = {
        model: "assistant",
        messages: [{ role: "user", content: secret }],
        temperature: 0.5,
        max_tokens: 20,
        seed: secret,
        stop: [secret]
      }
      const got = yield* chat(url, asked, { traceparent: traceparent(), tracestate: "vendor=secret", b3: "1-2-1" })
      assert.strictEqual(got.status, 200)
      const spans = yield* collector.spans(2)
      const [server, call] = [spans.find(({ kind }) => kind === 2)!, spans.find(({ kind }) => kind === 3)!]
      assert.strictEqual(server.name, "POST /v1/chat/completions")
      assert.strictEqual(server.traceId, trace)
      assert.strictEqual(server.parentSpanId, parent)
      assert.strictEqual(server.status.code, 1)
      const { "switchgear.overhead_ms": overhead, ...attributes } = server.attributes
      assert.deepStrictEqual(attributes, {
        "http.request.method": "POST",
        "http.route": "/v1/chat/completions",
        "url.path": "/v1/chat/completions",
        "url.scheme": "http",
        "http.response.status_code": 200,
        "switchgear.request_id": got.headers.get("x-request-id"),
        "switchgear.client": "shop",
        "switchgear.model": "assistant",
        "switchgear.step": "first",
        "switchgear.degradation": "none",
        "switchgear.attempts": 1,
        "switchgear.cost_usd": 0.000038,
        "switchgear.cache": "miss"
      })
      assert.isAbove(overhead as number, 0)
      assert.strictEqual(call.name, "chat first")
      assert.strictEqual(call.traceId, trace)
      assert.strictEqual(call.parentSpanId, server.spanId)
      assert.deepStrictEqual(call.attributes, {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "sim",
        "gen_ai.request.model": "first",
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.max_tokens": 20,
        "gen_ai.response.id": "chatcmpl-1",
        "gen_ai.response.model": "scripted",
        "gen_ai.response.finish_reasons": ["stop"],
        "gen_ai.usage.input_tokens": 3,
        "gen_ai.usage.output_tokens": 4,
        "server.address": "127.0.0.1",
        "server.port": Number(new URL(provider.url).port)
      })
      const { headers } = provider.asked[0]!
      assert.deepStrictEqual(told.exec(headers["traceparent"] as string)?.slice(1), [trace, call.spanId])
      for (const name of ["tracestate", "b3"]) assert.notProperty(headers, name)
      for (const span of spans) {
        for (const text of [secret, reply, token]) assert.notInclude(span.text, text)
      }
    })))

  it.live("has a trace of its own where its client tells of none, or of one that is malformed", () =>
    Effect.scoped(Effect.gen(function*() {
      const collector = yield* collecting
      const provider = yield* scripted((_, response) => sendWhole(response, { content: reply }))
      const { url } = yield* runningOver(provider.url, otlpOf(collector.url))
      const malformed = [
        "",
        "x",
        `00-${"0".repeat(32)}-${parent}-01`,
        `00-${trace}-${parent}-01-more`,
        `00-${trace}-01`
      ]
      for (const one of malformed) assert.strictEqual((yield* chat(url, hello, { traceparent: one })).status, 200)
      yield* chat(url, hello)
      const servers = (yield* collector.spans(12)).filter(({ kind }) => kind === 2)
      assert.strictEqual(new Set(servers.map(({ traceId }) => traceId)).size, 6)
      for (const { parentSpanId, traceId } of servers) {
        assert.notStrictEqual(traceId, trace)
        assert.isUndefined(parentSpanId)
      }
    })))

  it.live("has a span for each call to a provider, with the kind of its error and nothing that was written in it", () =>
    Effect.scoped(Effect.gen(function*() {
      const collector = yield* collecting
      const provider = yield* scripted((asked, response) => {
        if (asked.body.model === "second") return sendWhole(response, { content: reply })
        response.writeHead(503).end(JSON.stringify({ error: { message: secret, type: "overloaded" } }))
      })
      const { url } = yield* runningOver(provider.url, otlpOf(collector.url))
      assert.strictEqual((yield* chat(url, hello)).status, 200)
      const spans = yield* collector.spans(3)
      const failed = spans.find(({ name }) => name === "chat first")!
      assert.strictEqual(failed.attributes["error.type"], "Overloaded")
      assert.strictEqual(failed.status.code, 2)
      assert.strictEqual(failed.status.message, "Overloaded")
      assert.notInclude(failed.text, secret)
      const server = spans.find(({ kind }) => kind === 2)!
      assert.strictEqual(server.attributes["switchgear.degradation"], "fallback")
      assert.strictEqual(server.attributes["switchgear.attempts"], 2)
      assert.deepStrictEqual(
        spans.filter(({ kind }) => kind === 3).map(({ parentSpanId }) => parentSpanId),
        [server.spanId, server.spanId]
      )
      const ids = provider.asked.map(({ headers }) => told.exec(headers["traceparent"] as string)?.[2])
      assert.sameMembers(ids, spans.filter(({ kind }) => kind === 3).map(({ spanId }) => spanId))
    })))

  it.live("has no line of the log in its span: it may have words of a provider", () =>
    Effect.scoped(Effect.gen(function*() {
      const collector = yield* collecting
      const provider = yield* scripted((asked, response) => {
        if (asked.body.model === "second") return sendWhole(response, { content: reply })
        response.writeHead(401).end(
          JSON.stringify({ error: { message: "Wrong key of Jane", code: "invalid_api_key" } })
        )
      })
      const lines: Array<string> = []
      const log = Logger.layer([Logger.make(({ message }) => void lines.push(String(message))), Logger.tracerLogger])
      yield* Effect.gen(function*() {
        const { url } = yield* runningOver(provider.url, otlpOf(collector.url))
        assert.strictEqual((yield* chat(url, hello)).status, 200)
      }).pipe(Effect.scoped, Effect.provide(log))
      assert.include(lines.join(), "first cannot answer")
      const spans = yield* collector.spans(3)
      for (const { text } of spans) {
        assert.notInclude(text, "Jane")
        assert.notInclude(text, "cannot answer")
      }
    })))

  it.live("has the changes of a circuit that its call made", () =>
    Effect.scoped(Effect.gen(function*() {
      const collector = yield* collecting
      const provider = yield* scripted((_, response) => void response.writeHead(500).end("{}"))
      const { url } = yield* runningOver(
        provider.url,
        `${otlpOf(collector.url)}\ndefaults: { breaker: { minimumCalls: 2 } }`
      )
      for (let i = 0; i < 2; i++) yield* chat(url, { ...hello, model: "first" })
      const spans = yield* collector.spans(4)
      assert.isTrue(spans.some(({ text }) => text.includes("switchgear.transition") && text.includes("CircuitBreaker")))
    })))

  it.live("is no fault where its client is wrong", () =>
    Effect.scoped(Effect.gen(function*() {
      const collector = yield* collecting
      const provider = yield* scripted((_, response) =>
        void response.writeHead(400).end(JSON.stringify({ error: { message: secret, type: "invalid_request_error" } }))
      )
      const { url } = yield* runningOver(provider.url, otlpOf(collector.url))
      assert.strictEqual((yield* chat(url, hello)).status, 400)
      const server = (yield* collector.spans(2)).find(({ kind }) => kind === 2)!
      assert.strictEqual(server.attributes["error.type"], "InvalidRequest")
      assert.strictEqual(server.status.code, 1)
      assert.notInclude(server.text, secret)
    })))

  for (
    const [status, code, error] of [
      [401, "invalid_api_key", "Unauthorized"],
      [403, "permission_denied", "Forbidden"],
      [404, "model_not_found", "ModelNotFound"],
      [429, "insufficient_quota", "QuotaExhausted"],
      [429, "rate_limit_exceeded", "ProviderRateLimited"]
    ] as const
  ) {
    it.live(`is a fault where a provider refuses the account of the gateway: ${error}`, () =>
      Effect.scoped(Effect.gen(function*() {
        const collector = yield* collecting
        const provider = yield* scripted((_, response) =>
          void response.writeHead(status).end(JSON.stringify({ error: { message: "No.", type: code, code } }))
        )
        const { url } = yield* runningOver(provider.url, otlpOf(collector.url))
        yield* chat(url, { ...hello, model: "first" })
        const server = (yield* collector.spans(2)).find(({ kind }) => kind === 2)!
        assert.strictEqual(server.attributes["error.type"], error)
        assert.strictEqual(server.status.code, 2)
      })))
  }

  it.live("is told of models that another file brings as well", () =>
    Effect.scoped(Effect.gen(function*() {
      const collector = yield* collecting
      const provider = yield* scripted((_, response) => sendWhole(response, { content: reply }))
      const { reload, url } = yield* runningOver(provider.url, otlpOf(collector.url))
      yield* reload("defaults: { bulkhead: { concurrency: 7 } }")
      yield* chat(url, hello)
      assert.strictEqual((yield* collector.spans(2)).length, 2)
    })))

  it.live("has the name of its model as it is written, also where it is made of digits or of no ASCII", () =>
    Effect.scoped(
      Effect.gen(function*() {
        const collector = yield* collecting
        const provider = yield* scripted((_, response) => sendWhole(response, { content: reply }))
        const names = ["1e3", "42", "模型"]
        const config = yield* GatewayConfig.parse(
          `listen: { port: 0 }
${clients}
providers: { sim: { baseUrl: ${provider.url} } }
models: { ${names.map((name) => `"${name}": { provider: sim }`).join(", ")} }
${otlpOf(collector.url)}`,
          {}
        )
        const { address } = yield* Gateway.make(config)
        for (const model of names) yield* chat(`http://127.0.0.1:${address.port}`, { ...hello, model })
        const servers = (yield* collector.spans(6)).filter(({ kind }) => kind === 2)
        assert.sameMembers(servers.map(({ attributes }) => attributes["switchgear.model"]), names)
        assert.includeMembers(servers.map(({ attributes }) => attributes["switchgear.step"]), ["1e3", "42"])
      }).pipe(Effect.orDie)
    ))

  it.live("that fails tells its status and the kind of its error", () =>
    Effect.scoped(Effect.gen(function*() {
      const collector = yield* collecting
      const provider = yield* scripted((_, response) => void response.writeHead(500).end("{}"))
      const { url } = yield* runningOver(provider.url, otlpOf(collector.url))
      yield* chat(url, hello)
      const server = (yield* collector.spans(3)).find(({ kind }) => kind === 2)!
      assert.strictEqual(server.attributes["http.response.status_code"], 503)
      assert.strictEqual(server.attributes["error.type"], "CascadeExhausted")
      assert.strictEqual(server.attributes["switchgear.model"], "assistant")
    })))

  it.live("that streams lasts to the end of its stream, and has its usage and its cost", () =>
    Effect.scoped(Effect.gen(function*() {
      const collector = yield* collecting
      const provider = yield* scripted((_, response) => {
        sendEvents(response, chunkOf({ role: "assistant", content: "Good" }))
        setTimeout(() => {
          sendEvents(response, chunkOf({ content: " day" }), chunkOf({}, "stop"), usageChunk, "[DONE]")
          response.end()
        }, 100)
      })
      const { url } = yield* runningOver(provider.url, otlpOf(collector.url))
      yield* chat(url, { ...hello, stream: true })
      const spans = yield* collector.spans(2)
      for (const { text } of spans) {
        const { endTimeUnixNano, startTimeUnixNano } = JSON.parse(text)
        assert.isAtLeast(Number(BigInt(endTimeUnixNano) - BigInt(startTimeUnixNano)), 90e6)
      }
      const call = spans.find(({ kind }) => kind === 3)!
      assert.strictEqual(call.attributes["gen_ai.request.stream"], true)
      assert.strictEqual(call.attributes["gen_ai.usage.output_tokens"], 4)
      assert.deepStrictEqual(call.attributes["gen_ai.response.finish_reasons"], ["stop"])
      assert.strictEqual(spans.find(({ kind }) => kind === 2)!.attributes["switchgear.cost_usd"], 0.000038)
    })))

  it.live("whose client has left is told as interrupted", () =>
    Effect.scoped(Effect.gen(function*() {
      const collector = yield* collecting
      const provider = yield* scripted(() => {})
      const { url } = yield* runningOver(provider.url, otlpOf(collector.url))
      const controller = new AbortController()
      const gone = fetch(`${url}/v1/chat/completions`, {
        method: "POST",
        headers: { authorization: `Bearer ${token}` },
        body: JSON.stringify(hello),
        signal: controller.signal
      }).catch(() => {})
      yield* Effect.repeat(Effect.delay(Effect.sync(() => provider.asked.length), 5), { until: (n) => n === 1 })
      controller.abort()
      yield* Effect.promise(() => gone)
      const spans = yield* collector.spans(2)
      for (const { attributes, status } of spans) {
        assert.strictEqual(attributes["error.type"], "interrupted")
        assert.strictEqual(status.code, 0)
      }
      assert.strictEqual(spans.find(({ kind }) => kind === 2)!.attributes["http.response.status_code"], 499)
    })))

  const apis = [
    ["/v1/embeddings", "embeddings", {
      object: "list",
      data: [{ embedding: [1] }],
      model: "first",
      usage: { prompt_tokens: 3, total_tokens: 3 }
    }, [3, 0]],
    ["/v1/messages", "chat", {
      type: "message",
      role: "assistant",
      model: "first",
      content: [],
      stop_reason: "end_turn",
      usage: { input_tokens: 3, output_tokens: 4 }
    }, [3, 4]],
    ["/v1/messages/count_tokens", "count_tokens", { input_tokens: 3 }, [0, 0]],
    ["/v1/responses", "chat", {
      object: "response",
      status: "completed",
      model: "first",
      output: [],
      usage: { input_tokens: 3, output_tokens: 4, total_tokens: 7 }
    }, [3, 4]]
  ] as const
  for (const [path, operation, answer, [input, output]] of apis) {
    it.live(`is told in every API: ${path}`, () =>
      Effect.scoped(Effect.gen(function*() {
        const collector = yield* collecting
        const { heard, set, url } = yield* speaking(`${clients}\n${otlpOf(collector.url)}`)
        set("one/first", send(200, answer))
        const body = { model: "first", max_tokens: 9, messages: [{ role: "user", content: secret }], input: secret }
        const got = yield* post(url, path, body, { traceparent: traceparent(), "anthropic-beta": "x" })
        assert.strictEqual(got.status, 200)
        const spans = yield* collector.spans(2)
        const call = spans.find(({ kind }) => kind === 3)!
        assert.strictEqual(spans.find(({ kind }) => kind === 2)!.name, `POST ${path}`)
        assert.strictEqual(call.name, `${operation} first`)
        assert.strictEqual(call.attributes["gen_ai.operation.name"], operation)
        assert.strictEqual(call.attributes["gen_ai.usage.input_tokens"], input)
        assert.strictEqual(call.attributes["gen_ai.usage.output_tokens"], output)
        assert.deepStrictEqual(told.exec(heard[0]!.headers["traceparent"] as string)?.slice(1), [trace, call.spanId])
        for (const { text } of spans) assert.notInclude(text, secret)
      })))
  }

  it.live("of a stream of messages is told as well", () =>
    Effect.scoped(Effect.gen(function*() {
      const collector = yield* collecting
      const { heard, set, url } = yield* speaking(`${clients}\n${otlpOf(collector.url)}`)
      const event = (type: string, fields: object) => `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`
      set(
        "one/first",
        stream(
          event("message_start", { message: { model: "first", usage: { input_tokens: 3, output_tokens: 1 } } }),
          event("content_block_delta", { delta: { type: "text_delta", text: reply } }),
          event("message_delta", { delta: { stop_reason: "end_turn" }, usage: { output_tokens: 4 } }),
          event("message_stop", {})
        )
      )
      yield* post(url, "/v1/messages", { model: "first", max_tokens: 9, messages: [], stream: true })
      const call = (yield* collector.spans(2)).find(({ kind }) => kind === 3)!
      assert.strictEqual(call.attributes["gen_ai.usage.input_tokens"], 3)
      assert.strictEqual(call.attributes["gen_ai.usage.output_tokens"], 4)
      assert.strictEqual(told.exec(heard[0]!.headers["traceparent"] as string)?.[2], call.spanId)
      assert.notInclude(call.text, reply)
    })))
})

describe("whether a request is traced", () => {
  it.live("is decided by its client where that says so, and else by the share", () =>
    Effect.scoped(Effect.gen(function*() {
      const collector = yield* collecting
      const provider = yield* scripted((_, response) => sendWhole(response, { content: reply }))
      const { url } = yield* runningOver(provider.url, otlpOf(collector.url, ", sampleRatio: 0"))
      yield* chat(url, hello)
      yield* chat(url, hello, { traceparent: traceparent("00") })
      yield* chat(url, hello, { traceparent: traceparent("01") })
      const spans = yield* collector.spans(2)
      assert.deepStrictEqual(spans.map(({ traceId }) => traceId), [trace, trace])
      // What is not traced is told so, or each provider would decide anew.
      assert.deepStrictEqual(
        provider.asked.map(({ headers }) => (headers["traceparent"] as string).slice(-2)),
        ["00", "00", "01"]
      )
      assert.include(provider.asked[1]!.headers["traceparent"], trace)
    })))
})

describe("without otlp", () => {
  it.live("no provider hears of a trace", () =>
    Effect.scoped(Effect.gen(function*() {
      const provider = yield* scripted((_, response) => sendWhole(response, { content: reply }))
      const { url } = yield* runningOver(provider.url).pipe(Effect.withSpan("the span in which a gateway is made"))
      yield* chat(url, hello, { traceparent: traceparent() })
      for (const name of ["traceparent", "b3", "tracestate"]) assert.notProperty(provider.asked[0]!.headers, name)
    })))
})

describe("the metrics", () => {
  it.live("are those of the gateway, of its guards and of its calls to models, with the names of OpenTelemetry", () =>
    Effect.scoped(Effect.gen(function*() {
      const collector = yield* collecting
      const provider = yield* scripted((asked, response) => {
        if (asked.body.model === "first") return void response.writeHead(500).end("{}")
        sendWhole(response, { content: reply })
      })
      const { url } = yield* runningOver(provider.url, otlpOf(collector.url))
      yield* chat(url, hello)
      const labels = { "gen_ai.operation.name": "chat", "gen_ai.provider.name": "sim" }
      const durations = yield* collector.metric("gen_ai.client.operation.duration", ({ length }) => length === 2)
      assert.deepStrictEqual(durations.map(({ attributes, count, unit }) => ({ attributes, count, unit })), [
        {
          attributes: { ...labels, "gen_ai.request.model": "first", "error.type": "ProviderFault" },
          count: 1,
          unit: "s"
        },
        { attributes: { ...labels, "gen_ai.request.model": "second" }, count: 1, unit: "s" }
      ])
      const [one] = durations
      assert.strictEqual(
        (one!["bucketCounts"] as Array<number>).length,
        (one!["explicitBounds"] as Array<number>).length + 1
      )
      assert.strictEqual((one!["bucketCounts"] as Array<number>).reduce((sum, n) => sum + n, 0), 1)
      const tokens = yield* collector.metric("gen_ai.client.token.usage")
      assert.deepStrictEqual(
        tokens.map(({ attributes, sum, unit }) => [attributes["gen_ai.token.type"], sum, unit]),
        [["input", 3, "{token}"], ["output", 4, "{token}"]]
      )
      const requests = yield* collector.metric("switchgear.gateway.requests", ({ length }) => length === 1)
      assert.deepStrictEqual(requests.map(({ asDouble, attributes }) => [attributes, asDouble]), [
        [{ route: "/v1/chat/completions", status: "200" }, 1]
      ])
      const names = collector.taken.at(-1)!.json.resourceMetrics[0].scopeMetrics[0].metrics.map(({ name }: any) => name)
      assert.isTrue(
        names.some((name: string) => name.startsWith("switchgear.circuitbreaker.") || name.includes("circuit"))
      )
      assert.isFalse(names.some((name: string) => name.startsWith("resilience4j")))
      assert.strictEqual(new Set(names).size, names.length)
    })))

  it.live("and the traces go to the paths of the signals, with the headers of the file and what the gateway is", () =>
    Effect.scoped(Effect.gen(function*() {
      const collector = yield* collecting
      const provider = yield* scripted((_, response) => sendWhole(response, { content: reply }))
      const { url } = yield* runningOver(
        provider.url,
        otlpOf(
          `${collector.url}/otlp/`,
          ", headers: { authorization: Bearer collector-secret }, serviceName: edge, attributes: { deployment.environment.name: night }"
        )
      )
      yield* chat(url, hello)
      yield* collector.spans(2)
      yield* collector.metric("gen_ai.client.token.usage")
      assert.sameMembers([...new Set(collector.taken.map(({ path }) => path))], ["/otlp/v1/traces", "/otlp/v1/metrics"])
      for (const taken of collector.taken) {
        assert.strictEqual(taken.headers["authorization"], "Bearer collector-secret")
        assert.strictEqual(taken.headers["content-type"], "application/json")
        const resource = resourceOf(taken)
        assert.strictEqual(resource["service.name"], "edge")
        assert.match(resource["service.version"] as string, /^\d+\.\d+\.\d+/)
        assert.strictEqual(resource["deployment.environment.name"], "night")
        assert.notProperty(taken.headers, "traceparent")
      }
    })))

  it.live("alone, or the traces alone, are told where the file says so; protobuf unless it says json", () =>
    Effect.scoped(Effect.gen(function*() {
      for (const [signal, path] of [["metrics", "/v1/metrics"], ["traces", "/v1/traces"]] as const) {
        const collector = yield* collecting
        const provider = yield* scripted((_, response) => sendWhole(response, { content: reply }))
        const { url } = yield* runningOver(
          provider.url,
          `otlp: { endpoint: ${collector.url}, signals: [${signal}], tracesInterval: 20 millis, metricsInterval: 20 millis }`
        )
        yield* chat(url, hello)
        yield* Effect.repeat(Effect.delay(Effect.sync(() => collector.taken.length), 5), { until: (n) => n > 0 })
        assert.sameMembers([...new Set(collector.taken.map(({ path }) => path))], [path])
        assert.strictEqual(collector.taken[0]!.headers["content-type"], "application/x-protobuf")
        assert.strictEqual("traceparent" in provider.asked[0]!.headers, signal === "traces")
      }
    })))

  it.live("and the traces are told to the end when the gateway stops", () =>
    Effect.gen(function*() {
      const collector = yield* collecting
      const provider = yield* scripted((_, response) => sendWhole(response, { content: reply }))
      yield* Effect.scoped(Effect.gen(function*() {
        const { url } = yield* runningOver(
          provider.url,
          `otlp: { endpoint: ${collector.url}, encoding: json, tracesInterval: 1 hour, metricsInterval: 1 hour }`
        )
        yield* chat(url, hello)
        assert.strictEqual(collector.taken.length, 0)
      }))
      assert.strictEqual(spansIn(collector.taken).length, 2)
      assert.strictEqual((yield* collector.metric("gen_ai.client.operation.duration")).length, 1)
    }).pipe(Effect.scoped))
})

// The end of each gateway waits for its collector.
describe.concurrent("a collector", () => {
  const bad: ReadonlyArray<
    readonly [what: string, answer: Parameters<Effect.Success<typeof collecting>["set"]>[0] | "gone"]
  > = [
    ["is not there", "gone"],
    ["never answers", () => {}],
    ["asks for an hour of patience", (response) => void response.writeHead(429, { "retry-after": "3600" }).end()],
    ["refuses", (response) => void response.writeHead(401).end("no")],
    ["never ends its answer", (response) => void response.writeHead(200).write("{")]
  ]
  for (const [what, answer] of bad) {
    it.live(`that ${what} holds up no answer, and is told of once in the log, without its key`, () =>
      Effect.scoped(Effect.gen(function*() {
        const lines: Array<string> = []
        const log = Logger.layer([Logger.make(({ cause, message }) => {
          lines.push(`${String(message)}${cause.reasons.length > 0 ? Cause.pretty(cause) : ""}`)
        })])
        yield* Effect.gen(function*() {
          const collector = yield* collecting
          if (answer !== "gone") collector.set(answer)
          const provider = yield* scripted((_, response) => sendWhole(response, { content: reply }))
          const { url } = yield* runningOver(
            provider.url,
            otlpOf(
              answer === "gone" ? "http://127.0.0.1:9" : collector.url,
              ", headers: { authorization: Bearer collector-secret }"
            )
          )
          for (let batch = 0; batch < 6; batch++) {
            const got = yield* Effect.all(Array.from({ length: 8 }, () => chat(url, hello)), { concurrency: 8 })
            for (const { status } of got) assert.strictEqual(status, 200)
            yield* Effect.sleep(30)
          }
          assert.strictEqual((yield* ask(`${url}/health/ready`)).status, 200)
        }).pipe(Effect.scoped, Effect.provide(log))
        const about = lines.filter((line) => line.includes("collector"))
        if (what !== "never answers" && what !== "never ends its answer") {
          assert.strictEqual(about.length, 1, lines.join("\n"))
          assert.include(about[0], "does not take traces and metrics")
        }
        for (const line of lines) assert.notInclude(line, "collector-secret")
      })))
  }
})
