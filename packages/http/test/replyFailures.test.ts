import { assert, describe, it } from "@effect/vitest"
import { ChatClient, ChatError, type ChatSchema, ChatStream, ModelCascade } from "@switchgear/http"
import { Effect, Exit, Result, Stream } from "effect"
import { clientOf, exchange } from "./support/clientOf.ts"
import { modelOf } from "./support/modelOf.ts"

type Message = Readonly<Record<string, unknown>>

const request = {
  model: "m",
  messages: [{ role: "user" as const, content: "Refund order 7" }],
  tools: [
    {
      type: "function",
      function: { name: "refund", parameters: { type: "object", properties: { order: { type: "number" } } } }
    },
    { type: "function", function: { name: "today", parameters: { type: "object", properties: {} } } }
  ]
}

const whole = (message: Message, finish_reason: string | null = "stop", more: object = {}) =>
  JSON.stringify({ id: "r", choices: [{ index: 0, message, finish_reason }], ...more })

const events = (...jsons: ReadonlyArray<unknown>) =>
  jsons.map((json) => `data: ${typeof json === "string" ? json : JSON.stringify(json)}\n\n`).join("")
const chunk = (delta: Message, finish_reason: string | null = null, more: object = {}) => ({
  id: "r",
  choices: [{ index: 0, delta, finish_reason }],
  ...more
})
const streamed = (message: Message, finish_reason: string | null = "stop") =>
  events(chunk({ role: "assistant", content: "" }), chunk(message), chunk({}, finish_reason), "[DONE]")

/** What a client makes of a body, whole and as a stream: the error, or the reply. */
const read = (body: { readonly whole: string; readonly streamed: string }, more: object = {}) =>
  Effect.gen(function*() {
    const client = yield* clientOf(({ headers }) =>
      new Response(headers["accept"]?.includes("event-stream") ? body.streamed : body.whole)
    )
    const asked = { ...request, ...more }
    return [
      yield* Effect.result(client.complete(asked)),
      yield* Effect.result(ChatStream.collect(client.stream(asked)))
    ] as const
  })

const both = (message: Message, finish: string | null = "stop", more: object = {}) =>
  read({ whole: whole(message, finish), streamed: streamed(message, finish) }, more)

/** What the decoder makes of the text of a stream. */
const decode = (text: string) => {
  const decoder = ChatStream.decoder({ provider: "p", model: "m", status: 200, headers: {} })
  const chunks = [...decoder.push(new TextEncoder().encode(text)), ...decoder.end()]
  return { chunks, progress: decoder.progress() }
}

const errorOf = (result: Result.Result<ChatSchema.ChatReply, ChatError.ChatError>): ChatError.ChatError => {
  assert.isTrue(Result.isFailure(result), "answered")
  return (result as Result.Failure<never, ChatError.ChatError>).failure
}

