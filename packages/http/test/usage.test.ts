/** What providers tell of the tokens and of the cost of a reply: by which names, in which places, in what order. */
import { assert, describe, it } from "@effect/vitest"
import { RateLimiter } from "@switchgear/core"
import { ChatClient, ChatModel, type ChatSchema, ChatStream, CostLedger, Pricing } from "@switchgear/http"
import { Behaviour, SimulatedProvider } from "@switchgear/http/testing"
import { Effect, Schema, Stream } from "effect"
import { exchange } from "./support/clientOf.ts"
import { HttpClient } from "effect/http"
import { answer, ask, plain } from "./support/ledgerOf.ts"
import { modelOf } from "./support/modelOf.ts"

type Told = Readonly<Record<string, unknown>>

/** Each row: whose form it is, what it tells, and the parts that are not zero. */
const dialects: ReadonlyArray<readonly [who: string, usage: Told, parts: Partial<Pricing.Parts>]> = [
  ["OpenAI", {
    prompt_tokens: 100,
    completion_tokens: 50,
    total_tokens: 150,
    prompt_tokens_details: { cached_tokens: 60, cache_write_tokens: 10, audio_tokens: 5 },
    completion_tokens_details: { reasoning_tokens: 20, audio_tokens: 3 }
  }, { input: 25, cachedInput: 60, cacheWrite: 10, audioInput: 5, output: 27, reasoning: 20, audioOutput: 3 }],
  ["OpenAI Responses", {
    input_tokens: 100,
    output_tokens: 50,
    total_tokens: 150,
    input_tokens_details: { cached_tokens: 60, cache_write_tokens: 10, audio_tokens: 5 },
    output_tokens_details: { reasoning_tokens: 20, audio_tokens: 3 }
  }, { input: 25, cachedInput: 60, cacheWrite: 10, audioInput: 5, output: 27, reasoning: 20, audioOutput: 3 }],
  ["Open Responses, writes by its name", {
    input_tokens: 100,
    output_tokens: 50,
    input_tokens_details: { cached_tokens: 60, cache_creation_tokens: 10 }
  }, { input: 30, cachedInput: 60, cacheWrite: 10, output: 50 }],
  ["Anthropic, its cache on top", {
    input_tokens: 10,
    output_tokens: 20,
    cache_read_input_tokens: 700,
    cache_creation_input_tokens: 30
  }, { input: 10, cachedInput: 700, cacheWrite: 30, output: 20 }],
  ["Anthropic, written for 5 minutes and for an hour", {
    input_tokens: 10,
    output_tokens: 20,
    cache_creation_input_tokens: 500,
    cache_creation: { ephemeral_5m_input_tokens: 200, ephemeral_1h_input_tokens: 300 }
  }, { input: 10, cacheWrite: 200, cacheWrite1h: 300, output: 20 }],
  ["Anthropic, only the split", {
    input_tokens: 10,
    output_tokens: 20,
    cache_creation: { ephemeral_5m_input_tokens: 200, ephemeral_1h_input_tokens: 300 }
  }, { input: 10, cacheWrite: 200, cacheWrite1h: 300, output: 20 }],
  ["a proxy, Anthropic's names within the prompt by the sum", {
    prompt_tokens: 1000,
    completion_tokens: 5,
    total_tokens: 1005,
    cache_read_input_tokens: 900
  }, { input: 100, cachedInput: 900, output: 5 }],
  ["a proxy, all of Anthropic's names within by the sum", {
    input_tokens: 1000,
    output_tokens: 5,
    total_tokens: 1005,
    cache_read_input_tokens: 900
  }, { input: 100, cachedInput: 900, output: 5 }],
  ["a proxy, Anthropic's names on top by the sum", {
    prompt_tokens: 1000,
    completion_tokens: 5,
    total_tokens: 1905,
    cache_read_input_tokens: 900
  }, { input: 1000, cachedInput: 900, output: 5 }],
  ["a proxy, Anthropic's names on top since they do not fit", {
    prompt_tokens: 10,
    completion_tokens: 5,
    cache_read_input_tokens: 1000,
    cache_creation_input_tokens: 50
  }, { input: 10, cachedInput: 1000, cacheWrite: 50, output: 5 }],
  ["a proxy, details on top by the sum", {
    prompt_tokens: 10,
    completion_tokens: 5,
    total_tokens: 715,
    prompt_tokens_details: { cached_tokens: 700 }
  }, { input: 10, cachedInput: 700, output: 5 }],
  ["a proxy, more of Anthropic's cache than its sum has room for", {
    prompt_tokens: 10,
    completion_tokens: 5,
    total_tokens: 15,
    cache_read_input_tokens: 1000
  }, { input: 10, cachedInput: 1000, output: 5 }],
  ["Gemini, with what its tools gave back", {
    promptTokenCount: 12,
    cachedContentTokenCount: 4,
    candidatesTokenCount: 71,
    toolUsePromptTokenCount: 65,
    thoughtsTokenCount: 89,
    totalTokenCount: 237
  }, { input: 73, cachedInput: 4, output: 71, reasoning: 89 }],
  ["Vercel's AI SDK", { promptTokens: 10, completionTokens: 5, reasoningTokens: 2, cachedInputTokens: 4 }, {
    input: 6,
    cachedInput: 4,
    output: 3,
    reasoning: 2
  }],
  ["Ollama", { prompt_eval_count: 10, eval_count: 5 }, { input: 10, output: 5 }],
  ["watsonx", { input_token_count: 10, generated_token_count: 5 }, { input: 10, output: 5 }],
  ["LiteLLM", {
    prompt_tokens: 7237,
    completion_tokens: 6,
    total_tokens: 7243,
    prompt_tokens_details: {
      cached_tokens: 0,
      cache_creation_tokens: 6336,
      cache_creation_token_details: { ephemeral_5m_input_tokens: 0, ephemeral_1h_input_tokens: 6336 }
    }
  }, { input: 901, cacheWrite1h: 6336, output: 6 }],
  ["New API", {
    prompt_tokens: 100,
    completion_tokens: 5,
    total_tokens: 105,
    prompt_tokens_details: { cached_tokens: 40, cached_creation_tokens: 30 },
    claude_cache_creation_5_m_tokens: 10,
    claude_cache_creation_1_h_tokens: 20
  }, { input: 30, cachedInput: 40, cacheWrite: 10, cacheWrite1h: 20, output: 5 }],
  ["New API, both forms", { prompt_tokens: 0, completion_tokens: 0, input_tokens: 10, output_tokens: 5 }, {
    input: 10,
    output: 5
  }],
  ["Qwen", {
    prompt_tokens: 100,
    completion_tokens: 5,
    total_tokens: 105,
    prompt_tokens_details: { cached_tokens: 0, cache_creation_input_tokens: 80 }
  }, { input: 20, cacheWrite: 80, output: 5 }],
  ["DeepSeek", {
    prompt_tokens: 100,
    completion_tokens: 5,
    prompt_cache_hit_tokens: 64,
    prompt_cache_miss_tokens: 36
  }, { input: 36, cachedInput: 64, output: 5 }],
  ["DeepSeek, without a total of the prompt", {
    completion_tokens: 5,
    prompt_cache_hit_tokens: 64,
    prompt_cache_miss_tokens: 36
  }, { input: 36, cachedInput: 64, output: 5 }],
  ["Moonshot", { prompt_tokens: 100, completion_tokens: 5, total_tokens: 105, cached_tokens: 64 }, {
    input: 36,
    cachedInput: 64,
    output: 5
  }],
  ["Mistral", { prompt_tokens: 100, completion_tokens: 5, total_tokens: 105, num_cached_tokens: 64 }, {
    input: 36,
    cachedInput: 64,
    output: 5
  }],
  ["xAI, reasoning on top by the sum", {
    prompt_tokens: 10_120,
    completion_tokens: 1499,
    total_tokens: 14_428,
    prompt_tokens_details: { cached_tokens: 128 },
    completion_tokens_details: { reasoning_tokens: 2809 }
  }, { input: 9992, cachedInput: 128, output: 1499, reasoning: 2809 }],
  ["xAI, reasoning within by the sum", {
    prompt_tokens: 500,
    completion_tokens: 500,
    total_tokens: 1000,
    completion_tokens_details: { reasoning_tokens: 200 }
  }, { input: 500, output: 300, reasoning: 200 }],
  ["Perplexity", { prompt_tokens: 10, completion_tokens: 50, total_tokens: 60, reasoning_tokens: 20 }, {
    input: 10,
    output: 30,
    reasoning: 20
  }],
  ["Gemini as chat completions, which leaves its thoughts to the total", {
    prompt_tokens: 100,
    completion_tokens: 20,
    total_tokens: 170
  }, { input: 100, output: 70 }],
  ["Gemini", {
    promptTokenCount: 100,
    candidatesTokenCount: 20,
    thoughtsTokenCount: 50,
    cachedContentTokenCount: 40,
    totalTokenCount: 170
  }, { input: 60, cachedInput: 40, output: 20, reasoning: 50 }],
  ["Gemini, without a total", { promptTokenCount: 100, candidatesTokenCount: 20, thoughtsTokenCount: 50 }, {
    input: 100,
    output: 20,
    reasoning: 50
  }],
  ["Bedrock", {
    inputTokens: 10,
    outputTokens: 20,
    totalTokens: 760,
    cacheReadInputTokens: 700,
    cacheWriteInputTokens: 30
  }, { input: 10, cachedInput: 700, cacheWrite: 30, output: 20 }],
  [
    "Cohere",
    { billed_units: { input_tokens: 10, output_tokens: 20 }, tokens: { input_tokens: 60, output_tokens: 20 } },
    {
      input: 10,
      output: 20
    }
  ],
  ["numbers as text", {
    prompt_tokens: "100",
    completion_tokens: " 10 ",
    prompt_tokens_details: { cached_tokens: "40" }
  }, {
    input: 60,
    cachedInput: 40,
    output: 10
  }],
  ["nulls", {
    prompt_tokens: null,
    completion_tokens: 10,
    total_tokens: 110,
    prompt_tokens_details: null,
    completion_tokens_details: { reasoning_tokens: null }
  }, { input: 100, output: 10 }]
]

