import { assert, describe, it } from "@effect/vitest"
import { Bulkhead, Cascade, CircuitBreaker, Deadline, Outcome, RateLimiter } from "@switchgear/core"
import { ChatClient, ChatError, ChatModel, type ChatSchema, CostLedger, LanguageModels } from "@switchgear/http"
import { Behaviour, SimulatedProvider } from "@switchgear/http/testing"
import { Duration, Effect, Layer, Schema, Stream, Tracer } from "effect"
import { AiError, LanguageModel, Prompt, Tool, Toolkit } from "effect/ai"
import * as Support from "./support/languageModels.ts"

const reply = (message: ChatSchema.ReplyMessage, finish_reason: string | null = "stop"): ChatSchema.ChatReply => ({
  id: "chatcmpl-1",
  created: 1_790_000_000,
  model: "m-2026",
  choices: [{ index: 0, message, finish_reason }],
  usage: {
    prompt_tokens: 100,
    completion_tokens: 30,
    prompt_tokens_details: { cached_tokens: 40 },
    completion_tokens_details: { reasoning_tokens: 10 }
  }
})

const greeting = reply({ role: "assistant", content: "Good day" })

/** What the chat model is asked for such a prompt. */
const requestOf = (prompt: Prompt.RawInput, options: LanguageModels.Options = {}) =>
  Effect.gen(function*() {
    const { asked, model } = Support.chatModel(Effect.succeed(greeting))
    yield* (yield* LanguageModels.make(model, options)).generateText({ prompt })
    return asked[0]!
  })

