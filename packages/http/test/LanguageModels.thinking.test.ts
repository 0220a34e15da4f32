import { assert, describe, it } from "@effect/vitest"
import { ChatClient, ChatModel, type ChatSchema, LanguageModels, ModelCascade } from "@switchgear/http"
import { Effect, Schema, Stream, Tracer } from "effect"
import { Chat, LanguageModel, Prompt, type Response as AiResponse, Tool, Toolkit } from "effect/ai"
import { clientOf } from "./support/clientOf.ts"
import * as Support from "./support/languageModels.ts"

const Refund = Tool.make("refund", {
  parameters: Schema.Struct({ order: Schema.Number }),
  success: Schema.String
})
const Tools = Toolkit.make(Refund)
const handlers = Tools.toLayer({ refund: ({ order }) => Effect.succeed(`refunded ${order}`) })

type Message = Record<string, any>
interface Asked {
  readonly model: string
  readonly messages: ReadonlyArray<Message>
  readonly stream?: boolean
  readonly tools?: ReadonlyArray<unknown>
}

/** What a provider says to a request, or why it refuses it. */
interface Provider {
  /** The whole messages of its answers, in turn. */
  readonly answers: ReadonlyArray<Message>
  /** The same in pieces. */
  readonly pieces: ReadonlyArray<ReadonlyArray<Message>>
  readonly refuses: (asked: Asked) => string | undefined
}

const usage = { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 }
const finishOf = (message: Message) => message["tool_calls"] === undefined ? "stop" : "tool_calls"

/** A client of a provider that answers turn by turn, and what it was asked. */
const serving = (provider: Provider, name = "p", isDown = () => false) => {
  const asked: Array<Asked> = []
  let turn = 0
  const client = clientOf((request) => {
    const body = request.body as unknown as { readonly body: Uint8Array }
    const sent: Asked = JSON.parse(new TextDecoder().decode(body.body))
    asked.push(sent)
    if (isDown()) return Response.json({ error: { message: "busy" } }, { status: 503 })
    const refusal = provider.refuses(sent)
    if (refusal !== undefined) {
      return Response.json({ error: { message: refusal, type: "invalid_request_error" } }, { status: 400 })
    }
    const at = turn++
    const message = provider.answers[at]!
    if (sent.stream !== true) {
      return Response.json({ id: "1", choices: [{ index: 0, message, finish_reason: finishOf(message) }], usage })
    }
    const events = [
      ...provider.pieces[at]!.map((delta) => ({ choices: [{ index: 0, delta, finish_reason: null }] })),
      { choices: [{ index: 0, delta: {}, finish_reason: finishOf(message) }] }
    ]
    return new Response(
      `${events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join("")}data: [DONE]\n\n`,
      { headers: { "content-type": "text/event-stream" } }
    )
  }, { provider: name })
  return { asked, client }
}

const modelOf = (client: Effect.Effect<ChatClient.ChatClient["Service"]>, model = "m") =>
  Effect.flatMap(
    client,
    (client) => ChatModel.make({ model, client, retry: { maxAttempts: 1 } })
  )

const call = (id: string, order: number, more: object = {}) => ({
  id,
  type: "function",
  function: { name: "refund", arguments: JSON.stringify({ order }) },
  ...more
})

const assistants = ({ messages }: Asked) => messages.filter(({ role }) => role === "assistant")

/** DeepSeek: with tools in the request, every earlier answer has to bring its reasoning. */
const deepseek: Provider = {
  answers: [
    { role: "assistant", content: null, reasoning_content: "First the order.", tool_calls: [call("c1", 7)] },
    { role: "assistant", content: "Refunded.", reasoning_content: "It is done." },
    { role: "assistant", content: "You are welcome.", reasoning_content: "Polite." }
  ],
  pieces: [
    [
      { role: "assistant", content: null, reasoning_content: "" },
      { content: null, reasoning_content: "First " },
      { content: null, reasoning_content: "the order." },
      { content: "", reasoning_content: null, tool_calls: [{ index: 0, ...call("c1", 7) }] }
    ],
    [{ reasoning_content: "It is " }, { reasoning_content: "done." }, { content: "Refun" }, { content: "ded." }],
    [{ reasoning_content: "Polite." }, { content: "You are welcome." }]
  ],
  refuses: (asked) =>
    asked.tools === undefined
      ? assistants(asked).some((message) => "reasoning_content" in message)
        ? "reasoning_content is not allowed in the messages"
        : undefined
      : assistants(asked).every(({ reasoning_content }) => typeof reasoning_content === "string")
      ? undefined
      : "The reasoning_content in the thinking mode must be passed back to the API."
}