describe("the parts of a usage", () => {
  it.each(dialects)("are read from the form of %s", (_, usage, parts) => {
    const told = Object.entries(Pricing.parts(usage) ?? {}).filter(([, tokens]) => tokens !== 0)
    assert.deepStrictEqual(Object.fromEntries(told), parts)
  })

  it("have a price of their own for what is cached for an hour, and none without", () => {
    const usage = { input_tokens: 0, output_tokens: 0, cache_creation: { ephemeral_1h_input_tokens: 1000 } }
    const price = { input: 3, cacheWrite: 3.75, output: 15 }
    assert.strictEqual(Pricing.cost(Pricing.price(price), usage).total, "unknown")
    assert.strictEqual(Pricing.cost(Pricing.price({ ...price, cacheWrite1h: 6 }), usage).total, 6000)
  })
})

const price = Pricing.price({ input: 1, cachedInput: 1, cacheWrite: 1, output: 1, reasoning: 1 })

const ledger = CostLedger.make({ prices: { plain: price, other: plain }, primary: "plain" })

const reply = (fields: Told): ChatSchema.ChatReply => ({
  choices: [{ index: 0, message: { role: "assistant", content: "Good day" }, finish_reason: "stop" }],
  ...fields
})

const billOf = (value: ChatSchema.ChatReply) =>
  Effect.flatMap(ledger, ({ protect }) =>
    Effect.map(
      protect(ChatModel.of({ name: "plain", complete: () => Effect.succeed({ ...answer(0), value }) })).complete(ask()),
      ({ bill }) => bill
    ))