describe("a finish_reason that means a failure", () => {
  const reasons: ReadonlyArray<readonly [string, ChatError.ChatError["_tag"], "always" | "without content"]> = [
    ["error", "ProviderFault", "always"],
    ["network_error", "ProviderFault", "always"],
    ["failed", "ProviderFault", "always"],
    ["abort", "ProviderFault", "always"],
    ["insufficient_system_resource", "Overloaded", "always"],
    ["sensitive", "ContentBlocked", "always"],
    ["model_context_window_exceeded", "ContextTooLong", "always"],
    ["MALFORMED_FUNCTION_CALL", "ProviderFault", "always"],
    ["engine_error", "ProviderFault", "always"],
    ["Connection-Failed", "ProviderFault", "always"],
    ["canceled", "ProviderFault", "always"],
    ["overloaded", "Overloaded", "always"],
    ["rate_limit", "Overloaded", "always"],
    ["prompt_too_long", "ContextTooLong", "always"],
    ["moderation", "ContentBlocked", "without content"],
    ["function_call_filter: MALFORMED_FUNCTION_CALL", "ProviderFault", "always"],
    ["content_filter", "ContentBlocked", "without content"],
    ["content_filter: RECITATION", "ContentBlocked", "without content"],
    ["SAFETY", "ContentBlocked", "without content"],
    ["prohibited-content", "ContentBlocked", "without content"],
    ["refusal", "ContentBlocked", "without content"],
    ["guardrail_intervened", "ContentBlocked", "without content"]
  ]
  it.effect.each(reasons)("%s is %s, whole and streamed", ([reason, tag, when]) =>
    Effect.gen(function*() {
      for (const result of yield* both({ role: "assistant", content: "" }, reason)) {
        const error = errorOf(result)
        assert.deepStrictEqual([error._tag, error.isRetryable], [tag, tag === "ProviderFault" || tag === "Overloaded"])
        assert.match(error.code ?? "", /^[a-z_]+$/)
      }
      for (const result of yield* both({ content: "Half" }, reason)) {
        assert.strictEqual(Result.isFailure(result), when === "always")
      }
    }))

  it.effect("is none where it is one of a good end, or unknown", () =>
    Effect.gen(function*() {
      for (const reason of ["stop", "length", "eos", "end_turn", "COMPLETE", "other"]) {
        for (const result of yield* both({ content: "Good day" }, reason)) {
          assert.strictEqual(Result.isSuccess(result) && result.success.choices[0].finish_reason, reason)
        }
      }
    }))

  it.effect("is none while it says that the answer goes on", () =>
    Effect.gen(function*() {
      for (const none of ["null", "", " ", "FINISH_REASON_UNSPECIFIED"]) {
        const cut = events(chunk({ content: "Good" }, none))
        const [, stream] = yield* read({ whole: whole({ content: "x" }), streamed: cut })
        assert.strictEqual(errorOf(stream)._tag, "Truncated")
      }
    }))

  it.effect("is the last one that says anything, as the tap tells it", () =>
    Effect.gen(function*() {
      for (
        const [first, last, told] of [
          ["stop", "", "stop"],
          ["stop", " ", "stop"],
          ["stop", null, "stop"],
          ["", "stop", "stop"],
          [" ", "stop", "stop"],
          ["stop", "length", "length"],
          ["length", "stop", "stop"]
        ] as const
      ) {
        const says = chunk({ content: "Good day" })
        for (
          const streamed of [
            events(says, chunk({}, first), chunk({}, last), "[DONE]"),
            events(chunk({ reasoning_content: "Hm" }, first), says, chunk({}, last), "[DONE]"),
            events(chunk({}, first), chunk({}, last), says, "[DONE]")
          ]
        ) {
          const [, stream] = yield* read({ whole: whole({ content: "x" }), streamed })
          assert.strictEqual(Result.isSuccess(stream) && stream.success.choices[0].finish_reason, told)
          const tap = ChatStream.tap({ provider: "p", model: "m", status: 200, headers: {} })
          tap.push(new TextEncoder().encode(streamed))
          assert.strictEqual(tap.finishReasons().get(0), told)
        }
      }
    }))
})