describe("LanguageModels.fromChatModel", () => {
  it.effect("is the language model of a chat model, behind its guards", () =>
    Effect.gen(function*() {
      const provider = yield* SimulatedProvider.make({ models: { m: { outcome: Behaviour.ok("Good day") } } })
      const layer = LanguageModels.fromChatModel().pipe(
        Layer.provide(ChatModel.layer({ model: "m", retry: { maxAttempts: 1 }, breaker: { minimumCalls: 1 } })),
        Layer.provide(ChatClient.layer({ provider: "test", baseUrl: "http://simulated.test/v1" })),
        Layer.provide(SimulatedProvider.layerHttpClient),
        Layer.provide(Layer.succeed(SimulatedProvider.SimulatedProvider, provider))
      )
      yield* Effect.gen(function*() {
        const { text } = yield* LanguageModel.generateText({ prompt: "hello" })
        assert.strictEqual(text, "Good day")
        yield* provider.set("m", { outcome: Behaviour.serverError })
        for (let i = 0; i < 2; i++) yield* Effect.flip(LanguageModel.generateText({ prompt: "hello" }))
        const error = yield* Effect.flip(LanguageModel.generateText({ prompt: "hello" }))
        assert.strictEqual(error.reason._tag, "InternalProviderError")
        assert.deepStrictEqual(error.retryAfter, Duration.seconds(30))
        assert.isTrue(Outcome.isRejection(error))
        assert.include(error.message, "Circuit \"m\" is Open")
      }).pipe(Effect.provide(layer))
    }))

  it.effect("says the prompt in chat-completions messages", () =>
    Effect.gen(function*() {
      const { messages, temperature } = yield* requestOf([
        { role: "system", content: "Be kind" },
        {
          role: "user",
          content: [
            { type: "text", text: "What is it?" },
            { type: "file", mediaType: "image/png", data: new Uint8Array([1, 2, 3]) as never },
            { type: "file", mediaType: "image/*", data: new URL("https://pictures.test/a.jpg") as never },
            { type: "file", mediaType: "application/pdf", fileName: "a.pdf", data: "AQID" },
            { type: "file", mediaType: "audio/mpeg", data: "AQID" }
          ]
        },
        {
          role: "assistant",
          content: [
            { type: "reasoning", text: "Hm" },
            { type: "text", text: "Let me see" },
            { type: "tool-call", id: "c1", name: "look", params: { at: 1 } }
          ]
        },
        {
          role: "tool",
          content: [
            { type: "tool-result", id: "c1", name: "look", isFailure: false, result: { seen: "a cat" } },
            { type: "tool-result", id: "c2", name: "look", isFailure: true, result: "nothing" }
          ]
        },
        { role: "user", content: "And now?" }
      ], { request: { temperature: 0 } })
      assert.strictEqual(temperature, 0)
      assert.deepStrictEqual(messages, [
        { role: "system", content: "Be kind" },
        {
          role: "user",
          content: [
            { type: "text", text: "What is it?" },
            { type: "image_url", image_url: { url: "data:image/png;base64,AQID" } },
            { type: "image_url", image_url: { url: "https://pictures.test/a.jpg" } },
            { type: "file", file: { filename: "a.pdf", file_data: "data:application/pdf;base64,AQID" } },
            { type: "input_audio", input_audio: { data: "AQID", format: "mp3" } }
          ]
        },
        {
          role: "assistant",
          content: "Let me see",
          tool_calls: [{ id: "c1", type: "function", function: { name: "look", arguments: "{\"at\":1}" } }]
        },
        { role: "tool", tool_call_id: "c1", content: "{\"seen\":\"a cat\"}" },
        { role: "tool", tool_call_id: "c2", content: "nothing" },
        { role: "user", content: "And now?" }
      ])
    }))

  it.effect("refuses what chat completions cannot carry, and asks nobody", () =>
    Effect.gen(function*() {
      const { asked, model } = Support.chatModel(Effect.succeed(greeting))
      const { generateText } = yield* LanguageModels.make(model)
      const video = Prompt.make([{ role: "user", content: [{ type: "file", mediaType: "video/mp4", data: "AQID" }] }])
      const error = yield* Effect.flip(generateText({ prompt: video }))
      assert.strictEqual(
        error.message,
        "LanguageModels.generateText: Invalid request: parameter 'prompt' holds a file of type video/mp4, which chat completions cannot carry. Leave it out, or say it in text"
      )
      const Search = Tool.providerDefined({
        id: "openai.search",
        customName: "Search",
        providerName: "search",
        args: Schema.Struct({})
      })({})
      const tools = yield* Effect.flip(generateText({ prompt: "hello", toolkit: Toolkit.make(Search) }))
      assert.strictEqual((tools as AiError.AiError).reason._tag, "ToolConfigurationError")
      assert.deepStrictEqual(asked, [])
    }))

  it.effect("tells text, reasoning, usage and the reason of the end", () =>
    Effect.gen(function*() {
      const message = { content: "Good day", reasoning_content: "Polite" }
      const { model } = Support.chatModel(Effect.succeed(reply(message, "length")))
      const response = yield* (yield* LanguageModels.make(model)).generateText({ prompt: "hello" })
      assert.deepStrictEqual([response.text, response.reasoningText, response.finishReason], [
        "Good day",
        "Polite",
        "length"
      ])
      assert.deepStrictEqual({ ...response.usage }, {
        inputTokens: { uncached: 60, total: 100, cacheRead: 40, cacheWrite: 0 },
        outputTokens: { total: 30, text: 20, reasoning: 10 }
      })
      const metadata = response.content.find((part) => part.type === "response-metadata")
      assert.deepStrictEqual([metadata?.id, metadata?.modelId], ["chatcmpl-1", "m-2026"])
      assert.deepStrictEqual(LanguageModels.provenance(response.content), {
        step: "m",
        degradation: "none",
        failures: [],
        attempts: 1
      })
    }))

  it.effect("has an object written by its schema, and reads it", () =>
    Effect.gen(function*() {
      const { asked, model } = Support.chatModel(Effect.succeed(reply({ content: "{\"name\":\"Li\",\"age\":null}" })))
      const { generateObject } = yield* LanguageModels.make(model)
      const schema = Schema.Struct({ name: Schema.String, age: Schema.optionalKey(Schema.Finite) })
      const { value } = yield* generateObject({ prompt: "Who?", schema, objectName: "a person" })
      assert.deepStrictEqual(value, { name: "Li" })
      const { json_schema, type } = asked[0]!["response_format"] as any
      assert.deepStrictEqual([type, json_schema.name, json_schema.strict], ["json_schema", "a_person", true])
      assert.deepStrictEqual(Object.keys(json_schema.schema.properties), ["name", "age"])
    }))

  it.effect("offers tools, runs the handler of a call, and hands the result back", () =>
    Effect.gen(function*() {
      const calling = {
        content: null,
        tool_calls: [{
          id: "c1",
          type: "function",
          function: { name: "refund", arguments: "{\"order\":\"A-1\",\"cents\":\"250\"}" }
        }]
      }
      const { asked, model } = Support.chatModel(Effect.succeed(reply(calling, "tool_calls")))
      const { layer, orders } = Support.handling()
      const { generateText } = yield* LanguageModels.make(model)
      const response = yield* generateText({ prompt: "hello", toolkit: Support.Tools, toolChoice: { tool: "refund" } })
        .pipe(Effect.provide(layer))
      assert.deepStrictEqual(orders, ["A-1"])
      assert.deepStrictEqual(response.toolResults.map(({ id, result }) => [id, result]), [["c1", "done"]])
      const { tool_choice, tools } = asked[0] as any
      assert.deepStrictEqual(tool_choice, { type: "function", function: { name: "refund" } })
      assert.strictEqual(tools[0].function.description, "Gives the money back")
      assert.deepStrictEqual(tools[0].function.parameters.required, ["order", "cents"])
      // What the platform makes of the answer can be asked again.
      const again = yield* requestOf(Prompt.fromResponseParts(response.content))
      assert.deepStrictEqual(again.messages.map(({ role }) => role), ["assistant", "tool"])
    }))

  it.effect("tells arguments that are no JSON without quoting them", () =>
    Effect.gen(function*() {
      const calling = { tool_calls: [{ id: "c1", function: { name: "refund", arguments: "{\"order\":\"A-" } }] }
      const { model } = Support.chatModel(Effect.succeed(reply(calling)))
      const { generateText } = yield* LanguageModels.make(model)
      const error = yield* Effect.flip(
        generateText({ prompt: "hello", toolkit: Support.Tools }).pipe(Effect.provide(Support.handling().layer))
      ) as Effect.Effect<AiError.AiError>
      assert.strictEqual(error.reason._tag, "ToolParameterValidationError")
      assert.notInclude(error.message, "A-")
    }))
})

