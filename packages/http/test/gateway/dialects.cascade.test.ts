/** What a cascade keeps and says stays within the API in which it was asked. */
import { assert, describe, it } from "@effect/vitest"
import { Gateway, GatewayConfig } from "@switchgear/http/gateway"
import { Bulkhead, Registry } from "@switchgear/core"
import { ChatModel } from "@switchgear/http"
import { Effect, Fiber, type Scope } from "effect"
import { vi } from "vitest"
import { scripted } from "./scripted.ts"
import { key, otherKey, post, send, speaking, type Speaks, stream, untilLeft } from "./spoken.ts"

const { madeWhenAsked } = await vi.importActual<{
  readonly madeWhenAsked: <E>(
    name: string,
    before: ChatModel.ChatModel<E> | undefined,
    make: (before: ChatModel.ChatModel<E> | undefined) => Effect.Effect<ChatModel.ChatModel<E>, never, Scope.Scope>
  ) => Effect.Effect<{ readonly model: ChatModel.ChatModel<E> }, never, Scope.Scope>
}>("../../src/gateway/service/madeWhenAsked.ts")

const simple = ChatModel.of<never>({
  name: "simple",
  complete: () =>
    Effect.succeed({
      value: { choices: [{ message: { content: "hi" }, finish_reason: "stop" }] },
      step: "simple",
      degradation: "none",
      failures: [],
      attempts: 1,
      possiblyBilledAttempts: 1
    })
})

const message =
  "{\"type\":\"message\", \"role\":\"assistant\",\"model\":\"first\",\"content\":[{\"type\":\"text\",\"text\":\"1.0\"}],\"stop_reason\":\"end_turn\",\"usage\":{\"input_tokens\":1,\"output_tokens\":2}}"
const response =
  "{\"object\":\"response\", \"status\":\"completed\",\"model\":\"first\",\"output\":[{\"type\":\"message\",\"content\":[{\"type\":\"output_text\",\"text\":\"1.0\"}]}],\"usage\":{\"input_tokens\":1,\"output_tokens\":2,\"total_tokens\":3}}"
const vectors =
  "{\"object\":\"list\", \"data\":[{\"embedding\":[1.0]}],\"model\":\"first\",\"usage\":{\"prompt_tokens\":1,\"total_tokens\":1}}"
const chat =
  "{\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"chat\"},\"finish_reason\":\"stop\"}]}"

const hello = { model: "polite", max_tokens: 9, messages: [{ role: "user", content: "Hello" }], input: "Hello" }

const apis = [
  ["/v1/messages", message],
  ["/v1/responses", response],
  ["/v1/embeddings", vectors]
] as const

const hangs = stream("hang")

describe("a model that never answers", () => {
  for (const [path, whole] of [...apis, ["/v1/messages/count_tokens", "{\"input_tokens\":5}"] as const]) {
    const [cascade, model] = path === "/v1/embeddings" ? ["vectors", "near"] : ["assistant", "first"]

    it.live(`is left when the time of its attempt is over, and the next one answers, at ${path}`, () =>
      Effect.scoped(Effect.gen(function*() {
        const { heard, reload, set, url } = yield* speaking()
        yield* reload(0.2)
        for (const name of ["one/first", "one/vectors-small"]) set(name, hangs)
        for (const name of ["two/second", "two/vectors-small"]) set(name, send(200, whole))
        const { headers, status, text } = yield* post(url, path, { ...hello, model: cascade })
        assert.strictEqual(status, 200, text)
        assert.strictEqual(text, whole)
        assert.strictEqual(headers.get("x-switchgear-attempts"), "2")
        yield* untilLeft(heard)
        const alone = yield* post(url, path, { ...hello, model })
        assert.strictEqual(alone.status, 504, alone.text)
      })))
  }
})