describe("an answer that says nothing", () => {
  const empty: ReadonlyArray<readonly [string, Message]> = [
    ["an empty text", { role: "assistant", content: "" }],
    ["null", { role: "assistant", content: null }],
    ["blank text", { content: " \n\t" }],
    ["space that does not break", { content: "\u00a0\u3000" }],
    ["a mark of byte order", { content: "\ufeff" }],
    ["characters without width", { content: "\u200b\u200d\u2060" }],
    ["a soft hyphen", { content: "\u00ad" }],
    ["control characters", { content: "\u0000\u0007" }],
    ["letters that are drawn as nothing", { content: "\u2800\u3164" }],
    ["no fields", {}],
    ["no parts", { content: [] }],
    ["an empty part", { content: [{ type: "text", text: "" }] }],
    ["no calls", { content: "", tool_calls: [] }],
    ["reasoning alone", { content: "", reasoning_content: "Let me think" }],
    ["reasoning of OpenRouter alone", {
      content: null,
      reasoning: "hm",
      reasoning_details: [{ type: "reasoning.text", text: "hm", index: 0 }]
    }],
    ["a thought alone", { content: [{ type: "thinking", thinking: [{ type: "text", text: "hm" }] }] }]
  ]
  it.effect.each(empty)(
    "in %s is a failure of the provider, whole and streamed",
    ([, message]) =>
      Effect.gen(function*() {
        for (const result of yield* both(message)) {
          const error = errorOf(result)
          assert.strictEqual(error._tag, "MalformedReply")
          assert.include(error.message, "an empty answer")
          assert.deepStrictEqual(
            [ChatError.movesOn(error), ChatError.countsOnBreaker(error), ChatError.retries(error)],
            ["yes", true, "once"]
          )
        }
      })
  )

  it.effect("because its tokens ran out moves on, is not asked again, and counts on no circuit", () =>
    Effect.gen(function*() {
      for (const result of yield* both({ content: "", reasoning_content: "Let me" }, "length")) {
        const error = errorOf(result)
        assert.deepStrictEqual(
          [error._tag, ChatError.movesOn(error), ChatError.countsOnBreaker(error), ChatError.retries(error)],
          ["MalformedReply", "yes", false, "no"]
        )
        assert.include(error.message, "Allow more tokens")
      }
    }))

  it.effect("is what was asked for where the request allows no tokens", () =>
    Effect.gen(function*() {
      for (const limit of ["max_tokens", "max_completion_tokens", "max_output_tokens"]) {
        for (const result of yield* both({ role: "assistant", content: "" }, "length", { [limit]: 0 })) {
          assert.strictEqual(Result.isSuccess(result) && result.success.choices[0].finish_reason, "length")
        }
      }
      for (const result of yield* both({ content: "" }, "stop", { max_tokens: 1 })) errorOf(result)
    }))

  it.effect("is an answer where it says it in another way", () =>
    Effect.gen(function*() {
      const answers: ReadonlyArray<Message> = [
        { refusal: "No" },
        { content: null, audio: { id: "a", data: "UklGR" } },
        { images: [{ type: "image_url", image_url: { url: "data:image/png;base64,iVBO" } }] },
        { content: [{ type: "image_url", image_url: { url: "https://example.com/x.png" } }] },
        { content: null, tool_calls: [{ index: 0, id: "a", function: { name: "today", arguments: "" } }] },
        { content: null, function_call: { name: "refund", arguments: "{\"order\":7}" } }
      ]
      for (const message of answers) {
        for (const result of yield* both(message)) assert.isTrue(Result.isSuccess(result), JSON.stringify(message))
      }
    }))

  it.effect("goes to the next model, whole and streamed, and is never kept", () =>
    Effect.gen(function*() {
      const asks: Array<string> = []
      const client = yield* clientOf((sent) => {
        const body = sent.body._tag === "Uint8Array" ? JSON.parse(new TextDecoder().decode(sent.body.body)) : {}
        asks.push(body.model)
        const message = body.model === "first" ? { content: "" } : { content: "Good day" }
        return new Response(body.stream === true ? streamed(message) : whole(message))
      })
      const model = (model: string) =>
        modelOf({ model, retry: { maxAttempts: 1 } }).pipe(
          Effect.provideService(ChatClient.ChatClient, client)
        )
      const first = yield* model("first")
      const cascade = yield* ModelCascade.make({ models: [{ model: first }, { model: yield* model("second") }] })
      const { messages } = request
      const { step } = yield* cascade.complete({ messages })
      const opened = yield* cascade.open({ messages, seed: 1 })
      const text = yield* Stream.mkString(Stream.map(opened.value, ChatStream.text))
      assert.deepStrictEqual([step, opened.step, text], ["second", "second", "Good day"])
      assert.deepStrictEqual(asks, ["first", "second", "first", "second"])
      assert.strictEqual((yield* first.breaker.snapshot).failed, 2)
    }).pipe(Effect.scoped))
})