const chunk = (fields: Told = {}, content = ""): ChatSchema.ChatChunk => ({
  choices: [{ index: 0, delta: { content }, finish_reason: null }],
  ...fields
})

const streamBillOf = (...chunks: ReadonlyArray<ChatSchema.ChatChunk>) =>
  Effect.scoped(Effect.gen(function*() {
    const open = () => Effect.succeed({ ...answer(0), value: Stream.fromIterable(chunks) })
    const model = (yield* ledger).protect(
      ChatModel.of<never>({ name: "plain", complete: () => Effect.succeed(answer(0)), open })
    )
    const opened = yield* model.open(ask())
    yield* Effect.orDie(Stream.runDrain(opened.value))
    return yield* opened.bill
  }))

describe("a usage", () => {
  const usage = { prompt_tokens: 1000, completion_tokens: 500, total_tokens: 1500 }
  const places: ReadonlyArray<readonly [who: string, fields: Told]> = [
    ["at the top", { usage }],
    ["in the choice (Moonshot)", { choices: [{ index: 0, message: { content: "x" }, delta: {}, usage }] }],
    ["in x_groq", { x_groq: { id: "req_1", usage } }],
    ["in usageMetadata", { usageMetadata: { promptTokenCount: 1000, candidatesTokenCount: 500 } }],
    ["in the message of an event of Anthropic", { message: { usage: { input_tokens: 1000, output_tokens: 500 } } }],
    ["in the response of an event of Responses", { response: { usage: { input_tokens: 1000, output_tokens: 500 } } }],
    ["at the top, empty, and in the choice", {
      usage: { prompt_tokens: 0, completion_tokens: 0 },
      choices: [{ index: 0, message: { content: "x" }, delta: {}, usage }]
    }]
  ]

  it.effect.each(places)("is found %s, whole and streamed", ([, fields]) =>
    Effect.gen(function*() {
      const bills = [yield* billOf(reply(fields)), yield* streamBillOf(chunk({}, "Good day"), chunk(fields))]
      assert.deepStrictEqual(bills.map(({ cost, estimated }) => [cost.total, estimated]), [[1500, false], [
        1500,
        false
      ]])
    }))

  it.effect("of a stream is the largest that was told of each count, whatever comes after", () =>
    Effect.gen(function*() {
      const running = [1, 2, 3].map((completion_tokens) =>
        chunk({ usage: { prompt_tokens: 1000, completion_tokens } }, "x")
      )
      const last = { usage: { ...usage, completion_tokens: 500 } }
      for (
        const later of [{ usage: null }, {}, { usage: { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 } }, {
          usage: {}
        }]
      ) {
        const bill = yield* streamBillOf(...running, chunk(last), chunk(later))
        assert.deepStrictEqual([bill.cost.total, bill.estimated], [1500, false])
      }
    }))

  it.effect("that is told in parts, as Anthropic does, is put together", () =>
    Effect.gen(function*() {
      const start = { input_tokens: 10, cache_read_input_tokens: 700, output_tokens: 1 }
      const { estimated, used } = yield* streamBillOf(
        chunk({ message: { usage: start } }),
        chunk({}, "Good day"),
        chunk({ usage: { output_tokens: 20 } })
      )
      assert.deepStrictEqual([used.input, used.cachedInput, used.output, estimated], [10, 700, 20, false])
      // Without the end, what was heard after the beginning is counted by its bytes.
      const broken = yield* streamBillOf(chunk({ message: { usage: start } }), chunk({}, "Good day"))
      assert.deepStrictEqual([broken.used.output, broken.estimated], [1 + "Good day".length, true])
    }))

  it.effect("that is told as it goes on is an estimate for who leaves before the end", () =>
    Effect.scoped(Effect.gen(function*() {
      const running = [1, 2, 3].map((completion_tokens) =>
        chunk({ usage: { prompt_tokens: 1000, completion_tokens } }, "Good day")
      )
      const value = Stream.rechunk(Stream.fromIterable(running), 1)
      const opened = yield* (yield* ledger).protect(
        ChatModel.of<never>({
          name: "plain",
          complete: () => Effect.succeed(answer(0)),
          open: () => Effect.succeed({ ...answer(0), value })
        })
      ).open(ask())
      yield* Effect.orDie(Stream.runDrain(Stream.take(opened.value, 2)))
      const { cost, estimated } = yield* opened.bill
      assert.deepStrictEqual([cost.total, estimated], [1002, true])
    })))

  it.effect("is exact for who stops at the last chunk and does not wait for the end", () =>
    Effect.scoped(Effect.gen(function*() {
      const end = { choices: [{ index: 0, delta: {}, finish_reason: "stop" }], usage }
      const value = Stream.rechunk(Stream.make(chunk({}, "Good day"), end, chunk({}, "")), 1)
      const opened = yield* (yield* ledger).protect(
        ChatModel.of<never>({
          name: "plain",
          complete: () => Effect.succeed(answer(0)),
          open: () => Effect.succeed({ ...answer(0), value })
        })
      ).open(ask())
      yield* Effect.orDie(Stream.runDrain(Stream.take(opened.value, 2)))
      const { cost, estimated } = yield* opened.bill
      assert.deepStrictEqual([cost.total, estimated], [1500, false])
    })))

  it.effect("that tells no token of what a stream said is not believed, before what was said or after it", () =>
    Effect.gen(function*() {
      const zero = { prompt_tokens: 100, completion_tokens: 0, total_tokens: 100 }
      const bill = (...chunks: ReadonlyArray<ReturnType<typeof chunk>>) =>
        Effect.scoped(Effect.gen(function*() {
          const opened = yield* (yield* ledger).protect(
            ChatModel.of<never>({
              name: "plain",
              complete: () => Effect.succeed(answer(0)),
              open: () => Effect.succeed({ ...answer(0), value: Stream.rechunk(Stream.make(...chunks), 1) })
            })
          ).open(ask())
          yield* Effect.orDie(Stream.runDrain(opened.value))
          const { estimated, used } = yield* opened.bill
          return [used.input, used.output, estimated]
        }))
      assert.deepStrictEqual(yield* bill(chunk({ usage: zero }, ""), chunk({}, "Good day")), [100, 8, true])
      assert.deepStrictEqual(yield* bill(chunk({}, "Good day"), chunk({ usage: zero }, "")), [100, 8, true])
    }))

  it.effect("of each of several choices is the prompt once, and what all have written", () =>
    Effect.gen(function*() {
      const told = (completion_tokens: number) => ({
        prompt_tokens: 100,
        completion_tokens,
        total_tokens: 100 + completion_tokens,
        completion_tokens_details: { reasoning_tokens: 10 }
      })
      const choice = (index: number, completion: number) => ({
        index,
        message: { role: "assistant", content: "Good day" },
        finish_reason: "stop",
        usage: told(completion)
      })
      const reply = yield* exchange(JSON.stringify({ choices: [choice(0, 50), choice(1, 70)] }))
      assert.deepStrictEqual(reply.usage, {
        prompt_tokens: 100,
        completion_tokens: 120,
        total_tokens: 220,
        completion_tokens_details: { reasoning_tokens: 20 }
      })
    }))

  it.effect("stays the largest in the reply that a stream is collected to", () =>
    Effect.gen(function*() {
      const collected = yield* ChatStream.collect(
        Stream.make(chunk({ usage }, "Good"), chunk({ usage: { prompt_tokens: 0, completion_tokens: 0 } }, " day"))
      )
      assert.deepStrictEqual(collected.usage, usage)
    }))

  it.effect("that is nonsense is not believed: what it should tell is estimated, and that is marked", () =>
    Effect.gen(function*() {
      const prompt = JSON.stringify(ask()).length
      const said = JSON.stringify([{ role: "assistant", content: "Good day" }]).length
      const bill = (usage: Told) =>
        Effect.map(billOf(reply({ usage })), ({ estimated, used }) => [used.input, used.output, estimated])
      assert.deepStrictEqual(yield* bill({ prompt_tokens: -5, completion_tokens: 10 }), [prompt, 10, true])
      assert.deepStrictEqual(yield* bill({ prompt_tokens: 1e300, completion_tokens: 10 }), [prompt, 10, true])
      assert.deepStrictEqual(yield* bill({ prompt_tokens: 10, completion_tokens: NaN }), [10, said, true])
      assert.deepStrictEqual(yield* bill({ prompt_tokens: 10, completion_tokens: "many" }), [10, said, true])
      assert.deepStrictEqual(yield* bill({ prompt_tokens: 1.9, completion_tokens: 10.1 }), [2, 11, true])
      // Nothing is said in no token: some gateways fill in zeros.
      assert.deepStrictEqual(yield* bill({ prompt_tokens: -5, completion_tokens: 10, total_tokens: 5 }), [
        prompt,
        10,
        true
      ])
      assert.deepStrictEqual(yield* bill({ prompt_tokens: 10, completion_tokens: 0 }), [10, said, true])
      assert.deepStrictEqual(yield* bill({ prompt_tokens: 10, completion_tokens: 0, total_tokens: 10 }), [
        10,
        said,
        true
      ])
      assert.deepStrictEqual(yield* bill({ completion_tokens: 10 }), [prompt, 10, true])
      assert.deepStrictEqual(yield* bill({}), [prompt, said, true])
      // Where only the sum is told, it is the sum that is billed.
      assert.deepStrictEqual(yield* bill({ total_tokens: 1000 }), [1000 - said, said, true])
      assert.deepStrictEqual(yield* bill({ total_tokens: 10 }), [0, 10, true])
      const details = { prompt_tokens: 10, completion_tokens: 10, prompt_tokens_details: { cached_tokens: 500 } }
      assert.deepStrictEqual(yield* bill(details), [0, 10, true])
    }))

  it.effect.prop(
    "of any numbers makes a bill of whole tokens and amounts",
    {
      usage: Schema.Record(
        Schema.Literals([
          "prompt_tokens",
          "completion_tokens",
          "total_tokens",
          "input_tokens",
          "output_tokens",
          "cache_read_input_tokens",
          "cached_tokens",
          "reasoning_tokens",
          "cost",
          "cost_in_usd_ticks"
        ]),
        Schema.Unknown
      )
    },
    ({ usage }) =>
      Effect.gen(function*() {
        const { cost, used } = yield* billOf(reply({ usage }))
        for (const tokens of Object.values(used))
          assert.isTrue(Number.isSafeInteger(tokens) && tokens >= 0, `${tokens}`)
        assert.isTrue(Number.isSafeInteger(cost.known) && cost.known >= 0, `${cost.known}`)
        if (cost.total !== "unknown")
          assert.strictEqual(cost.total, cost.known)
      }),
    { arbitrary: { runs: 300 } }
  )
})