for (const [path, whole] of apis) {
  describe(`a cascade asked at ${path}`, () => {
    it.live("serves its last good answer, byte for byte, when no model answers, and marks it", () =>
      Effect.scoped(Effect.gen(function*() {
        const { set, url } = yield* speaking()
        set("one/first", send(200, whole))
        yield* post(url, path, hello)
        set("one/first", send(500, {}))
        const { headers, status, text } = yield* post(url, path, hello)
        assert.strictEqual(status, 200)
        assert.strictEqual(text, whole)
        assert.strictEqual(headers.get("x-switchgear-degradation"), "stale")
        assert.strictEqual((yield* post(url, path, { ...hello, input: "?", messages: [] })).status, 503)
      })))

    it.live("serves it also after a change of the file", () =>
      Effect.scoped(Effect.gen(function*() {
        const { reload, set, url } = yield* speaking()
        set("one/first", send(200, whole))
        yield* post(url, path, hello)
        yield* reload(6)
        yield* reload(7)
        set("one/first", send(500, {}))
        const { headers, text } = yield* post(url, path, hello)
        assert.strictEqual(text, whole)
        assert.strictEqual(headers.get("x-switchgear-degradation"), "stale")
      })))

    it.live("serves an answer that is fresh without a call", () =>
      Effect.scoped(Effect.gen(function*() {
        const { heard, set, url } = yield* speaking()
        set("one/first", send(200, whole))
        const asked = { ...hello, model: "fresh" }
        const [first, second] = [yield* post(url, path, asked), yield* post(url, path, asked)]
        assert.strictEqual(first.text, whole)
        assert.strictEqual(second.text, whole)
        assert.strictEqual(second.headers.get("x-switchgear-step"), "cache")
        assert.strictEqual(heard.length, 1)
      })))

    it.live("says no sentence and serves no answer of chat completions", () =>
      Effect.scoped(Effect.gen(function*() {
        const { set, url } = yield* speaking()
        set("one/first", send(200, chat))
        assert.strictEqual((yield* post(url, "/v1/chat/completions", hello)).status, 200)
        set("one/first", send(500, {}))
        assert.strictEqual((yield* post(url, path, hello)).status, 503)
      })))
  })
}

for (const [path, whole] of apis.slice(0, 2)) {
  it.live(`a stream of ${path} is none of the whole answers that are kept`, () =>
    Effect.scoped(Effect.gen(function*() {
      const { heard, set, url } = yield* speaking()
      set("one/first", send(200, whole))
      for (const model of ["polite", "fresh"]) yield* post(url, path, { ...hello, model })
      set("one/first", stream("cut"))
      for (const model of ["polite", "fresh"]) {
        const { headers, status } = yield* post(url, path, { ...hello, model, stream: true })
        assert.strictEqual(status, 503)
        assert.strictEqual(headers.get("content-type"), "application/json")
      }
      assert.strictEqual(heard.length, 4)
    })))
}

it.live("answers to other headers of Anthropic's API are kept apart", () =>
  Effect.scoped(Effect.gen(function*() {
    const { heard, set, url } = yield* speaking()
    set("one/first", send(200, message))
    for (const beta of ["a", "b", "a"]) {
      yield* post(url, "/v1/messages", { ...hello, model: "fresh" }, { "anthropic-beta": beta })
    }
    assert.strictEqual(heard.length, 2)
  })))

describe("an answer that is none in any API", () => {
  const expected = {
    "/v1/chat/completions": "a chat completion",
    "/v1/messages": "a message",
    "/v1/responses": "a response",
    "/v1/embeddings": "embeddings",
    "/v1/messages/count_tokens": "a number of tokens"
  }
  const nones: Record<string, Speaks> = {
    "a redirect": (answer) => answer.writeHead(307, { location: "http://127.0.0.1:1/" }).end(),
    "a body that is not in its content encoding": (answer) =>
      answer.writeHead(200, { "content-encoding": "gzip" }).end("no gzip"),
    "no HTTP": (answer) => answer.socket!.end("no HTTP\r\n\r\n")
  }
  for (const [path, named] of Object.entries(expected)) {
    for (const [what, speaks] of Object.entries(nones)) {
      it.live(`is told in the words of the API that was asked: ${what} at ${path}`, () =>
        Effect.gen(function*() {
          const { set, url } = yield* speaking()
          set("one/first", speaks)
          const streamed = path === "/v1/embeddings" || path.endsWith("count_tokens") ? [{}] : [{}, { stream: true }]
          for (const more of streamed) {
            const { json, status } = yield* post(url, path, { ...hello, model: "first", ...more })
            assert.strictEqual(status, 502)
            assert.include(json.error.message, `something else instead of ${named}`)
          }
        }).pipe(Effect.scoped))
    }
  }
})