const signed = (signature: string, name = "google") => ({ extra_content: { [name]: { thought_signature: signature } } })

/** Gemini 3: a signature has to come back on the call or the message it came with, and nowhere else. */
const gemini: Provider = {
  answers: [
    { role: "assistant", content: "One moment.", tool_calls: [call("c1", 7, signed("SIG-CALL")), call("c2", 8)] },
    { role: "assistant", content: "Refunded.", ...signed("SIG-TEXT") },
    { role: "assistant", content: "You are welcome." }
  ],
  pieces: [
    [
      { role: "assistant", content: "One " },
      { content: "moment." },
      { tool_calls: [{ index: 0, ...call("c1", 7, signed("SIG-CALL")) }] },
      { tool_calls: [{ index: 1, ...call("c2", 8) }] }
    ],
    [{ content: "Refunded." }, { content: "", ...signed("SIG-TEXT") }],
    [{ content: "You are welcome." }]
  ],
  refuses: (asked) => {
    const [first, second] = assistants(asked)
    const right = (first === undefined || (
      first["extra_content"] === undefined && first["tool_calls"][1].extra_content === undefined &&
      first["tool_calls"][0].extra_content.google.thought_signature === "SIG-CALL"
    )) && (second === undefined || second["extra_content"].google.thought_signature === "SIG-TEXT")
    return right ? undefined : "Function call is missing a thought_signature in functionCall parts."
  }
}

const details = [
  { type: "reasoning.text", text: "First the order.", signature: "SIG-1", format: "anthropic-claude-v1", index: 0 },
  { type: "reasoning.encrypted", data: "gAAAA", id: "rs_1", format: "openai-responses-v1", index: 1 }
]

/** OpenRouter: the blocks of reasoning come back as they were, in their order. */
const openrouter: Provider = {
  answers: [
    {
      role: "assistant",
      content: null,
      reasoning: "First the order.",
      reasoning_details: details,
      tool_calls: [call("c1", 7)]
    },
    { role: "assistant", content: "Refunded." },
    { role: "assistant", content: "You are welcome." }
  ],
  pieces: [
    [
      {
        reasoning: "First ",
        reasoning_details: [{ type: "reasoning.text", text: "First ", format: "anthropic-claude-v1", index: 0 }]
      },
      { reasoning: "the order.", reasoning_details: [{ type: "reasoning.text", text: "the order.", index: 0 }] },
      { reasoning_details: [{ type: "reasoning.text", signature: "SIG-1", index: 0 }] },
      { reasoning_details: [details[1]!] },
      { tool_calls: [{ index: 0, ...call("c1", 7) }] }
    ],
    [{ content: "Refunded." }],
    [{ content: "You are welcome." }]
  ],
  refuses: (asked) => {
    const [first] = assistants(asked)
    if (first === undefined) return undefined
    return sorted(first["reasoning_details"]) === sorted(details) && first["reasoning"] === "First the order."
      ? undefined
      : "Reasoning blocks cannot be modified"
  }
}

const sorted = (u: unknown): string =>
  JSON.stringify(u, (_, value) =>
    typeof value === "object" && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort())
      : value)

const blocks = [
  { type: "thinking", thinking: "First the order.", signature: "SIG-1" },
  { type: "redacted_thinking", data: "Ev8B" }
]

/** Gateways to Claude: signed blocks of thinking, whole or not at all. */
const claude: Provider = {
  answers: [
    { role: "assistant", content: "One moment.", thinking_blocks: blocks, tool_calls: [call("c1", 7)] },
    { role: "assistant", content: "Refunded." },
    { role: "assistant", content: "You are welcome." }
  ],
  pieces: [
    [
      { thinking_blocks: [{ type: "thinking", thinking: "First " }] },
      { thinking_blocks: [{ type: "thinking", thinking: "the order." }] },
      { thinking_blocks: [{ type: "thinking", thinking: "", signature: "SIG-1" }] },
      { thinking_blocks: [blocks[1]!] },
      { content: "One moment." },
      { tool_calls: [{ index: 0, ...call("c1", 7) }] }
    ],
    [{ content: "Refunded." }],
    [{ content: "You are welcome." }]
  ],
  refuses: (asked) => {
    const [first] = assistants(asked)
    return first === undefined || sorted(first["thinking_blocks"]) === sorted(blocks)
      ? undefined
      : "thinking blocks cannot be modified"
  }
}