describe("a usage on the wire", () => {
  const overTheWire = (body: Told, ...events: ReadonlyArray<Told>) =>
    Effect.gen(function*() {
      const text = events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join("")
      const provider = yield* SimulatedProvider.make({ models: { plain: { outcome: Behaviour.respond(200, body) } } })
      const client = yield* ChatClient.make({ provider: "test", baseUrl: "http://simulated.test/v1" }).pipe(
        Effect.provideService(HttpClient.HttpClient, SimulatedProvider.httpClient(provider))
      )
      const model = (yield* ledger).protect(
        yield* Effect.provideService(
          modelOf({ model: "plain", rateLimiter: { limits: [RateLimiter.tokens(100_000, "1 minute")] } }),
          ChatClient.ChatClient,
          client
        )
      )
      const { bill: whole } = yield* model.complete(ask())
      yield* provider.set("plain", { outcome: Behaviour.respond(200, `${text}data: [DONE]\n\n`) })
      const streamed = yield* Effect.scoped(Effect.gen(function*() {
        const opened = yield* model.open(ask())
        yield* Stream.runDrain(opened.value)
        return yield* opened.bill
      }))
      return [whole, streamed].map(({ cost, estimated }) => [cost.total, estimated])
    })

  const message = { role: "assistant", content: "Good day" }
  const usage = { prompt_tokens: 1000, completion_tokens: 500, total_tokens: 1500 }
  const text = { prompt_tokens: "1000", completion_tokens: "500", prompt_tokens_details: { cached_tokens: "400" } }

  it.effect.each<readonly [how: string, onReply: Told, onChoice: Told]>([
    ["at the top", { usage }, {}],
    ["in the choice", {}, { usage }],
    ["in x_groq", { x_groq: { usage } }, {}],
    ["as text", { usage: text }, {}]
  ])("is billed, whole and streamed: %s", ([, onReply, onChoice]) =>
    Effect.gen(function*() {
      const end = { choices: [{ index: 0, delta: {}, finish_reason: "stop", ...onChoice }], ...onReply }
      const bills = yield* overTheWire(
        { choices: [{ index: 0, message, finish_reason: "stop", ...onChoice }], ...onReply },
        { choices: [{ index: 0, delta: { content: "Good day" } }] },
        end,
        { choices: [], usage: { prompt_tokens: 0, completion_tokens: 0 } }
      )
      assert.deepStrictEqual(bills, [[1500, false], [1500, false]])
    }))
})