it.live("all APIs of a model share its circuit", () =>
  Effect.scoped(Effect.gen(function*() {
    const { heard, set, url } = yield* speaking()
    set("one/fragile", send(500, { error: { message: "down" } }))
    const bodies = [
      ["/v1/embeddings", { model: "fragile", input: "Hello" }],
      ["/v1/responses", { model: "fragile", input: "Hello" }],
      ["/v1/messages", { model: "fragile", max_tokens: 1, messages: [] }],
      ["/v1/chat/completions", { model: "fragile", messages: [] }]
    ] as const
    for (const [path, body] of [...bodies, ...bodies]) yield* post(url, path, body)
    assert.deepStrictEqual(heard.map(({ path }) => path), ["/one/embeddings", "/one/responses"])
    for (const [path, body] of bodies) assert.include((yield* post(url, path, body)).text, "fragile", path)
  })))

it.live("a gateway that stops tells it in a stream in the words of its API", () =>
  Effect.gen(function*() {
    const fiber = yield* Effect.scoped(Effect.gen(function*() {
      const { heard, set, url } = yield* speaking()
      const content = [
        `data: {"type":"content_block_delta","delta":{"type":"text_delta","text":"Good"}}\n\n`,
        `data: {"type":"response.output_text.delta","sequence_number":7,"delta":"Good"}\n\n`
      ]
      set("one/first", (response, request) =>
        stream(content[request.path === "/one/messages" ? 0 : 1]!, "hang")(response, request))
      const asked = { ...hello, model: "first", stream: true }
      const calls = ["/v1/messages", "/v1/responses"].map((path) =>
        post(url, path, asked)
      )
      const fiber = yield* Effect.forkDetach(Effect.all(calls, { concurrency: "unbounded" }))
      yield* Effect.repeat(Effect.delay(Effect.sync(() => heard.length), 5), { until: (n) => n === 2 })
      yield* Effect.sleep(50)
      return fiber
    }))
    const [messages, responses] = yield* Fiber.join(fiber)
    const told = (text: string) => JSON.parse(text.slice(text.lastIndexOf("data: ") + "data: ".length))
    assert.strictEqual(told(messages!.text).error.type, "overloaded_error")
    assert.include(told(responses!.text), { type: "error", code: "overloaded", sequence_number: 8 })
  }))

it.effect("a model that is made when it is asked is made once, with what was there before, and not for nobody", () =>
  Effect.scoped(Effect.gen(function*() {
    const registry = yield* Registry.make()
    const make = Effect.as(Bulkhead.make({ name: "made", concurrency: 1 }), simple)
    const { model } = yield* Effect.provideService(
      madeWhenAsked("m", undefined, () => make),
      Registry.CurrentRegistry,
      registry
    )
    const names = () => registry.entries().map(({ name }) => name)
    assert.deepStrictEqual(names(), [])
    yield* Effect.all([model.complete({ messages: [] }), model.complete({ messages: [] })], { concurrency: 2 })
    yield* model.open({ messages: [] })
    assert.deepStrictEqual(names(), ["made"])
  })))

it.live("all APIs of a model wait while its provider says so, in whichever it was said", () =>
  Effect.scoped(Effect.gen(function*() {
    const { heard, set, url } = yield* speaking()
    const error = { type: "error", error: { type: "rate_limit_error", message: "slow down" } }
    set("one/limited", send(429, error, { "retry-after": "40" }))
    const asked = { ...hello, model: "limited" }
    for (const path of ["/v1/messages", "/v1/responses", "/v1/embeddings", "/v1/chat/completions"]) {
      const { headers, status } = yield* post(url, path, asked)
      assert.strictEqual(status, 429, path)
      assert.approximately(Number(headers.get("retry-after")), 39, 3)
    }
    assert.deepStrictEqual(heard.map(({ path }) => path), ["/one/messages"])
  })))

it.live("a key that is refused in one API is used in none", () =>
  Effect.scoped(Effect.gen(function*() {
    const { heard, set, url } = yield* speaking()
    const tried: Array<string> = []
    const answers = { "/one/messages": message, "/one/responses": response, "/one/chat/completions": chat }
    set("one/first", (response, request) => {
      const { authorization, "x-api-key": given = authorization?.slice("Bearer ".length) } = request.headers
      tried.push(String(given))
      const answer = answers[request.path as keyof typeof answers]
      if (given === key) send(401, { error: { message: "no", type: "authentication_error" } })(response, request)
      else send(200, answer)(response, request)
    })
    const asked = { ...hello, model: "first" }
    for (const path of ["/v1/messages", "/v1/responses", "/v1/chat/completions"]) {
      assert.strictEqual((yield* post(url, path, asked)).status, 200)
    }
    assert.deepStrictEqual(tried, [key, otherKey, otherKey, otherKey])
    assert.strictEqual(heard.length, 4)
  })))