describe("the arguments of a tool call", () => {
  const call = (name: string, written: unknown, more: object = {}) => ({
    content: null,
    tool_calls: [{ index: 0, id: "a", type: "function", function: { name, arguments: written }, ...more }]
  })

  it.effect("are JSON text, also where they are sent as an object", () =>
    Effect.gen(function*() {
      for (const written of ["{\"order\":7}", { order: 7 }]) {
        for (const result of yield* both(call("refund", written), "tool_calls")) {
          assert.strictEqual(
            Result.isSuccess(result) && result.success.choices[0].message.tool_calls?.[0]?.function?.arguments,
            "{\"order\":7}"
          )
        }
      }
    }))

  const unreadable: ReadonlyArray<readonly [string, unknown]> = [
    ["cut off", "{\"order\":"],
    ["words", "order seven"],
    ["a list", "[7]"],
    ["a number", "7"],
    ["a text in a text", "\"{}\""],
    ["two objects", "{\"order\":1}{\"order\":2}"],
    ["a list that is no text", [7]],
    ["a number that is no text", 7],
    ["true", true],
    ["empty", ""],
    ["blank", "  "],
    ["null", null],
    ["nothing", undefined]
  ]
  it.effect.each(unreadable)(
    "that are %s are a failure, and never a call with nothing",
    ([, written]) =>
      Effect.gen(function*() {
        const message = call("refund", written)
        const legacy = { content: null, function_call: { name: "refund", arguments: written } }
        for (const result of [...yield* both(message, "tool_calls"), ...yield* both(legacy, "function_call")]) {
          const error = errorOf(result)
          assert.strictEqual(error._tag, "MalformedReply")
          assert.match(error.message, /a tool call (whose|without)/)
          assert.notInclude(error.message, "order")
        }
      })
  )

  it.effect("may be missing for a tool that takes none", () =>
    Effect.gen(function*() {
      for (const written of ["", "{}", "null", null, undefined]) {
        for (const result of yield* both(call("today", written), "tool_calls")) assert.isTrue(Result.isSuccess(result))
      }
    }))

  it.effect("of a call of another kind are left as they are", () =>
    Effect.gen(function*() {
      const custom = { id: "a", index: 0, type: "custom", custom: { name: "sql", input: "select 1" } }
      for (const result of yield* both({ content: null, tool_calls: [custom] })) {
        const calls = Result.isSuccess(result) ? result.success.choices[0].message.tool_calls : undefined
        assert.deepStrictEqual(calls?.[0]?.["custom"], { name: "sql", input: "select 1" })
      }
    }))

  it.effect("are refused by `collect` where they are no JSON, whoever made the chunks", () =>
    Effect.gen(function*() {
      const chunks = [chunk(call("refund", "{\"order\"")), chunk({}, "tool_calls")] as ReadonlyArray<
        ChatSchema.ChatChunk
      >
      const error = yield* Effect.flip(ChatStream.collect(Stream.fromIterable(chunks)))
      assert.strictEqual(error._tag, "MalformedReply")
    }))
})

describe("a tool call", () => {
  const object = { type: "object", properties: { order: { type: "number" } }, required: ["order"] }
  const tools = ["refund", "mail"].map((name) => ({ type: "function", function: { name, parameters: object } }))
  const first = (name: string | null, written: unknown, more: object = {}) => ({
    index: 0,
    id: "a",
    type: "function",
    function: { name, arguments: written },
    ...more
  })
  const rest = (written: string, more: object = {}) => ({ index: 0, function: { arguments: written }, ...more })
  const whole1 = "{\"order\":1}"
  const [begin, end] = ["{\"order\"", ":1}"]
  /** How one call for `refund` with `{"order":1}` is written, piece by piece. */
  const written: ReadonlyArray<readonly [string, ReadonlyArray<unknown>]> = [
    ["an index that is a text", [[first("refund", begin, { index: "0" })], [rest(end, { index: "0" })]]],
    ["an index that begins at one", [[first("refund", begin, { index: 1 })], [rest(end, { index: 1 })]]],
    ["an index that counts pieces", [[first("refund", begin)], [rest(end, { index: 1 })]]],
    ["an id on each piece", [[first("refund", begin)], [rest(end, { id: "a" })]]],
    ["an id of its own for each piece", [[first("refund", "")], [rest(begin, { id: "b" })], [rest(end, { id: "c" })]]],
    ["new ids and the name again", [[first("refund", begin)], [first("refund", end, { id: "b" })]]],
    ["new ids and no index", [[first("refund", begin, { index: undefined })], [{
      id: "b",
      function: { arguments: end }
    }]]],
    ["the name last", [[first(null, begin)], [rest(end)], [first("refund", undefined)]]],
    ["one call instead of a list", [first("refund", whole1)]],
    ["no `function` around it", [[{ index: 0, id: "a", name: "refund", arguments: whole1 }]]],
    ["its arguments beside the name of a function", [[{
      id: "a",
      type: "function",
      function: "refund",
      arguments: whole1
    }]]],
    ["`parameters` for arguments", [[{ id: "a", function: { name: "refund", parameters: { order: 1 } } }]]],
    ["`input` for arguments", [[{ id: "a", name: "refund", input: { order: 1 } }]]]
  ]
  it.effect.each(written)(
    "is one call with its arguments where it is written with %s",
    ([, pieces]) =>
      Effect.gen(function*() {
        const stream = events(...pieces.map((tool_calls) => chunk({ tool_calls })), chunk({}, "tool_calls"), "[DONE]")
        const [reply, streamed] = yield* read(
          { whole: whole({ content: null, tool_calls: pieces[0] }, "tool_calls"), streamed: stream },
          { tools }
        )
        for (const result of pieces.length === 1 ? [reply, streamed] : [streamed]) {
          const calls = Result.isSuccess(result) ? result.success.choices[0].message.tool_calls : undefined
          assert.deepStrictEqual(calls?.map((call) => [call.id, call.function]), [
            ["a", { name: "refund", arguments: whole1 }]
          ])
        }
      })
  )

  it.effect("that lost its name, its arguments or itself is a failure", () =>
    Effect.gen(function*() {
      const lost: ReadonlyArray<readonly [Message, RegExp]> = [
        [{ content: null, tool_calls: [first("", whole1)] }, /without the name of its tool/],
        [
          { content: null, tool_calls: [{ id: "a", type: "function" }] },
          /without the name of its tool|an empty answer/
        ],
        [{ content: null, tool_calls: [first("refund", "{ }")] }, /without its arguments/],
        [{ content: null, tool_calls: [first("refund", {})] }, /without its arguments/],
        [{ content: "Let me look that up." }, /without the call/]
      ]
      for (const [message, found] of lost) {
        for (const result of yield* both(message, "tool_calls", { tools })) {
          const error = errorOf(result)
          assert.strictEqual(error._tag, "MalformedReply")
          assert.match(error.message, found)
        }
      }
    }))

  it.effect("is missed only where tools were offered", () =>
    Effect.gen(function*() {
      for (const reason of ["tool_calls", "function_call"]) {
        for (const result of yield* both({ content: "Good day" }, reason, { tools: undefined })) {
          assert.strictEqual(Result.isSuccess(result) && result.success.choices[0].finish_reason, reason)
        }
      }
    }))
})