describe("LanguageModels.fromChatModel, streamed", () => {
  type ToolCallDelta = NonNullable<ChatSchema.ChatDelta["tool_calls"]>[number]
  const chunk = (delta: ChatSchema.ChatDelta, finish_reason: string | null = null): ChatSchema.ChatChunk => ({
    id: "chatcmpl-1",
    model: "m-2026",
    choices: [{ index: 0, delta, finish_reason }]
  })
  const call = (index: number, fields: NonNullable<ToolCallDelta["function"]>, id?: string) =>
    chunk({ tool_calls: [{ index, id, function: fields }] })
  const usage = { choices: [], usage: { prompt_tokens: 3, completion_tokens: 5 } }
  const streaming = (...chunks: ReadonlyArray<ChatSchema.ChatChunk>) =>
    Support.chatModel(Effect.succeed(greeting), Effect.succeed(Stream.fromIterable(chunks)))

  it.effect("tells reasoning and text as blocks, and ends with reason and usage", () =>
    Effect.gen(function*() {
      const { model } = streaming(
        chunk({ role: "assistant", content: "" }),
        chunk({ reasoning_content: "Hm" }),
        chunk({ content: "Good " }),
        chunk({ content: "day" }),
        chunk({}, "stop"),
        usage
      )
      const { streamText } = yield* LanguageModels.make(model)
      const parts = yield* Stream.runCollect(streamText({ prompt: "hello" }))
      assert.deepStrictEqual(parts.map(({ type }) => type), [
        "response-metadata",
        "reasoning-start",
        "reasoning-delta",
        "reasoning-end",
        "text-start",
        "text-delta",
        "text-delta",
        "text-end",
        "finish"
      ])
      const finish = parts.at(-1)!
      assert.isTrue(finish.type === "finish" && finish.reason === "stop" && finish.usage.outputTokens.total === 5)
      assert.strictEqual(LanguageModels.provenance(parts)?.step, "m")
    }))

  it.effect("puts the calls of tools together by their index and runs each handler once", () =>
    Effect.gen(function*() {
      const { model } = streaming(
        call(0, { name: "refund", arguments: "" }, "c1"),
        call(1, { name: "refund", arguments: "{\"order\":" }, "c2"),
        call(0, { arguments: "{\"order\":\"A-1\",\"cents\":\"1\"}" }),
        call(1, { arguments: "\"A-2\",\"cents\":\"2\"}" }),
        chunk({}, "tool_calls")
      )
      const { layer, orders } = Support.handling()
      const { streamText } = yield* LanguageModels.make(model)
      const parts = yield* Stream.runCollect(streamText({ prompt: "hello", toolkit: Support.Tools })).pipe(
        Effect.provide(layer)
      )
      assert.deepStrictEqual(orders.toSorted(), ["A-1", "A-2"])
      assert.deepStrictEqual(parts.filter(({ type }) => type === "tool-call").map((part: any) => part.id), ["c1", "c2"])
      assert.strictEqual(parts.at(-1)?.type, "finish")
    }))

  it.effect("fails in the stream when the answer breaks off, after what was said", () =>
    Effect.gen(function*() {
      const cut = Stream.concat(
        Stream.make(chunk({ content: "Good " })),
        Stream.fail(new ChatError.Truncated({ provider: "test", model: "m" }))
      )
      const { model } = Support.chatModel(Effect.succeed(greeting), Effect.succeed(cut))
      const { streamText } = yield* LanguageModels.make(model)
      const { end, text } = yield* Support.read(streamText({ prompt: "hello" }))
      assert.strictEqual(text, "Good ")
      assert.strictEqual(end === "whole" ? end : end.reason._tag, "InternalProviderError")
    }))
})

