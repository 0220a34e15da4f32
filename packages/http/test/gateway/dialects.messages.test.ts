/** Messages of Anthropic's API through a gateway on sockets. */
import Anthropic from "@anthropic-ai/sdk"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import {
  asWritten,
  counted,
  key,
  type Part,
  post,
  send,
  speaking,
  type Spoken,
  stream,
  tokensBetween,
  untilHeard,
  untilLeft
} from "./spoken.ts"
import { type Got, token } from "./running.ts"

const usage = { input_tokens: 10, output_tokens: 1, cache_read_input_tokens: 100, cache_creation_input_tokens: 0 }

const message = (text: string) => ({
  id: "msg_1",
  type: "message",
  role: "assistant",
  model: "first",
  content: [{ type: "text", text }],
  stop_reason: "end_turn",
  stop_sequence: null,
  usage: { ...usage, output_tokens: 7 }
})

const event = (name: string, fields: object = {}) =>
  `event: ${name}\ndata: ${JSON.stringify({ type: name, ...fields })}\n\n`

const start = event("message_start", {
  message: { ...message(""), content: [], stop_reason: null, usage }
})
const block = event("content_block_start", { index: 0, content_block: { type: "text", text: "" } })
const ping = event("ping")
const delta = (fields: object) => event("content_block_delta", { index: 0, delta: fields })
const text = (text: string) => delta({ type: "text_delta", text })
const end = [
  event("content_block_stop", { index: 0 }),
  event("message_delta", { delta: { stop_reason: "end_turn", stop_sequence: null }, usage: { output_tokens: 7 } }),
  event("message_stop")
]
const whole = [start, block, ping, text("Good "), text("day"), ...end]
const overloaded = { type: "error", error: { type: "overloaded_error", message: "Overloaded" } }

const hello = { model: "assistant", max_tokens: 100, messages: [{ role: "user" as const, content: "Hello" }] }

const ask = (url: string, more: object = {}, headers: Record<string, string> = {}): Effect.Effect<Got> =>
  post(url, "/v1/messages", { ...hello, ...more }, headers)

const clientOf = ({ url }: Spoken, more: object = {}) =>
  new Anthropic({ baseURL: url, apiKey: token, authToken: null, logLevel: "off", ...more })

/** What the official client makes of a stream: its text, and what it threw. */
const streamed = (client: Anthropic, more: object = {}) =>
  Effect.promise(async () => {
    let text = ""
    try {
      for await (const event of await client.messages.create({ ...hello, ...more, stream: true })) {
        if (event.type === "content_block_delta" && event.delta.type === "text_delta") text += event.delta.text
      }
      return { text, thrown: undefined }
    } catch (thrown) {
      return { text, thrown: thrown as InstanceType<typeof Anthropic.APIError> }
    }
  })

const thrownBy = (call: () => PromiseLike<unknown>) =>
  Effect.promise(() =>
    call().then(
      () => assert.fail("it answered"),
      (thrown: unknown) => thrown as InstanceType<typeof Anthropic.APIError>
    )
  )

