/** Responses of OpenAI's API through a gateway on sockets. */
import OpenAI from "openai"
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

const usage = {
  input_tokens: 110,
  input_tokens_details: { cached_tokens: 100, cache_write_tokens: 0 },
  output_tokens: 7,
  output_tokens_details: { reasoning_tokens: 0 },
  total_tokens: 117
}

const response = (text: string, more: object = {}) => ({
  id: "resp_1",
  object: "response",
  created_at: 1,
  status: "completed",
  error: null,
  incomplete_details: null,
  model: "first",
  output: [
    {
      id: "msg_1",
      type: "message",
      status: "completed",
      role: "assistant",
      content: [{ type: "output_text", text, annotations: [] }]
    }
  ],
  usage,
  ...more
})

/** Events with their numbers, in the order in which they come. */
const numbered = (...events: ReadonlyArray<readonly [type: string, fields?: object]>): ReadonlyArray<string> =>
  events.map(([type, fields], i) =>
    `event: ${type}\ndata: ${JSON.stringify({ type, sequence_number: i, ...fields })}\n\n`
  )

const begun = response("", { status: "in_progress", output: [], usage: null })
const message = { id: "msg_1", type: "message", status: "in_progress", role: "assistant", content: [] }
const silence = [
  ["response.created", { response: begun }],
  ["response.in_progress", { response: begun }],
  ["response.output_item.added", { output_index: 0, item: message }],
  ["response.content_part.added", {
    item_id: "msg_1",
    output_index: 0,
    content_index: 0,
    part: { type: "output_text", text: "" }
  }]
] as const
const text = (delta: string) =>
  ["response.output_text.delta", { item_id: "msg_1", output_index: 0, content_index: 0, delta }] as const
const end = (text: string, more: object = {}) => ["response.completed", { response: response(text, more) }] as const
const failed = (code: string, message: string) =>
  ["response.failed", {
    response: response("", { status: "failed", output: [], usage: null, error: { code, message } })
  }] as const
const whole = numbered(...silence, text("Good "), text("day"), end("Good day"))

const hello = { model: "assistant", input: "Hello" }

const ask = (url: string, more: object = {}, headers: Record<string, string> = {}): Effect.Effect<Got> =>
  post(url, "/v1/responses", { ...hello, ...more }, headers)

const clientOf = ({ url }: Spoken) => new OpenAI({ baseURL: `${url}/v1`, apiKey: token, logLevel: "off" })

/** What the official client makes of a stream: its text, and what it threw. */
const streamed = (client: OpenAI) =>
  Effect.promise(async () => {
    let text = ""
    try {
      for await (const event of await client.responses.create({ ...hello, stream: true })) {
        if (event.type === "response.output_text.delta") text += event.delta
      }
      return { text, thrown: undefined }
    } catch (thrown) {
      return { text, thrown: thrown as InstanceType<typeof OpenAI.APIError> }
    }
  })