/** Somebody new, who has learnt from the others. */
const unknown: Provider = {
  answers: gemini.answers.map((message) => JSON.parse(JSON.stringify(message).replaceAll("google", "somebody.new"))),
  pieces: gemini.pieces.map((pieces) => JSON.parse(JSON.stringify(pieces).replaceAll("google", "somebody.new"))),
  refuses: (asked) => gemini.refuses(JSON.parse(JSON.stringify(asked).replaceAll("somebody.new", "google")))
}

const thinkingContent = [
  { type: "thinking", thinking: [{ type: "text", text: "First the order." }] },
  { type: "text", text: "One moment." }
]

/** Mistral: the thinking is a part of the content. */
const mistral: Provider = {
  answers: [
    { role: "assistant", content: thinkingContent, tool_calls: [call("c1", 7)] },
    { role: "assistant", content: "Refunded." },
    { role: "assistant", content: "You are welcome." }
  ],
  pieces: [
    [
      { content: [{ type: "thinking", thinking: [{ type: "text", text: "First " }] }] },
      { content: [{ type: "thinking", thinking: [{ type: "text", text: "the order." }] }] },
      { content: "One " },
      { content: "moment." },
      { tool_calls: [{ index: 0, ...call("c1", 7) }] }
    ],
    [{ content: "Refunded." }],
    [{ content: "You are welcome." }]
  ],
  refuses: (asked) => {
    const [first] = assistants(asked)
    return first === undefined || sorted(first["content"]) === sorted(thinkingContent) ? undefined : "no thinking"
  }
}

/** A gateway that writes the signature into the function of the call. */
const within = (order: number, signature: string) => ({
  id: `c${order}`,
  type: "function",
  function: {
    name: "refund",
    arguments: JSON.stringify({ order }),
    provider_specific_fields: { thought_signature: signature }
  }
})
const litellm: Provider = {
  answers: [
    { role: "assistant", content: null, tool_calls: [within(7, "SIG-7"), within(8, "SIG-8")] },
    { role: "assistant", content: "Refunded." },
    { role: "assistant", content: "You are welcome." }
  ],
  pieces: [
    [{ tool_calls: [{ index: 0, ...within(7, "SIG-7") }] }, { tool_calls: [{ index: 1, ...within(8, "SIG-8") }] }],
    [{ content: "Refunded." }],
    [{ content: "You are welcome." }]
  ],
  refuses: (asked) => {
    const [first] = assistants(asked)
    const calls: ReadonlyArray<Message> = first?.["tool_calls"] ?? []
    return calls.every((call, i) => sorted(call) === sorted(within(7 + i, `SIG-${7 + i}`)))
      ? undefined
      : "Function call is missing a thought_signature"
  }
}

const providers = { deepseek, gemini, openrouter, claude, unknown, mistral, litellm }

type Said = ReadonlyArray<AiResponse.AnyPart>

/** One turn of a chat, whole or streamed. */
const turns: Record<string, (chat: Chat.Chat, prompt: Prompt.RawInput) => Effect.Effect<Said, unknown, any>> = {
  whole: (chat, prompt) => Effect.map(chat.generateText({ prompt, toolkit: Tools }), ({ content }) => content),
  streamed: (chat, prompt) =>
    Effect.map(Stream.runCollect(chat.streamText({ prompt, toolkit: Tools })), (parts) => parts)
}

const talk = (
  model: LanguageModel.LanguageModel,
  turn: (typeof turns)[string],
  history?: (chat: Chat.Chat) => Effect.Effect<Chat.Chat>
) =>
  Effect.gen(function*() {
    let chat: Chat.Chat = yield* Chat.empty
    yield* turn(chat, "Refund order 7")
    if (history !== undefined) chat = yield* history(chat)
    yield* turn(chat, Prompt.empty)
    return yield* turn(chat, "Thank you")
  }).pipe(Effect.provideService(LanguageModel.LanguageModel, model), Effect.provide(handlers)) as Effect.Effect<
    Said,
    any
  >