describe("a whole message", () => {
  it.live("is the provider's, byte for byte, and only what it needs is passed on", () =>
    Effect.scoped(Effect.gen(function*() {
      const { heard, set, url } = yield* speaking()
      const body = JSON.stringify(message("hi"), null, 1)
      set("one/first", send(200, body, { "set-cookie": "a=b", "anthropic-organization-id": "org" }))
      const request = `{ "messages":[{"role":"user","content":[{"type":"text","text":"\\u0048i"}]}],
        "tools":[{"name":"t","input_schema":{"model":"x","10":1.0,"9":2}}], "max_tokens" : 100, "model" : "first" }`
      const got = yield* post(url, "/v1/messages", request, {
        "anthropic-version": "2024-01-01",
        "anthropic-beta": "a,b",
        cookie: "c=d",
        "x-forwarded-for": "10.0.0.1"
      })
      assert.strictEqual(got.status, 200)
      assert.strictEqual(got.text, body)
      assert.isNull(got.headers.get("set-cookie"))
      assert.isNull(got.headers.get("anthropic-organization-id"))
      assert.strictEqual(got.headers.get("request-id"), got.headers.get("x-request-id"))
      // 10 of the prompt, 100 of the cache, 7 written.
      assert.strictEqual(got.headers.get("x-switchgear-cost-usd"), "0.000176")
      const [{ headers, path, text }] = heard as [typeof heard[0] & object]
      assert.strictEqual(text, request)
      assert.strictEqual(path, "/one/messages")
      assert.strictEqual(headers["x-api-key"], key)
      assert.isUndefined(headers.authorization)
      assert.strictEqual(headers["anthropic-version"], "2024-01-01")
      assert.strictEqual(headers["anthropic-beta"], "a,b")
      assert.isUndefined(headers.cookie)
      assert.isUndefined(headers["x-forwarded-for"])
    })))

  it.live("is asked for with a version of the API where the client says none", () =>
    Effect.scoped(Effect.gen(function*() {
      const { heard, set, url } = yield* speaking()
      set("one/first", send(200, message("hi")))
      yield* ask(url)
      assert.strictEqual(heard[0]!.headers["anthropic-version"], "2023-06-01")
    })))

  it.live("comes from the next model that speaks the same API when one fails", () =>
    Effect.scoped(Effect.gen(function*() {
      const spoken = yield* speaking()
      spoken.set("one/first", send(529, overloaded))
      spoken.set("two/second", send(200, message("Good evening")))
      const { data, response } = yield* Effect.promise(() => clientOf(spoken).messages.create(hello).withResponse())
      assert.include(data.content[0], { type: "text", text: "Good evening" })
      assert.strictEqual(response.headers.get("x-switchgear-degradation"), "fallback")
      assert.deepStrictEqual(spoken.heard.map(({ json, path }) => [path, json.model]), [
        ["/one/messages", "first"],
        ["/two/messages", "second"]
      ])
    })))

  it.live("that is none moves on: an error with a good status, no end, a chat completion, one that broke off", () =>
    Effect.scoped(Effect.gen(function*() {
      for (
        const bad of [
          JSON.stringify(overloaded),
          JSON.stringify({ ...message("hi"), stop_reason: null }),
          JSON.stringify({ choices: [{ message: { content: "hi" }, finish_reason: "stop" }] }),
          JSON.stringify(message("hi")).slice(0, 80)
        ]
      ) {
        const { heard, set, url } = yield* speaking()
        set("one/first", send(200, bad))
        set("two/second", send(200, message("second")))
        assert.strictEqual((yield* ask(url)).json.content[0].text, "second", bad)
        assert.strictEqual(heard.length, 2)
      }
    })))

  it.live("without text is one where its end is told: the model has nothing to say", () =>
    Effect.scoped(Effect.gen(function*() {
      const { set, url } = yield* speaking()
      set("one/first", send(200, { ...message(""), content: [] }))
      assert.strictEqual((yield* ask(url)).headers.get("x-switchgear-step"), "first")
    })))
})