describe("a whole response", () => {
  it.live("is the provider's, byte for byte", () =>
    Effect.scoped(Effect.gen(function*() {
      const { heard, set, url } = yield* speaking()
      const body = JSON.stringify(response("hi"), null, 1)
      set("one/first", send(200, body))
      const request =
        "{\"model\":\"first\",\"input\":[{\"role\":\"user\",\"content\":\"\\u0048i\"}] , \"temperature\":1.0}"
      const got = yield* post(url, "/v1/responses", request)
      assert.strictEqual(got.text, body)
      assert.strictEqual(got.headers.get("x-switchgear-cost-usd"), "0.000176")
      assert.strictEqual(heard[0]!.text, request)
      assert.strictEqual(heard[0]!.path, "/one/responses")
      assert.strictEqual(heard[0]!.headers.authorization, `Bearer ${key}`)
    })))

  it.live("is read by the official client, also one that the limit of tokens has ended", () =>
    Effect.scoped(Effect.gen(function*() {
      const spoken = yield* speaking()
      spoken.set(
        "one/first",
        send(200, response("Good", { status: "incomplete", incomplete_details: { reason: "max_output_tokens" } }))
      )
      const got = yield* Effect.promise(() => clientOf(spoken).responses.create(hello))
      assert.strictEqual(got.output_text, "Good")
      assert.strictEqual(got.status, "incomplete")
    })))

  it.live("that is none moves on: one that failed, one that is not done, a chat completion, one that broke off", () =>
    Effect.scoped(Effect.gen(function*() {
      for (
        const bad of [
          response("", { status: "failed", error: { code: "server_error", message: "no" } }),
          response("", { status: "failed", error: null }),
          response("", { status: "in_progress" }),
          { choices: [{ message: { content: "hi" }, finish_reason: "stop" }] },
          JSON.stringify(response("hi")).slice(0, 90)
        ]
      ) {
        const { heard, set, url } = yield* speaking()
        set("one/first", send(200, bad))
        set("two/second", send(200, response("second")))
        assert.strictEqual((yield* ask(url)).json.output[0].content[0].text, "second", JSON.stringify(bad))
        assert.strictEqual(heard.length, 2)
      }
    })))

  it.live("is not there when all models fail: the official client asks once", () =>
    Effect.scoped(Effect.gen(function*() {
      const spoken = yield* speaking()
      const thrown = yield* Effect.promise(() =>
        clientOf(spoken).responses.create(hello).then(() => undefined, (error: unknown) => error)
      )
      assert.instanceOf(thrown, OpenAI.InternalServerError)
      assert.strictEqual((thrown as InstanceType<typeof OpenAI.APIError>).code, "cascade_exhausted")
      assert.strictEqual(spoken.heard.length, 2)
    })))
})