const common = { provider: "test", model: "m", detail: "too much" }
const wait = Duration.seconds(20)

const table: ReadonlyArray<readonly [error: unknown, reason: string]> = [
  [new ChatError.InvalidRequest(common), "InvalidRequestError"],
  [new ChatError.ContextTooLong(common), "InvalidRequestError"],
  [new ChatError.ModelNotFound(common), "InvalidRequestError"],
  [new ChatError.ContentBlocked(common), "ContentPolicyError"],
  [new ChatError.Unauthorized(common), "AuthenticationError"],
  [new ChatError.Forbidden(common), "AuthenticationError"],
  [new ChatError.QuotaExhausted({ ...common, retryAfter: wait }), "QuotaExhaustedError"],
  [new ChatError.ProviderRateLimited({ ...common, status: 429, retryAfter: wait }), "RateLimitError"],
  [new ChatError.Overloaded({ ...common, retryAfter: wait }), "InternalProviderError"],
  [new ChatError.ProviderFault({ ...common, status: 501, isRetryable: false }), "InternalProviderError"],
  [new ChatError.ConnectFailed({ ...common, host: "api.test:443", advice: "Look." }), "NetworkError"],
  [new ChatError.TimedOut({ ...common, phase: "idle" }), "InternalProviderError"],
  [new ChatError.Truncated(common), "InternalProviderError"],
  [new ChatError.MalformedReply({ ...common, found: "an HTML page" }), "InvalidOutputError"],
  [new CircuitBreaker.CircuitOpen({ breaker: "m", state: "Open", retryAfter: wait }), "InternalProviderError"],
  [new Bulkhead.BulkheadFull({ bulkhead: "m", reason: "queue-full" }), "InternalProviderError"],
  [new RateLimiter.RateLimited({ limiter: "m", bucket: "tokens", retryAfter: wait }), "RateLimitError"],
  [new RateLimiter.RateLimited({ limiter: "m", bucket: "tokens" }), "InvalidRequestError"],
  [new Deadline.DeadlineExceeded({ limit: "attempt", after: wait }), "InternalProviderError"],
  [
    new CostLedger.BudgetExceeded({ tenant: "a", budget: "all", limit: 1, spent: 1, reserved: 0, retryAfter: wait }),
    "QuotaExhaustedError"
  ],
  [
    new Cascade.CascadeExhausted({
      failures: [{ step: "m", error: new ChatError.Overloaded({ ...common, retryAfter: wait }) }]
    }),
    "InternalProviderError"
  ],
  ["a failure of somebody else's", "UnknownError"]
]