const textOf = (parts: Said) =>
  parts.map((part) => part.type === "text" ? part.text : part.type === "text-delta" ? part.delta : "").join("")

for (const [delivery, turn] of Object.entries(turns)) {
  describe(`${delivery}: a conversation with tools goes on over several turns with`, () => {
    for (const [name, provider] of Object.entries(providers)) {
      it.effect(name, () =>
        Effect.gen(function*() {
          const { asked, client } = serving(provider)
          const model = yield* LanguageModels.make(yield* modelOf(client))
          assert.strictEqual(textOf(yield* talk(model, turn)), "You are welcome.")
          assert.strictEqual(asked.length, 3)
        }))

      it.effect(`${name}, behind guards and after its history was stored`, () =>
        Effect.gen(function*() {
          const { client } = serving(provider)
          const bare = yield* LanguageModels.make(yield* modelOf(client))
          const model = yield* LanguageModels.cascade([
            { name: "one", model: yield* LanguageModels.protect(bare, { protect: (call) => call }) }
          ])
          const stored = (chat: Chat.Chat) =>
            Effect.orDie(Effect.flatMap(chat.exportJson, (json) => Chat.fromJson(json)))
          assert.strictEqual(textOf(yield* talk(model, turn, stored)), "You are welcome.")
        }))
    }
  })
}

it.effect.each(Object.keys(turns))(
  "no two calls of a conversation have one id, where the provider has none: %s",
  (delivery) =>
    Effect.gen(function*() {
      const ids: Array<string> = []
      for (const id of [undefined, "chatcmpl-1"]) {
        const asked: Array<Asked> = []
        const message = { content: null, tool_calls: [{ ...call("", 7), index: 0 }, { ...call("", 8), index: 1 }] }
        const client = clientOf((request) => {
          const body = request.body as unknown as { readonly body: Uint8Array }
          asked.push(JSON.parse(new TextDecoder().decode(body.body)))
          const reply = { ...id && { id: `${id}${asked.length}` } }
          return delivery === "whole"
            ? Response.json({ ...reply, choices: [{ index: 0, message, finish_reason: "tool_calls" }], usage })
            : new Response(
              `data: ${
                JSON.stringify({ ...reply, choices: [{ index: 0, delta: message, finish_reason: null }] })
              }\n\n` +
                `data: ${
                  JSON.stringify({ ...reply, choices: [{ index: 0, delta: {}, finish_reason: "tool_calls" }] })
                }\n\n` +
                "data: [DONE]\n\n",
              { headers: { "content-type": "text/event-stream" } }
            )
        })
        yield* talk(yield* LanguageModels.make(yield* modelOf(client)), turns[delivery]!)
        const called = assistants(asked[2]!).flatMap(({ tool_calls }) => tool_calls.map((each: Message) => each["id"]))
        const answered = asked[2]!.messages.filter(({ role }) => role === "tool").map((each) => each["tool_call_id"])
        assert.strictEqual(called.length, 4)
        assert.deepStrictEqual(answered, called)
        ids.push(...called)
      }
      assert.strictEqual(new Set(ids).size, 8)
    })
)

it.effect("chunks that others hold stay as they were", () =>
  Effect.gen(function*() {
    const pieces = Object.values(providers).flatMap(({ pieces }) => pieces[0]!)
    const chunks: ReadonlyArray<ChatSchema.ChatChunk> = JSON.parse(JSON.stringify([
      ...pieces.filter((delta) => !("tool_calls" in delta)).map((delta) => ({ choices: [{ index: 0, delta }] })),
      { choices: [{ index: 0, delta: {}, finish_reason: "stop" }] }
    ]))
    const before = JSON.stringify(chunks)
    const { model } = Support.chatModel(Effect.die("not asked"), Effect.succeed(Stream.fromIterable(chunks)))
    yield* Stream.runDrain((yield* LanguageModels.make(model)).streamText({ prompt: "Hello" }))
    assert.strictEqual(JSON.stringify(chunks), before)
  }))