describe("a cost that the provider tells", () => {
  const tokens = { prompt_tokens: 16, completion_tokens: 27, total_tokens: 43 }
  const costs: ReadonlyArray<readonly [who: string, fields: Told, microDollars: number]> = [
    ["OpenRouter", { cost: 0.000092, cost_details: { upstream_inference_cost: null } }, 92],
    ["OpenRouter, the same told twice", {
      cost: 0.000092,
      is_byok: false,
      cost_details: { upstream_inference_cost: 0.000092 }
    }, 92],
    ["OpenRouter, with a key of one's own", {
      cost: 0.00095,
      is_byok: true,
      cost_details: { upstream_inference_cost: 0.019 }
    }, 19_950],
    ["OpenRouter, with a key of one's own that it does not tell of", {
      cost: 0.00095,
      cost_details: { upstream_inference_cost: 0.019 }
    }, 19_950],
    ["OpenRouter, with a key of one's own and no fee", {
      cost: 0,
      is_byok: true,
      cost_details: { upstream_inference_cost: 0.019 }
    }, 19_000],
    ["xAI", { cost_in_usd_ticks: 37_756_000 }, 3776],
    ["Perplexity", { cost: { input_tokens_cost: 0.001, request_cost: 0.005, total_cost: 0.006 } }, 6000],
    ["xAI, in nano-dollars", { cost_in_nano_usd: 3_776_000 }, 3776],
    ["9Router", { cost: { total: 0.006 } }, 6000],
    ["a gateway that names the currency", { cost: 0.006, currency: "USD" }, 6000],
    ["DeepInfra", { estimated_cost: 0.00000268 }, 3],
    ["a gateway, as text", { cost: "0.0045405" }, 4541]
  ]

  it.effect.each(costs)("is what the bill says: %s", ([, fields, expected]) =>
    Effect.gen(function*() {
      const usage = { ...tokens, ...fields }
      for (const bill of [yield* billOf(reply({ usage })), yield* streamBillOf(chunk({}, "Hi"), chunk({ usage }))]) {
        assert.deepStrictEqual([bill.cost.total, bill.source, bill.estimated], [expected, "provider", false])
        assert.deepStrictEqual([bill.cost.parts.input, bill.cost.parts.reasoning], ["unknown", 0])
        assert.strictEqual(bill.saving, 43 - expected)
      }
      assert.strictEqual(Pricing.told(usage), expected)
    }))

  it.effect.each([-1, NaN, Infinity, 1e300, 1001, "free", null, true, {}, []])(
    "is not believed where no reply costs that: %s",
    (cost) =>
      Effect.gen(function*() {
        const bill = yield* billOf(reply({ usage: { ...tokens, cost } }))
        assert.deepStrictEqual([bill.cost.total, bill.source], [43, "prices"])
      })
  )

  it.effect.each([
    { cost: 0.5, currency: "CNY" },
    { cost: { total_cost: 0.5, currency: "EUR" } },
    { estimated_cost: 0.5, cost_currency: "credits" }
  ])("is not taken for dollars where it is none: %o", (fields) =>
    Effect.gen(function*() {
      const bill = yield* billOf(reply({ usage: { ...tokens, ...fields } }))
      assert.deepStrictEqual([bill.cost.total, bill.source], [43, "prices"])
    }))

  it.effect("is read beside the message or the delta, as Vercel's gateway writes it", () =>
    Effect.gen(function*() {
      const provider_metadata = { gateway: { cost: "0.0045405", marketCost: "0.0045405" } }
      const choices = [{ index: 0, message: { content: "x", provider_metadata }, delta: { provider_metadata } }]
      for (
        const bill of [
          yield* billOf(reply({ choices, usage: tokens })),
          yield* streamBillOf(chunk({}, "Hi"), chunk({ choices, usage: tokens }))
        ]
      ) assert.deepStrictEqual([bill.cost.total, bill.source, bill.estimated], [4541, "provider", false])
    }))

  it.effect("before the end of a stream is the least that it cost", () =>
    Effect.gen(function*() {
      const running = chunk({ usage: { prompt_tokens: 16, completion_tokens: 1, cost: 0.00001 } }, "a")
      const broken = yield* streamBillOf(running, chunk({}, "b".repeat(100)))
      assert.deepStrictEqual([broken.cost.total, broken.source, broken.estimated], [117, "prices", true])
      const dear = chunk({ usage: { prompt_tokens: 16, completion_tokens: 1, cost: 0.005 } }, "a")
      const known = yield* streamBillOf(dear, chunk({}, "b".repeat(100)))
      assert.deepStrictEqual([known.cost.total, known.source, known.estimated], [5000, "provider", true])
      const whole = yield* streamBillOf(running, chunk({}, "b"), chunk({ usage: { ...tokens, cost: 0.00005 } }))
      assert.deepStrictEqual([whole.cost.total, whole.source, whole.estimated], [50, "provider", false])
    }))

  it.effect("of zero is believed where no price says otherwise", () =>
    Effect.gen(function*() {
      const usage = { ...tokens, cost: 0 }
      const free = yield* billOf(reply({ usage, model: "vendor/model-2:free" }))
      assert.deepStrictEqual([free.cost.total, free.source], [0, "provider"])
      const priced = yield* billOf(reply({ usage }))
      assert.deepStrictEqual([priced.cost.total, priced.source], [43, "prices"])
      const unknown = yield* billOf(reply({ usage: tokens, model: "vendor/model-2:free" }))
      assert.deepStrictEqual([unknown.cost.total, unknown.source], ["unknown", "unknown"])
    }))
})