describe("an error among what should be an answer", () => {
  const errors: ReadonlyArray<readonly [string, object, ChatError.ChatError["_tag"]]> = [
    ["of OpenAI", { error: { message: "m", type: "server_error" } }, "ProviderFault"],
    ["of Anthropic", { type: "error", error: { type: "overloaded_error", message: "m" } }, "Overloaded"],
    ["of Gemini, in a list", [{ error: { code: 503, message: "m", status: "UNAVAILABLE" } }], "Overloaded"],
    ["of vLLM", { object: "error", message: "m", type: "BadRequestError", code: 400 }, "InvalidRequest"],
    ["of FastAPI", { detail: "Not authenticated" }, "Unauthorized"],
    ["of a gateway", { code: "InternalError.Timeout", message: "m" }, "ProviderFault"],
    ["of a status", { status: "failure", message: "m" }, "ProviderFault"],
    ["of Baidu", { error_code: 336_100, error_msg: "m" }, "ProviderFault"],
    ["of MiniMax", { choices: null, base_resp: { status_code: 1000, status_msg: "m" } }, "ProviderFault"],
    ["of Groq", { ...chunk({}), x_groq: { id: "r", error: "over_capacity" } }, "Overloaded"],
    ["of Spark", { code: 10_013, message: "输入内容审核不通过", sid: "x" }, "ContentBlocked"],
    ["of SiliconFlow", { code: 50_505, message: "Model service overloaded.", data: null }, "Overloaded"],
    ["of Tencent", { Response: { Error: { Code: "InternalError", Message: "m" }, RequestId: "r" } }, "ProviderFault"],
    ["of Hunyuan", { ErrorMsg: { Msg: "m", Code: 4001 }, Choices: [] }, "ProviderFault"],
    ["of the Responses API", {
      type: "response.failed",
      response: { error: { code: "server_error", message: "m" } }
    }, "ProviderFault"],
    ["of Amazon", { __type: "ThrottlingException", message: "m" }, "ProviderRateLimited"],
    ["of a stream of Amazon", { modelStreamErrorException: { message: "m" } }, "ProviderFault"],
    ["of Apigee", { fault: { faultstring: "Rate limit quota violation" } }, "ProviderRateLimited"],
    ["of a server of Node", { statusCode: 500, message: "m" }, "ProviderFault"],
    ["of a server of Java", { errorMessage: "m", errorCode: "500" }, "ProviderFault"],
    ["of texts", { errors: ["m"] }, "ProviderFault"],
    ["of WeChat's kind", { errcode: 45_009, errmsg: "m" }, "ProviderFault"],
    ["of Gemini, of a prompt", { promptFeedback: { blockReason: "SAFETY" } }, "ContentBlocked"],
    ["in what a choice says", {
      choices: [{
        index: 0,
        delta: { content: "x", error: { message: "m", code: 503 } },
        message: { content: "x", error: { message: "m", code: 503 } }
      }]
    }, "Overloaded"],
    ["told beside `true`", { error: true, message: "m" }, "ProviderFault"],
    ["in a choice that is not the first", {
      choices: [
        { index: 0, message: { content: "x" }, delta: { content: "x" }, finish_reason: "stop" },
        { index: 1, message: { content: "" }, delta: {}, error: { code: 502, message: "m" }, finish_reason: "error" }
      ]
    }, "ProviderFault"]
  ]
  it.effect.each(errors)("%s is that error, whole and streamed", ([, json, tag]) =>
    Effect.gen(function*() {
      const body = {
        whole: JSON.stringify(json),
        streamed: events({ type: "ping" }, chunk({ role: "assistant", content: "" }), json, chunk({ content: "late" }))
      }
      for (const result of yield* read(body)) assert.strictEqual(errorOf(result)._tag, tag)
    }))

  it.effect("is none where it is empty", () =>
    Effect.gen(function*() {
      const none: ReadonlyArray<unknown> = [null, false, "", " ", 0, [], {}, { message: null, code: 0 }, {
        message: ""
      }]
      for (const error of none) {
        const body = {
          whole: whole({ content: "Good day" }, "stop", { error }),
          streamed: events(chunk({ content: "Good day" }, null, { error }), chunk({}, "stop", { error }), "[DONE]")
        }
        for (const result of yield* read(body)) assert.isTrue(Result.isSuccess(result), JSON.stringify(error))
      }
    }))

  it.effect("is none where a word only keeps the connection alive", () =>
    Effect.gen(function*() {
      const pings = [
        "data: ping",
        "data: [PING]",
        "data: null",
        "data: \"ping\"",
        "data: keep-alive",
        "data: heartbeat",
        "event: ping\ndata: ping",
        "event: keepalive\ndata: 2026-11-29T00:00:00Z",
        "event: heartbeat\ndata: [1, 2]"
      ].map((ping) => `${ping}\n\n`).join("")
      const spoken = events(chunk({ content: "Good " })) + pings + events(chunk({ content: "day" }, "stop"), "[DONE]")
      const [, result] = yield* read({ whole: whole({ content: "x" }), streamed: pings + spoken })
      assert.strictEqual(Result.isSuccess(result) && result.success.choices[0].message.content, "Good day")
      // Nothing but words is no answer, and other words are no heartbeat.
      for (const text of [pings, "data: pinged\n\n", "event: token\ndata: hello\n\n", "data: 0\n\n"]) {
        const [, none] = yield* read({ whole: whole({ content: "x" }), streamed: text })
        assert.strictEqual(errorOf(none)._tag, "MalformedReply", text)
      }
    }))

  it.effect("is none where an object only keeps the connection alive", () =>
    Effect.gen(function*() {
      const pings = [
        {},
        { type: "ping" },
        { type: "keepalive" },
        { status: "queued" },
        { code: 0, message: "ok" },
        {
          choices: null
        },
        { code: 20_000, message: "Success" },
        { code: 1000, msg: "OK" },
        { response: { status: "in_progress", error: null } }
      ]
      const stream = events(
        ...pings,
        chunk({ content: "Good " }),
        ...pings,
        chunk({ content: "day" }, "stop"),
        "[DONE]"
      )
      const [, result] = yield* read({ whole: whole({ content: "x" }), streamed: stream })
      assert.strictEqual(Result.isSuccess(result) && result.success.choices[0].message.content, "Good day")
    }))

  it.effect("is read from an event stream under a failed status", () =>
    Effect.gen(function*() {
      const error = { error: { message: "Slow down", code: "rate_limit_exceeded" } }
      const bodies = [
        events(error, "[DONE]"),
        `: OPENROUTER PROCESSING\n\n${events({ type: "ping" }, error)}`,
        `event: error\r\ndata: ${JSON.stringify(error)}\r\n\r\n`
      ]
      for (const body of bodies) {
        const failed = yield* Effect.flip(exchange(body, 429, { "content-type": "text/event-stream" }))
        assert.deepStrictEqual(
          [failed._tag, failed.code, failed.detail],
          ["ProviderRateLimited", "rate_limit_exceeded", "Slow down"]
        )
      }
    }))
})