describe("a conversation without tools", () => {
  it.effect("does not send earlier reasoning, which some refuse", () =>
    Effect.gen(function*() {
      const { asked, client } = serving({ ...deepseek, answers: deepseek.answers.slice(1) })
      const model = yield* LanguageModels.make(yield* modelOf(client))
      yield* Effect.gen(function*() {
        const chat = yield* Chat.empty
        yield* chat.generateText({ prompt: "Hello" })
        yield* chat.generateText({ prompt: "Thank you" })
      }).pipe(Effect.provideService(LanguageModel.LanguageModel, model))
      assert.deepStrictEqual(assistants(asked[1]!), [{ role: "assistant", content: "Refunded." }])
    }))
})

describe("in a cascade", () => {
  const strict: Provider = {
    answers: [{ role: "assistant", content: "Refunded." }, { role: "assistant", content: "You are welcome." }],
    pieces: [],
    refuses: (asked) =>
      assistants(asked).some((message) =>
          Object.keys(message).some((field) => !["role", "content", "tool_calls"].includes(field)) ||
          (message["tool_calls"] ?? []).some((call: object) => "extra_content" in call)
        )
        ? "Extra inputs are not permitted"
        : undefined
  }

  for (const [name, first] of Object.entries({ deepseek, gemini, claude })) {
    it.effect(`what ${name} needs back is not sent to a model of another provider`, () =>
      Effect.gen(function*() {
        let down = false
        const one = serving(first, "one", () => down)
        const other = serving(strict, "other")
        const cascade = yield* ModelCascade.make({
          models: [
            { model: yield* modelOf(one.client, "first") },
            { model: yield* modelOf(other.client, "second") }
          ]
        })
        const model = yield* LanguageModels.make(cascade)
        const answer = yield* talk(model, turns["whole"]!, (chat) =>
          Effect.sync(() => {
            down = true
            return chat
          }))
        assert.strictEqual(textOf(answer), "You are welcome.")
        assert.strictEqual(other.asked.length, 2)
      }))
  }

  it.effect("a provider that looks for reasoning in every message finds it in those of others, empty", () =>
    Effect.gen(function*() {
      let down = false
      const answers = [deepseek.answers[0]!, deepseek.answers[2]!]
      const one = serving({ ...deepseek, answers }, "one", () => down)
      const other = serving(strict, "other")
      const cascade = yield* ModelCascade.make({
        models: [
          { model: yield* modelOf(one.client, "first") },
          { model: yield* modelOf(other.client, "second") }
        ]
      })
      const model = yield* LanguageModels.make(cascade)
      yield* Effect.gen(function*() {
        const chat = yield* Chat.empty
        yield* turns["whole"]!(chat, "Refund order 7")
        down = true
        yield* turns["whole"]!(chat, Prompt.empty)
        down = false
        assert.strictEqual(textOf(yield* turns["whole"]!(chat, "Thank you")), "You are welcome.")
      }).pipe(Effect.provideService(LanguageModel.LanguageModel, model), Effect.provide(handlers)) as Effect.Effect<
        void,
        any
      >
      assert.deepStrictEqual(assistants(one.asked.at(-1)!).map(({ reasoning_content }) => reasoning_content), [
        "First the order.",
        ""
      ])
    }))
})

it.effect("nothing of it is in errors or spans", () =>
  Effect.gen(function*() {
    const spans: Array<Tracer.NativeSpan> = []
    const tracer = Tracer.make({
      span: (options) => {
        const span = new Tracer.NativeSpan(options)
        spans.push(span)
        return span
      }
    })
    const secrets = ["Vexomere klingt nach Druzzelpfad", "SIG-CALL-0123456789", "SIG-TEXT-0123456789"]
    const message = {
      role: "assistant",
      content: null,
      reasoning_content: secrets[0],
      ...signed(secrets[2]!),
      tool_calls: [call("c1", 7, signed(secrets[1]!))]
    }
    const { client } = serving({
      answers: [message],
      pieces: [],
      refuses: ({ messages }) => messages.length > 1 ? `What is ${JSON.stringify(messages)}?` : undefined
    })
    const model = yield* LanguageModels.make(yield* modelOf(client))
    const error = yield* Effect.flip(talk(model, turns["whole"]!)).pipe(Effect.withTracer(tracer))
    const told = JSON.stringify([String(error), error, error.reason?.cause, spans.map((span) => [...span.attributes])])
    assert.include(told, "InvalidRequest")
    for (const secret of secrets) assert.notInclude(told, secret)
  }))
