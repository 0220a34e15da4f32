/**
 * What a gateway in the process answers is what one at an address answers: the same requests, one after the other, to both.
 * `SWITCHGEAR_RUNS` says how many.
 */
import { assert, it } from "@effect/vitest"
import { Gateway, GatewayConfig } from "@switchgear/http/gateway"
import { Effect, Random } from "effect"
import * as Yaml from "effect/encoding/Yaml"
import { opened } from "./inProcess.ts"
import { token } from "./running.ts"
import { chunkOf, usageChunk } from "./scripted.ts"
import { providing, send, type Speaks, stream } from "./spoken.ts"

const runs = Number(process.env.SWITCHGEAR_RUNS ?? 400)

const others = `
clients:
  - { name: shop, token: ${token} }
  - { name: small, token: sk-small-0123456789, models: [first], limits: [{ resource: requests, limit: 20, per: 30 days }] }
`

const listen = { port: 0, maxBodySize: 20_000, drainTimeout: 300, origins: ["https://app.example"] }

// Most circuits stay closed, so that most requests are passed on.
const defaults = { breaker: { failureRate: "off" }, attemptTimeout: "5 seconds", retry: { maxAttempts: 1 } } as const

const whole = {
  id: "1",
  object: "chat.completion",
  created: 1,
  model: "x",
  choices: [{ index: 0, message: { role: "assistant", content: "Grüße ☀️" }, finish_reason: "stop" }],
  usage: { prompt_tokens: 3, completion_tokens: 4, total_tokens: 7 }
}

const event = (data: string) => `data: ${data}\n\n`
const events = [
  chunkOf({ role: "assistant", content: "Grü" }),
  chunkOf({ content: "ße ☀️" }),
  chunkOf({}, "stop"),
  usageChunk
]

/** What a provider says is in the last word of what it is asked. */
const says: { readonly [word: string]: (isStream: boolean) => Speaks } = {
  good: (isStream) => isStream ? stream(...events.map(event), event("[DONE]")) : send(200, whole),
  long: (isStream) =>
    isStream
      ? stream(
        ...Array.from({ length: 50 }, () => event(chunkOf({ content: "a long text ".repeat(500) }))),
        event(events[2]!),
        event("[DONE]")
      )
      : send(200, { ...whole, padding: "x".repeat(300_000) }),
  broken: () => send(500, { error: { message: "It broke", type: "server_error" } }),
  wrong: () =>
    send(400, { error: { message: "No such tool", type: "invalid_request_error", param: "tools", code: "x" } }),
  busy: () => send(429, { error: { message: "Slow down", type: "requests" } }, { "retry-after": "0" }),
  nonsense: () => send(200, "<html>"),
  cut: (isStream) => isStream ? stream(event(events[0]!), "cut") : (response) => void response.destroy(),
  ends: (isStream) => isStream ? stream(event(events[0]!)) : send(200, "{\"id\":")
}

const models = ["first", "second", "third", "assistant", "polite", "fresh", "fragile", "vectors", "nobody"]
const paths = ["chat/completions", "chat/completions", "responses", "messages", "messages/count_tokens", "embeddings"]

interface Asked {
  readonly path: string
  readonly init: () => RequestInit & { readonly duplex?: "half" }
}

/** One of a list, by a number from 0 to 1. */
const one = <A>(list: ReadonlyArray<A>, at: number): A => list[Math.floor(at * list.length)]!

const bodyOf = (text: string, kind: string): RequestInit["body"] =>
  kind === "bytes"
    ? new TextEncoder().encode(text)
    : kind === "blob"
    ? new Blob([text])
    : kind === "stream"
    ? new Blob([text]).stream()
    : text