describe("what a provider speaks", () => {
  const file = (speaks: string) =>
    `providers: { a: { baseUrl: http://x.test, speaks: ${speaks} } }\nmodels: { m: { provider: a } }`

  it.effect("is chat completions and embeddings unless the file says otherwise", () =>
    Effect.gen(function*() {
      const { providers } = yield* GatewayConfig.parse(file("[responses]"), {})
      assert.deepStrictEqual(providers["a"]!.speaks, ["responses"])
      const without = yield* GatewayConfig.parse(file("[x]").replace(", speaks: [x]", ""), {})
      assert.deepStrictEqual(without.providers["a"]!.speaks, ["chat", "embeddings"])
    }))

  for (
    const [speaks, problem] of [
      [
        "[chat, completions]",
        /providers\.a\.speaks\[1\]: Expected one of chat, embeddings, messages, responses, got "completions"/
      ],
      ["[]", /providers\.a\.speaks: Expected a list of chat, embeddings, messages, responses/],
      ["chat", /providers\.a\.speaks: Expected a list, got "chat"/]
    ] as const
  ) {
    it.effect(`is refused with its place: ${speaks}`, () =>
      Effect.gen(function*() {
        assert.match((yield* Effect.flip(GatewayConfig.parse(file(speaks), {}))).message, problem)
      }))
  }
})

describe("a cascade that is called as another one is in an API besides chat completions", () => {
  it.live("is not taken for that one when the file is read again", () =>
    Effect.scoped(
      Effect.gen(function*() {
        const provider = yield* scripted(({ body }, answer) =>
          void answer.writeHead(200, { "content-type": "application/json" }).end(
            body.input === undefined ? chat : response
          )
        )
        const read = GatewayConfig.parse(
          `listen: { port: 0 }
providers: { one: { baseUrl: ${provider.url}, speaks: [chat, responses] } }
models: { first: { provider: one } }
cascades: { a: { steps: [first] }, a (responses): { steps: [first] } }`,
          {}
        )
        const gateway = yield* Effect.flatMap(read, Gateway.make)
        const url = `http://127.0.0.1:${gateway.address.port}`
        for (let i = 0; i < 2; i++) {
          for (const model of ["a", "a (responses)"]) {
            assert.strictEqual((yield* post(url, "/v1/responses", { model, input: "Hello" })).text, response)
            const { messages } = hello
            assert.include((yield* post(url, "/v1/chat/completions", { model, messages })).text, "\"chat\"")
          }
          yield* Effect.flatMap(read, gateway.reload)
        }
      }).pipe(Effect.orDie)
    ))
})

describe("a request for a stream, or for an answer later, in a way that is none", () => {
  const ways: ReadonlyArray<readonly [path: string, param: string, value: unknown]> = [
    ...["/v1/messages", "/v1/responses"].flatMap((path) =>
      ["true", 1, {}, []].map((value) => [path, "stream", value] as const)
    ),
    ...["true", 1, {}, true].map((value) => ["/v1/responses", "background", value] as const)
  ]
  for (const [path, param, value] of ways) {
    it.live(`is refused at ${path}, ${param}: ${JSON.stringify(value)}; no provider is asked, and no circuit counts it`, () =>
      Effect.gen(function*() {
        const { heard, set, url } = yield* speaking()
        set("one/first", stream("event: message_start\ndata: {}\n\n"))
        const body = { model: "first", max_tokens: 9, messages: [], input: "Hello", [param]: value }
        const { json, status } = yield* post(url, path, body)
        assert.deepStrictEqual([status, json.error.type], [400, "invalid_request_error"])
        assert.include(json.error.message, param)
        assert.strictEqual(heard.length, 0)
      }).pipe(Effect.scoped))
  }

  for (
    const [path, param] of [["/v1/messages", "stream"], ["/v1/responses", "stream"], [
      "/v1/responses",
      "background"
    ]] as const
  ) {
    for (const value of [false, null]) {
      it.live(`is none at ${path} with ${param}: ${value}`, () =>
        Effect.gen(function*() {
          const { heard, set, url } = yield* speaking()
          set("one/first", send(200, path === "/v1/messages" ? message : response))
          const body = { model: "first", max_tokens: 9, messages: [], input: "Hello", [param]: value }
          assert.strictEqual((yield* post(url, path, body)).status, 200)
          assert.strictEqual(heard[0]!.json[param], value)
        }).pipe(Effect.scoped))
    }
  }
})