describe("a stream", () => {
  it.effect("of several choices is whole when all of them are", () =>
    Effect.gen(function*() {
      const two = (index: number, content: string, finish_reason: string | null) => ({
        choices: [{ index, delta: { content }, finish_reason }]
      })
      const cases = [
        [events(two(0, "one", "stop")), 2, "Truncated"],
        [events(two(0, "one", "stop")), 1, "whole"],
        [events(two(0, "one", "stop"), two(1, "two", null)), 2, "Truncated"],
        [events(two(0, "one", "stop"), two(1, "two", "stop")), 2, "whole"],
        [events(two(0, "one", "stop"), "[DONE]"), 2, "whole"]
      ] as const
      for (const [stream, n, expected] of cases) {
        const [, result] = yield* read({ whole: whole({ content: "x" }), streamed: stream }, { n })
        assert.strictEqual(Result.isSuccess(result) ? "whole" : result.failure._tag, expected)
      }
    }))

  it("ends however the mark of its end is written", () => {
    const said = [chunk({ content: "Good day" }), chunk({}, "stop")]
    for (
      const mark of ["[DONE]", "[done]", "\"[DONE]\"", "[DONE]\ndata: [DONE]", "DONE", "[END]", "null", "[]", "{}", ""]
    ) {
      const { chunks, progress } = decode(events(...said, mark))
      assert.strictEqual(progress, "whole", mark)
      assert.strictEqual(chunks.map(ChatStream.text).join(""), "Good day")
    }
  })

  it("is not whole where something unknown stands in the place of its end", () => {
    for (const unknown of [{ message: "Internal server error" }, { msg: "m", trace: "x" }]) {
      const { progress } = decode(events(chunk({ content: "Good" }), unknown, "[DONE]"))
      assert.strictEqual(typeof progress === "string" ? progress : progress._tag, "Truncated")
    }
    assert.strictEqual(decode(events(chunk({ content: "Good" }), { type: "ping" }, "[DONE]")).progress, "whole")
  })

  it("may have no empty lines between its events", () => {
    const lines = [chunk({ content: "Good " }), chunk({ content: "day" }), chunk({}, "stop")]
      .map((json) => `data: ${JSON.stringify(json)}\n`)
    for (const text of [lines.join(""), `${lines.join("")}data: [DONE]\n\n`]) {
      const { chunks, progress } = decode(text)
      assert.strictEqual(progress, "whole")
      assert.strictEqual(chunks.map(ChatStream.text).join(""), "Good day")
    }
  })

  it("tells a failure by the name of an event", () => {
    for (const name of ["error", "exception", "internalServerException", "response.failed"]) {
      const { progress } = decode(`${events(chunk({ content: "Good" }))}event: ${name}\ndata: {"message":"m"}\n\n`)
      assert.strictEqual(typeof progress === "string" ? progress : progress._tag, "ProviderFault", name)
    }
  })

  it("has choices whose index is a text", () => {
    const choice = (index: string, content: string) => ({
      choices: [{ index, delta: { content }, finish_reason: "stop" }]
    })
    const { chunks } = decode(events(choice("0", "A"), choice("1", "B"), "[DONE]"))
    assert.deepStrictEqual(chunks.map(({ choices }) => choices.map(({ index }) => index ?? 0)), [[0], [1]])
  })

  it("is not finished by a reason that comes before the content, or with it", () => {
    const decoder = ChatStream.decoder({ provider: "p", model: "m", status: 200, headers: {} })
    const push = (...jsons: ReadonlyArray<unknown>) => decoder.push(new TextEncoder().encode(events(...jsons)))
    push(chunk({ reasoning_content: "hm" }, "stop"))
    assert.isFalse(decoder.isFinished())
    push(chunk({ content: "It leaves " }, "stop"))
    assert.isFalse(decoder.isFinished())
    push(chunk({ content: "tonight." }, "stop"))
    assert.isFalse(decoder.isFinished())
    push(chunk({}, "stop"))
    assert.isTrue(decoder.isFinished())
    decoder.end()
    assert.strictEqual(decoder.progress(), "whole")
  })

  it.effect("tells a failure after content in band, and no word of it", () =>
    Effect.gen(function*() {
      const heard: Array<string> = []
      const client = yield* clientOf(() =>
        new Response(events(chunk({ content: "Half an answer" }), chunk({}, "network_error"), "[DONE]"))
      )
      const exit = yield* Effect.exit(
        Stream.runForEach(client.stream(request), (chunk) => Effect.sync(() => heard.push(ChatStream.text(chunk))))
      )
      assert.deepStrictEqual(heard, ["Half an answer"])
      assert.isTrue(Exit.isFailure(exit) && !String(exit.cause).includes("Half"))
    }))

  it("has the limits of a whole reply", () => {
    const text = "x".repeat(2 ** 20)
    const deltas = [
      { content: text },
      { reasoning_content: text },
      { tool_calls: [{ index: 0, id: "a", function: { arguments: text } }] }
    ]
    for (const delta of deltas) {
      const decoder = ChatStream.decoder({ provider: "p", model: "m", status: 200, headers: {} })
      const piece = new TextEncoder().encode(events(chunk(delta)))
      for (let i = 0; i < 31; i++) decoder.push(piece)
      assert.strictEqual(decoder.progress(), "more")
      for (let i = 0; i < 8; i++) decoder.push(piece)
      const error = decoder.progress()
      assert.isTrue(
        typeof error !== "string" && error._tag === "MalformedReply" && /more than 32 MiB/.test(error.found)
      )
    }
  })
})