describe("a stream", () => {
  it.live("is the provider's, byte for byte, however it is cut and ended", () =>
    Effect.scoped(Effect.gen(function*() {
      const { set, url } = yield* speaking()
      const windows = (text: string) => text.replaceAll("\n", "\r\n")
      for (
        const parts of [whole, [whole.join("")], [...whole.join("")], whole.map(windows), [...windows(whole.join(""))]]
      ) {
        set("one/first", stream(": hi\n\n", ...parts))
        const { headers, text } = yield* ask(url, { model: "first", stream: true })
        assert.strictEqual(asWritten(text), `: hi\n\n${parts.join("")}`)
        assert.strictEqual(headers.get("content-type"), "text/event-stream; charset=utf-8")
        assert.strictEqual(headers.get("request-id"), headers.get("x-request-id"))
        assert.strictEqual(headers.get("x-switchgear-step"), "first")
      }
    })))

  it.live("is read by the official client", () =>
    Effect.scoped(Effect.gen(function*() {
      const spoken = yield* speaking()
      spoken.set("one/first", stream(...whole))
      assert.deepStrictEqual(yield* streamed(clientOf(spoken)), { text: "Good day", thrown: undefined })
    })))

  const silent: ReadonlyArray<readonly [what: string, parts: ReadonlyArray<Part>]> = [
    ["an error in band", [start, block, ping, event("error", overloaded)]],
    ["an error in band, without a start", [event("error", overloaded)]],
    ["a cut", [start, block, ping, "cut"]],
    ["an end that is none", [start, block, event("content_block_stop", { index: 0 })]],
    ["nothing", []],
    ["JSON in the place of events", [JSON.stringify(overloaded)]],
    ["half an event", [start, text("Good").slice(0, 40)]],
    ["empty content", [start, block, text(""), delta({ type: "input_json_delta", partial_json: "" }), "cut"]]
  ]
  for (const [what, parts] of silent) {
    it.live(`that fails before its first content moves on, and none of it is told: ${what}`, () =>
      Effect.scoped(Effect.gen(function*() {
        const { set, url } = yield* speaking()
        set("one/first", stream(...parts))
        set("two/second", stream(...whole))
        const { headers, text } = yield* ask(url, { stream: true })
        assert.strictEqual(asWritten(text), whole.join(""))
        assert.strictEqual(headers.get("x-switchgear-step"), "second")
      })))
  }

  it.live(
    "that hangs before its first content moves on when the time of the attempt is over",
    () =>
      Effect.scoped(Effect.gen(function*() {
        const { set, url } = yield* speaking("headAfter: soon")
        set("one/first", stream(start, block, ping, "hang"))
        set("two/second", stream(...whole))
        const { status, text } = yield* ask(url, { stream: true }, { "x-switchgear-timeout": "2" })
        assert.strictEqual(status, 200)
        assert.match(text, /^: keep-alive\n\n/)
        assert.isTrue(asWritten(text).endsWith(whole.join("")))
      })),
    10_000
  )

  const contents: ReadonlyArray<readonly [what: string, delta: object]> = [
    ["text", { type: "text_delta", text: "Good" }],
    ["thought", { type: "thinking_delta", thinking: "Hm" }],
    ["the input of a tool", { type: "input_json_delta", partial_json: "{" }],
    ["a citation", { type: "citations_delta", citation: { cited_text: "x" } }]
  ]
  for (const [what, content] of contents) {
    it.live(`that breaks off after its first content is told in band, and no other model is asked: ${what}`, () =>
      Effect.scoped(Effect.gen(function*() {
        const { heard, set, url } = yield* speaking()
        const begun = [start, block, delta(content)]
        set("one/first", stream(...begun, text("da").slice(0, 30), "cut"))
        const { status, text: got } = yield* ask(url, { stream: true })
        assert.strictEqual(status, 200)
        assert.isTrue(got.startsWith(begun.join("")))
        const [last] = got.slice(begun.join("").length).split("\n\n")
        assert.match(last!, /^event: error\ndata: \{/)
        const told = JSON.parse(last!.slice("event: error\ndata: ".length))
        assert.deepStrictEqual(Object.keys(told), ["type", "error", "request_id"])
        assert.strictEqual(told.error.type, "api_error")
        assert.notInclude(got, "message_stop")
        assert.strictEqual(heard.length, 1)
      })))
  }

  it.live("that tells an error after its first content is told in our words, which the official client throws", () =>
    Effect.scoped(Effect.gen(function*() {
      const spoken = yield* speaking()
      spoken.set(
        "one/first",
        stream(
          start,
          block,
          text("Good "),
          event("error", { error: { type: "overloaded_error", message: "sk-provider-secret" } })
        )
      )
      const { text: got, thrown } = yield* streamed(clientOf(spoken))
      assert.strictEqual(got, "Good ")
      assert.instanceOf(thrown, Anthropic.APIError)
      assert.strictEqual(thrown!.type, "overloaded_error")
      assert.notInclude(JSON.stringify(thrown!.error), "secret")
      assert.strictEqual(spoken.heard.length, 1)
    })))

  it.live("whose provider says it is alive for ever, and not that it has ended, is passed on and not kept", () =>
    Effect.gen(function*() {
      const { heard, set, url } = yield* speaking()
      const told = start + block + text("Good day") + end[0]! + end[1]! + ping.repeat(200)
      set("one/first", stream(told, "hang"))
      const read = yield* Effect.promise(async () => {
        const leaving = new AbortController()
        const response = await fetch(`${url}/v1/messages`, {
          method: "POST",
          headers: { authorization: `Bearer ${token}` },
          body: JSON.stringify({ ...hello, model: "first", stream: true }),
          signal: leaving.signal
        })
        let read = ""
        for await (const piece of response.body!.pipeThrough(new TextDecoderStream())) {
          read += piece
          if (read.length >= told.length) break
        }
        leaving.abort()
        return read
      })
      assert.strictEqual(read, told)
      yield* untilLeft(heard)
    }).pipe(Effect.scoped))

  it.live("without content is passed on once its end is told", () =>
    Effect.scoped(Effect.gen(function*() {
      const { set, url } = yield* speaking()
      set("one/first", stream(start, ...end))
      assert.strictEqual(asWritten((yield* ask(url, { stream: true })).text), start + end.join(""))
    })))

  it.live("says nothing after its end", () =>
    Effect.scoped(Effect.gen(function*() {
      const { set, url } = yield* speaking()
      set("one/first", stream(...whole, text("more"), event("error", overloaded)))
      assert.strictEqual(asWritten((yield* ask(url, { stream: true })).text), whole.join(""))
    })))
})

describe("when all models fail", () => {
  it.live("the official client is told so once, before a stream as before a message", () =>
    Effect.scoped(Effect.gen(function*() {
      const spoken = yield* speaking()
      for (const model of ["one/first", "two/second"]) spoken.set(model, send(529, overloaded))
      const client = clientOf(spoken)
      for (
        const call of [() => client.messages.create(hello), () => client.messages.create({ ...hello, stream: true })]
      ) {
        const thrown = yield* thrownBy(call)
        assert.instanceOf(thrown, Anthropic.InternalServerError)
        assert.strictEqual(thrown.status, 503)
        assert.strictEqual(thrown.type, "overloaded_error")
        assert.match(thrown.requestID!, /^req_[0-9a-f]{32}$/)
      }
      assert.strictEqual(spoken.heard.length, 4)
    })))
})

describe("what a client says wrongly", () => {
  const cases: ReadonlyArray<
    readonly [what: string, body: object | string, status: number, type: string, message: RegExp]
  > = [
    ["no JSON", "{", 400, "invalid_request_error", /JSON/],
    ["no model", { messages: [], max_tokens: 1 }, 400, "invalid_request_error", /^model: Field required$/],
    ["no messages", { model: "assistant", max_tokens: 1 }, 400, "invalid_request_error", /^messages: Field required$/],
    [
      "no max_tokens",
      { model: "assistant", messages: [] },
      400,
      "invalid_request_error",
      /^max_tokens: Field required$/
    ],
    ["messages that are no list", { ...hello, messages: "hi" }, 400, "invalid_request_error", /^messages: /],
    ["a model that is none", { ...hello, model: "claude-9" }, 404, "not_found_error", /^model: claude-9$/],
    ["a model whose provider has none", { ...hello, model: "third" }, 404, "not_found_error", /^model: third$/],
    [
      "a cascade whose providers have none",
      { ...hello, model: "chatting" },
      404,
      "not_found_error",
      /^model: chatting$/
    ]
  ]
  for (const [what, body, status, type, message] of cases) {
    it.live(`is told in the words of Anthropic: ${what}`, () =>
      Effect.scoped(Effect.gen(function*() {
        const { heard, url } = yield* speaking()
        const got = yield* post(url, "/v1/messages", body)
        assert.strictEqual(got.status, status)
        assert.strictEqual(got.json.type, "error")
        assert.strictEqual(got.json.error.type, type)
        assert.match(got.json.error.message, message)
        assert.strictEqual(got.json.request_id, got.headers.get("request-id"))
        assert.strictEqual(heard.length, 0)
      })))
  }

  it.live("is told so by the provider: the request is not asked elsewhere, and nothing of it is repeated", () =>
    Effect.scoped(Effect.gen(function*() {
      const { heard, set, url } = yield* speaking()
      const message = "messages.0: a secret of the prompt"
      set("one/first", send(400, { type: "error", error: { type: "invalid_request_error", message } }))
      const got = yield* ask(url)
      assert.strictEqual(got.status, 400)
      assert.strictEqual(got.json.error.type, "invalid_request_error")
      assert.notInclude(got.text, "secret")
      assert.strictEqual(heard.length, 1)
    })))

  it.live("is told for other methods as well", () =>
    Effect.scoped(Effect.gen(function*() {
      const { url } = yield* speaking()
      const response = yield* Effect.promise(() => fetch(`${url}/v1/messages`))
      assert.strictEqual(response.status, 405)
      assert.strictEqual(((yield* Effect.promise(() => response.json())) as any).type, "error")
    })))
})

describe("a token", () => {
  it.live("may be a bearer token or in x-api-key, and a wrong one is refused in the words of Anthropic", () =>
    Effect.scoped(Effect.gen(function*() {
      const spoken = yield* speaking()
      spoken.set("one/first", send(200, message("hi")))
      for (const auth of [{ apiKey: token, authToken: null }, { apiKey: null, authToken: token }]) {
        yield* Effect.promise(() => clientOf(spoken, auth).messages.create(hello))
      }
      for (const auth of [{ apiKey: "nobody", authToken: null }, { apiKey: null, authToken: "nobody" }]) {
        const thrown = yield* thrownBy(() => clientOf(spoken, auth).messages.create(hello))
        assert.instanceOf(thrown, Anthropic.AuthenticationError)
        assert.strictEqual(thrown.type, "authentication_error")
      }
      for (const [given, status] of [[token, 200], ["nobody", 401]] as const) {
        assert.strictEqual((yield* ask(spoken.url, {}, { authorization: "", "x-api-key": given })).status, status)
      }
      const none = yield* ask(spoken.url, {}, { authorization: "" })
      assert.strictEqual(none.status, 401)
      assert.strictEqual(none.json.error.type, "authentication_error")
      assert.strictEqual(spoken.heard.length, 3)
    })))
})

describe("the usage", () => {
  it.live("is taken from the client's limits: what was read from a cache and written comes on top", () =>
    Effect.scoped(Effect.gen(function*() {
      const { set, url } = yield* speaking(counted)
      set("one/first", send(200, message("hi")))
      assert.approximately(tokensBetween(yield* ask(url), yield* ask(url)), 117, 1)
      set("one/first", stream(...whole))
      const streaming = { stream: true }
      assert.approximately(tokensBetween(yield* ask(url, streaming), yield* ask(url, streaming)), 117, 1)
    })))

  it.live("is taken from its budget, of a stream that broke off as well", () =>
    Effect.scoped(Effect.gen(function*() {
      // A whole answer costs 176 millionths, of which 120 are those of the prompt.
      const { set, url } = yield* speaking(
        `clients: [{ name: shop, token: ${token}, budget: { dollars: 0.00150, window: month } }]`
      )
      set("one/first", stream(start, block, text("Good"), "cut"))
      const asked = { model: "first", max_tokens: 20, stream: true }
      const got = yield* Effect.forEach(Array.from({ length: 12 }), () => ask(url, asked))
      const statuses = got.map(({ status }) => status)
      assert.strictEqual(statuses[0], 200)
      assert.strictEqual(statuses.at(-1), 429)
      const refused = got.at(-1)!
      assert.strictEqual(refused.json.error.type, "rate_limit_error")
      assert.strictEqual(refused.headers.get("x-should-retry"), "false")
    })))
})

describe("a client that leaves", () => {
  for (
    const [when, speaks, more] of [
      ["before the first byte", () => {}, {}],
      ["before the first content", stream(start, "hang"), { stream: true }],
      ["within a stream", stream(start, block, text("Good"), "hang"), { stream: true }]
    ] as const
  ) {
    it.live(`ends the call at the provider ${when}`, () =>
      Effect.scoped(Effect.gen(function*() {
        const { heard, set, url } = yield* speaking()
        set("one/first", speaks)
        const fiber = yield* Effect.forkChild(ask(url, more))
        yield* untilHeard(heard)
        yield* Effect.sleep(30)
        yield* Fiber.interrupt(fiber)
        yield* untilLeft(heard)
        assert.strictEqual(heard.length, 1)
      })))
  }
})

describe("a number of tokens", () => {
  it.live("is asked of the model, moves on, and costs nothing", () =>
    Effect.scoped(Effect.gen(function*() {
      const spoken = yield* speaking(counted)
      spoken.set("two/second", send(200, "{\"input_tokens\": 12}"))
      const { max_tokens: _, ...prompt } = hello
      const count = (): Effect.Effect<Got> => post(spoken.url, "/v1/messages/count_tokens", prompt)
      const [first, second] = [yield* count(), yield* count()]
      assert.strictEqual(first.text, "{\"input_tokens\": 12}")
      assert.strictEqual(first.headers.get("x-switchgear-step"), "second")
      assert.isNull(first.headers.get("x-switchgear-cost-usd"))
      assert.approximately(tokensBetween(first, second), 0, 1)
      assert.strictEqual(spoken.heard[0]!.path, "/one/messages/count_tokens")
      const official = yield* Effect.promise(() => clientOf(spoken).messages.countTokens(prompt))
      assert.strictEqual(official.input_tokens, 12)
    })))
})