describe("LanguageModels, errors", () => {
  it.effect.each(table.map(([error, reason]) => [(error as any)._tag ?? error, reason, error] as const))(
    "tells %s as %s, and what it says of itself",
    ([, reason, error]) =>
      Effect.gen(function*() {
        const { model } = Support.chatModel(Effect.fail(error))
        const { generateText } = yield* LanguageModels.make(model)
        const told = yield* Effect.flip(generateText({ prompt: "hello" }))
        assert.strictEqual(told.reason._tag, reason)
        assert.strictEqual(told.isRetryable, Outcome.isRetryable(error))
        assert.deepStrictEqual(told.retryAfter, Outcome.retryAfter(error))
        assert.strictEqual(Outcome.isRejection(told), Outcome.isRejection(error))
        assert.strictEqual((told.reason as { readonly cause?: unknown }).cause, error)
      })
  )

  it.effect("keeps the facts: status, wait, and when a quota is whole again", () =>
    Effect.gen(function*() {
      const fields = { ...common, status: 429, requestId: "r-1", retryAfter: wait }
      const failing = (error: ChatError.ChatError) =>
        Effect.flatMap(
          LanguageModels.make(Support.chatModel(Effect.fail(error)).model),
          (model) => Effect.flip(model.generateText({ prompt: "hello" }))
        )
      const { reason } = yield* failing(new ChatError.ProviderRateLimited(fields))
      assert.isTrue(reason._tag === "RateLimitError")
      assert.deepStrictEqual((reason as AiError.RateLimitError).http?.response?.status, 429)
      assert.deepStrictEqual((reason as AiError.RateLimitError).metadata["switchgear"], {
        error: "ProviderRateLimited",
        provider: "test",
        model: "m",
        status: 429,
        requestId: "r-1",
        blame: "account",
        retryAfterMillis: 20_000
      })
      const { reason: spent } = yield* failing(new ChatError.QuotaExhausted(fields))
      assert.strictEqual((spent as AiError.QuotaExhaustedError).resetAt?.epochMilliseconds, 20_000)
    }))

  it.effect("names every model and what it said when a cascade ran out", () =>
    Effect.gen(function*() {
      const error = new Cascade.CascadeExhausted({
        failures: [
          { step: "gpt", error: new ChatError.Overloaded(common) },
          { step: "claude", error: new CircuitBreaker.CircuitOpen({ breaker: "claude", state: "Open" }) }
        ]
      })
      const { generateText } = yield* LanguageModels.make(Support.chatModel(Effect.fail(error)).model)
      const told = yield* Effect.flip(generateText({ prompt: "hello" }))
      assert.include(told.message, "gpt (Overloaded), claude (CircuitOpen)")
    }))
})

describe("LanguageModels, spans", () => {
  /** The attributes of all spans of an effect. */
  const traced = <A, E>(effect: Effect.Effect<A, E>) =>
    Effect.gen(function*() {
      const spans: Array<Tracer.NativeSpan> = []
      const tracer = Tracer.make({
        span: (options) => {
          const span = new Tracer.NativeSpan(options)
          spans.push(span)
          return span
        }
      })
      yield* Effect.exit(Effect.withTracer(effect, tracer))
      return { attributes: Object.fromEntries(spans[0]!.attributes), all: spans }
    })

  it.effect("carry the names of the conventions, and no word of prompt or answer", () =>
    Effect.gen(function*() {
      const { model } = Support.chatModel(Effect.succeed(greeting))
      const options = { provider: "deepseek", request: { temperature: 0, max_tokens: 100, stop: "\n" } }
      const { generateText } = yield* LanguageModels.make(model, options)
      const { all, attributes } = yield* traced(generateText({ prompt: "a secret" }))
      const { "effect.ai.concurrency": _c, "effect.ai.tool_choice": _t, ...ours } = attributes
      assert.deepStrictEqual(ours, {
        "gen_ai.operation.name": "chat",
        "gen_ai.output.type": "text",
        "gen_ai.provider.name": "deepseek",
        "gen_ai.request.model": "m",
        "gen_ai.request.temperature": 0,
        "gen_ai.request.max_tokens": 100,
        "gen_ai.request.stop_sequences": ["\n"],
        "gen_ai.response.id": "chatcmpl-1",
        "gen_ai.response.model": "m-2026",
        "gen_ai.response.finish_reasons": ["stop"],
        "gen_ai.usage.input_tokens": 100,
        "gen_ai.usage.output_tokens": 30,
        "gen_ai.usage.cache_read.input_tokens": 40,
        "gen_ai.usage.cache_creation.input_tokens": 0,
        "gen_ai.usage.reasoning.output_tokens": 10,
        "switchgear.step": "m",
        "switchgear.degradation": "none",
        "switchgear.attempts": 1
      })
      const seen = JSON.stringify(all.map(({ attributes, events, name }) => [name, [...attributes], events]))
      assert.notMatch(seen, /secret|Good day/)
    }))

  it.effect("say of a stream that it is one, and of a failure which", () =>
    Effect.gen(function*() {
      const { model } = Support.chatModel(Effect.fail(new ChatError.Overloaded(common)))
      const { streamText } = yield* LanguageModels.make(model)
      const { attributes } = yield* traced(Stream.runDrain(streamText({ prompt: "hello" })))
      assert.strictEqual(attributes["gen_ai.request.stream"], true)
      assert.strictEqual(attributes["error.type"], "Overloaded")
    }))
})