const asked = Effect.gen(function*() {
  const next = Random.next
  const at = yield* Effect.all(Array.from({ length: 12 }, () => next))
  const headers: Record<string, string> = { "content-type": "application/json" }
  const key = one([token, token, token, token, "sk-small-0123456789", "sk-wrong", undefined], at[0]!)
  if (key !== undefined) headers[one(["authorization", "authorization", "x-api-key"], at[1]!)] = key
  if (headers.authorization !== undefined) headers.authorization = `Bearer ${key}`
  if (at[2]! < 0.2) headers["accept-language"] = one(["en", "zh-CN", "fr"], at[2]! * 5)
  if (at[3]! < 0.2) headers["idempotency-key"] = "k"
  if (at[4]! < 0.2) headers["x-switchgear-timeout"] = one(["0", "5", "x"], at[4]! * 5)
  if (at[5]! < 0.2) headers.origin = one(["https://app.example", "https://evil.example"], at[5]! * 5)
  if (at[6]! < 0.15) {
    const path = one(
      [
        "/v1/models",
        "/v1/models?x=1",
        "/v1/models/first",
        "/v1/models/n%C3%B6%",
        "/health/live",
        "/health/ready",
        "/",
        "/v1/nothing"
      ],
      at[7]!
    )
    if (at[5]! < 0.1) headers["access-control-request-method"] = "POST"
    return { path, init: () => ({ method: one(["GET", "HEAD", "OPTIONS", "DELETE"], at[8]!), headers }) }
  }
  const path = `/v1/${one(paths, at[7]!)}`
  const content = `say ${one(Object.keys(says), at[8]!)}`
  const isStream = at[9]! < 0.5
  const text = at[10]! < 0.1
    ? one(["", "{", "null", "[]", "x".repeat(30_000), "{\"model\":1}", "{\"model\":\"first\"}"], at[10]! * 10)
    : JSON.stringify({
      model: one(models, at[11]!),
      ...path === "/v1/responses" || path === "/v1/embeddings"
        ? { input: content }
        : { messages: [{ role: "user", content }] },
      ...path === "/v1/messages" && { max_tokens: 10 },
      ...isStream && { stream: true, ...at[3]! < 0.6 && { stream_options: { include_usage: true } } }
    })
  const kind = one(["text", "text", "bytes", "blob", "stream"], yield* next)
  return {
    path,
    init: () => ({
      method: "POST",
      headers,
      body: bodyOf(text, kind)!,
      ...kind === "stream" && { duplex: "half" as const }
    })
  }
})

const ofConnection = new Set(["connection", "keep-alive", "date", "transfer-encoding"])

/** Of a connection, or of this moment. */
const ofMoment = new Set([
  ...ofConnection,
  "x-request-id",
  "request-id",
  "openai-processing-ms",
  "x-switchgear-overhead-ms",
  "retry-after-ms",
  "x-ratelimit-reset-requests"
])

const withoutMoment = (text: string): string =>
  text.replace(/req_[0-9a-f]{32}/g, "req").replace(/"x-switchgear-overhead-ms":"[^"]*"/g, "").replace(
    /"created":\d{6,}/g,
    ""
  )

const got = (by: typeof fetch, url: string, { init, path }: Asked) =>
  Effect.promise(async (signal) => {
    const response = await by(url + path, { ...init(), signal })
    let text = ""
    let isWhole = true
    try {
      for await (const piece of response.body?.pipeThrough(new TextDecoderStream()) ?? []) text += piece
    } catch {
      isWhole = false
    }
    const headers = Object.fromEntries([...response.headers].filter(([name]) => !ofMoment.has(name)))
    const momentary = [...response.headers.keys()].filter((name) => ofMoment.has(name) && !ofConnection.has(name))
    return { status: response.status, headers, momentary, text: withoutMoment(text), isWhole }
  })

it.live("a gateway in the process answers what one at an address answers", () =>
  Effect.scoped(Effect.gen(function*() {
    const { fileOf, heard, set } = yield* providing(others)
    for (const model of ["first", "second", "third", "fragile", "vectors-small", "vectors-large"]) {
      for (const provider of ["one", "two", "plain"]) {
        set(`${provider}/${model}`, (response, heard) => {
          const word = /say (\w+)/.exec(heard.text)?.[1] ?? "good"
          says[word]!(heard.json.stream === true)(response, heard)
        })
      }
    }
    const file: GatewayConfig.File = { ...Yaml.parse(fileOf()) as GatewayConfig.File, listen, defaults }
    const { address } = yield* Effect.flatMap(GatewayConfig.parse(file, {}), (config) => Gateway.make(config))
    const gateway = yield* opened(file)
    const statuses = new Set<number>()
    let passedOn = 0
    for (let run = 0; run < runs; run++) {
      const request = yield* asked
      const there = yield* got(fetch, `http://127.0.0.1:${address.port}`, request)
      const before = heard.length
      const here = yield* got(gateway.fetch as typeof fetch, "http://gateway", request)
      passedOn += heard.length - before
      assert.deepStrictEqual(
        here,
        there,
        `${run}: ${request.path} ${JSON.stringify({ ...request.init(), body: undefined })}`
      )
      statuses.add(here.status)
    }
    for (const status of [200, 400, 401, 404, 413, 503]) assert.include([...statuses], status)
    assert.isAbove(passedOn, runs / 10)
  })).pipe(Random.withSeed(process.env.SWITCHGEAR_SEED ?? "same")), 120_000)