describe("a whole reply", () => {
  it.effect("has no more choices than a stream", () =>
    Effect.gen(function*() {
      const choices = Array.from({ length: 1025 }, (_, index) => ({ index, message: { content: "x" } }))
      const error = yield* Effect.flip(exchange(JSON.stringify({ choices })))
      assert.include(error.message, "more choices than anybody asks for")
    }))

  it.effect("and one event of a stream have no more of one place: they are counted before each is looked at", () =>
    Effect.gen(function*() {
      const choices = Array.from({ length: 1025 }, () => ({
        index: 0,
        message: { role: "assistant", content: "x" },
        finish_reason: "stop"
      }))
      const json = JSON.stringify({ choices })
      for (const streamed of [json, `data: ${json}\n\n`]) {
        for (const result of yield* read({ whole: json, streamed })) {
          assert.include(String(Result.isFailure(result) && result.failure), "more choices than anybody asks for")
        }
      }
    }))

  it.effect("that is cut is Truncated, wherever it is cut", () =>
    Effect.gen(function*() {
      const json = whole({ content: "a \"quoted\" {brace} \\" }, "stop", { usage: { total_tokens: 3 } })
      for (let end = 1; end < json.length; end++) {
        assert.strictEqual((yield* Effect.flip(exchange(json.slice(0, end))))._tag, "Truncated", json.slice(0, end))
      }
    }))

  it.effect("that comes where a stream was asked for is read as one of a single event", () =>
    Effect.gen(function*() {
      for (
        const json of [
          whole({ content: "Good day" }),
          JSON.stringify(JSON.parse(whole({ content: "Good day" })), null, 2)
        ]
      ) {
        for (const result of yield* read({ whole: json, streamed: json })) {
          assert.strictEqual(Result.isSuccess(result) && result.success.choices[0].message.content, "Good day")
        }
      }
      const empty = whole({ content: "" })
      for (const result of yield* read({ whole: empty, streamed: empty })) errorOf(result)
    }))

  it.effect("that comes as an event stream is read as one", () =>
    Effect.gen(function*() {
      const reply = yield* exchange(streamed({ content: "Good day" }))
      assert.strictEqual(reply.choices[0].message.content, "Good day")
    }))

  it.effect("asks that nothing be packed, unless it is told otherwise", () =>
    Effect.gen(function*() {
      const seen: Array<string | undefined> = []
      for (const headers of [{}, { "Accept-Encoding": "gzip" }]) {
        const client = yield* clientOf((sent) => {
          seen.push(sent.headers["accept-encoding"])
          return new Response(whole({ content: "x" }))
        }, { headers })
        yield* client.complete(request)
      }
      assert.deepStrictEqual(seen, ["identity", "gzip"])
    }))

  it.effect("that is packed in a way its HTTP client does not undo says so", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(exchange("\u0001\u0002", 200, { "content-encoding": "compress" }))
      assert.include(error.message, "content encoding compress")
    }))
})