describe("a stream", () => {
  it.live("is the provider's, byte for byte, however it is cut", () =>
    Effect.scoped(Effect.gen(function*() {
      const { set, url } = yield* speaking()
      for (const parts of [whole, [whole.join("")], [...whole.join("")]]) {
        set("one/first", stream(...parts))
        const { headers, text } = yield* ask(url, { model: "first", stream: true })
        assert.strictEqual(asWritten(text), whole.join(""))
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
    ["a failed response", numbered(...silence, failed("server_error", "no"))],
    ["an error", numbered(...silence, ["error", { code: "server_error", message: "no", param: null }])],
    ["an error within an error", numbered(...silence, ["error", { error: { code: "server_error", message: "no" } }])],
    ["a cut", [...numbered(...silence, text("")), "cut"]],
    ["a thought without a word", [
      ...numbered(...silence.slice(0, 2), ["response.output_item.added", {
        output_index: 0,
        item: { type: "reasoning", id: "rs_1", summary: [] }
      }]),
      "cut"
    ]],
    ["an end that is none", numbered(...silence)],
    ["a chat completion", [
      "data: {\"choices\":[{\"delta\":{\"content\":\"x\"},\"finish_reason\":\"stop\"}]}\n\n",
      "data: [DONE]\n\n"
    ]]
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

  const contents: ReadonlyArray<readonly [what: string, event: readonly [type: string, fields: object]]> = [
    ["text", text("Good")],
    ["a refusal", ["response.refusal.delta", { delta: "No" }]],
    ["a thought", ["response.reasoning_summary_text.delta", { delta: "Hm" }]],
    ["the arguments of a function", ["response.function_call_arguments.delta", { delta: "{" }]],
    ["the call of a tool", ["response.output_item.added", {
      output_index: 0,
      item: { type: "web_search_call", id: "ws_1", status: "in_progress" }
    }]]
  ]
  for (const [what, content] of contents) {
    it.live(`that breaks off after its first content is told in band, flat and nested, and no other model is asked: ${what}`, () =>
      Effect.scoped(Effect.gen(function*() {
        const { heard, set, url } = yield* speaking()
        const said = numbered(...silence, content)
        set("one/first", stream(...said, "event: response.outp", "cut"))
        const { text: got } = yield* ask(url, { stream: true })
        assert.isTrue(got.startsWith(said.join("")))
        const last = got.slice(said.join("").length)
        assert.match(last, /^event: error\ndata: \{.*\}\n\n$/)
        const told = JSON.parse(last.slice("event: error\ndata: ".length))
        assert.deepStrictEqual(Object.keys(told), ["type", "code", "message", "param", "sequence_number", "error"])
        assert.strictEqual(told.type, "error")
        assert.strictEqual(told.sequence_number, said.length)
        assert.strictEqual(told.error.code, told.code)
        assert.notInclude(got, "[DONE]")
        assert.strictEqual(heard.length, 1)
      })))
  }

  it.live("that fails after its first content is told in our words, which the official client throws", () =>
    Effect.scoped(Effect.gen(function*() {
      const spoken = yield* speaking()
      spoken.set(
        "one/first",
        stream(...numbered(...silence, text("Good "), failed("server_error", "sk-provider-secret")))
      )
      const { text: got, thrown } = yield* streamed(clientOf(spoken))
      assert.strictEqual(got, "Good ")
      assert.instanceOf(thrown, OpenAI.APIError)
      assert.strictEqual(thrown!.code, "provider_fault")
      assert.notInclude(JSON.stringify(thrown!.error), "secret")
      assert.strictEqual(spoken.heard.length, 1)
    })))

  it.live("tells a failure in band once its head is out", () =>
    Effect.scoped(Effect.gen(function*() {
      const { set, url } = yield* speaking("headAfter: soon")
      for (const model of ["one/first", "two/second"]) {
        set(model, (response, heard) => void setTimeout(() => send(500, {})(response, heard), 200))
      }
      const { status, text } = yield* ask(url, { stream: true })
      assert.strictEqual(status, 200)
      assert.match(text, /^: keep-alive\n\n/)
      const told = JSON.parse(text.slice(text.indexOf("data: ") + 6))
      assert.strictEqual(told.code, "cascade_exhausted")
      assert.strictEqual(told.sequence_number, 0)
    })))
})

describe("what a client says wrongly", () => {
  const cases: ReadonlyArray<
    readonly [what: string, body: object | string, status: number, code: string | null, param: string | null]
  > = [
    ["no JSON", "[", 400, null, null],
    ["no model", { input: "x" }, 400, "missing_required_parameter", "model"],
    ["work in the background", { ...hello, background: true }, 400, "unsupported_parameter", "background"],
    ["a model that is none", { ...hello, model: "x" }, 404, "model_not_found", null],
    ["a model whose provider has none", { ...hello, model: "third" }, 404, "model_not_found", null],
    ["a cascade whose providers have none", { ...hello, model: "chatting" }, 404, "model_not_found", null]
  ]
  for (const [what, body, status, code, param] of cases) {
    it.live(`is told in the words of OpenAI: ${what}`, () =>
      Effect.scoped(Effect.gen(function*() {
        const { heard, url } = yield* speaking()
        const got = yield* post(url, "/v1/responses", body)
        assert.strictEqual(got.status, status)
        assert.strictEqual(got.json.error.code, code)
        assert.strictEqual(got.json.error.param, param)
        assert.strictEqual(heard.length, 0)
      })))
  }

  it.live("is a wrong token, before anything else", () =>
    Effect.scoped(Effect.gen(function*() {
      const { url } = yield* speaking()
      const got = yield* post(url, "/v1/responses", "{", { authorization: "Bearer nobody" })
      assert.strictEqual(got.json.error.code, "invalid_api_key")
    })))

  it.live("cannot choose a model twice: what is sent names one", () =>
    Effect.scoped(Effect.gen(function*() {
      const { heard, set, url } = yield* speaking()
      set("one/first", send(200, response("hi")))
      yield* post(url, "/v1/responses", "{\"model\":\"other\",\"input\":\"x\",\"model\":\"first\"}")
      assert.strictEqual(heard[0]!.text, "{\"model\":\"first\",\"input\":\"x\"}")
    })))
})

describe("the usage", () => {
  it.live("is taken from the client's limits", () =>
    Effect.scoped(Effect.gen(function*() {
      const { set, url } = yield* speaking(counted)
      set("one/first", send(200, response("hi")))
      assert.approximately(tokensBetween(yield* ask(url), yield* ask(url)), 117, 1)
      set("one/first", stream(...whole))
      const streaming = { stream: true }
      assert.approximately(tokensBetween(yield* ask(url, streaming), yield* ask(url, streaming)), 117, 1)
    })))
})

describe("a client that leaves", () => {
  for (
    const [when, speaks, more] of [
      ["before the first byte", () => {}, {}],
      ["within a stream", stream(...numbered(...silence, text("Good")), "hang"), { stream: true }]
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
