/** The AI SDK with its own provider, on sockets, through several models as one. */
import { createOpenAI } from "@ai-sdk/openai"
import { fallback, type FallbackOptions, guard } from "@switchgear/http/fetch"
import {
  APICallError,
  embed,
  generateText,
  jsonSchema,
  NoObjectGeneratedError,
  Output,
  stepCountIs,
  streamText,
  tool
} from "ai"
import { assert, describe, it } from "vitest"
import { type Answer, completion, events, json, role, type Served, served, stop, until, word } from "./served.ts"

const canned = "We are sorry."
const down = json(503, { error: { message: "overloaded" } })
const says = (text: string): Answer => (response, heard) =>
  heard.body.includes("\"stream\":true")
    ? events([role, word(text), stop])(response, heard)
    : json(200, completion(text))(response, heard)

const chunk = (delta: object, finish: string | null = null) =>
  `data: ${
    JSON.stringify({ id: "1", created: 1, model: "m", choices: [{ index: 0, delta, finish_reason: finish }] })
  }\n\n`

/** Asks for the weather, and says it when it was told. */
const withTool: Answer = (response, heard) => {
  if (heard.body.includes("\"role\":\"tool\"")) return says("It rains.")(response, heard)
  const call = { id: "call-1", type: "function", function: { name: "weather", arguments: "{\"city\":\"Bern\"}" } }
  if (!heard.body.includes("\"stream\":true")) {
    const { choices: [choice], ...rest } = completion("")
    const message = { role: "assistant", content: null, tool_calls: [call] }
    return json(200, { ...rest, choices: [{ ...choice, message, finish_reason: "tool_calls" }] })(response, heard)
  }
  const delta = { tool_calls: [{ index: 0, ...call }] }
  return events([role, chunk(delta), chunk({}, "tool_calls"), "data: [DONE]\n\n"])(response, heard)
}

const weather = tool({
  description: "The weather of a city",
  inputSchema: jsonSchema<{ readonly city: string }>({ type: "object", properties: { city: { type: "string" } } }),
  execute: async ({ city }) => `rain in ${city}`
})

const modelsOf = (providers: ReadonlyArray<Served>) =>
  providers.map(({ url }, i) => createOpenAI({ apiKey: "k", baseURL: `${url}/v1`, name: `p${i}` }).chat("m"))

interface Setting extends AsyncDisposable {
  readonly model: ReturnType<typeof fallbackOf>
  readonly requests: () => ReadonlyArray<number>
  readonly providers: ReadonlyArray<Served>
}

const fallbackOf = (providers: ReadonlyArray<Served>, options: FallbackOptions) =>
  fallback(modelsOf(providers), options)

const setting = async (answers: ReadonlyArray<Answer>, options: FallbackOptions = {}): Promise<Setting> => {
  const providers = await Promise.all(answers.map(served))
  const model = fallbackOf(providers, { canned, ...options })
  return {
    model,
    providers,
    requests: () => providers.map(({ heard }) => heard.length),
    [Symbol.asyncDispose]: async () => {
      await model[Symbol.asyncDispose]()
      await Promise.all(providers.map((provider) => provider[Symbol.asyncDispose]()))
    }
  }
}

const ask = { prompt: "Hello" }

/** What a reader of a stream gets. */
const readOf = async (model: Setting["model"], more: object = {}) => {
  const errors: Array<unknown> = []
  const result = streamText({ model, ...ask, ...more, onError: () => {} })
  let text = ""
  for await (const part of result.fullStream) {
    if (part.type === "text-delta") text += part.text
    if (part.type === "error") errors.push(part.error)
  }
  return { text, errors }
}

describe("the AI SDK with a fallback of its own models", () => {
  it("is answered by the next provider, whole and as a stream", async () => {
    await using a = await setting([down, says("Good.")])
    const { providerMetadata, text } = await generateText({ model: a.model, ...ask })
    assert.strictEqual(text, "Good.")
    assert.deepInclude(providerMetadata?.["switchgear"], { degradation: "fallback", model: "p1.chat/m" })
    assert.deepStrictEqual(await readOf(a.model), { text: "Good.", errors: [] })
    assert.deepStrictEqual(a.requests(), [2, 2])
  })

  it("is asked once for what ends in the canned answer, whatever its retries", async () => {
    await using a = await setting([down, down])
    assert.strictEqual((await generateText({ model: a.model, ...ask, maxRetries: 3 })).text, canned)
    assert.deepStrictEqual(await readOf(a.model, { maxRetries: 3 }), { text: canned, errors: [] })
    assert.deepStrictEqual(a.requests(), [2, 2])
  })

  it("is not asked again by the SDK without a canned answer", async () => {
    await using provider = await served(down)
    await using model = fallback(modelsOf([provider]))
    const error = await generateText({ model, ...ask }).catch((error: unknown) => error)
    assert.isTrue(APICallError.isInstance(error))
    assert.strictEqual(provider.heard.length, 1)
  })

  it("hears of its own mistake, and nobody else is asked", async () => {
    const error = { message: "Invalid value for 'n'", type: "invalid_request_error", code: "invalid_value" }
    await using a = await setting([json(400, { error }), says("Good.")])
    const thrown = await generateText({ model: a.model, ...ask }).catch((error: unknown) => error)
    assert.isTrue(APICallError.isInstance(thrown) && thrown.statusCode === 400)
    assert.deepStrictEqual(a.requests(), [1, 0])
  })

  it("reads no trace of streams that fail, end or hang before their first content", async () => {
    for (const first of [events([role], "reset"), events([role]), events([], "end"), events([role], "hang")]) {
      await using a = await setting([first, says("Good.")], { firstContentTimeout: 30 })
      assert.deepStrictEqual(await readOf(a.model), { text: "Good.", errors: [] })
      assert.deepStrictEqual(a.requests(), [1, 1])
      await until(() => a.providers.every(({ open }) => open() === 0))
    }
  })

  it("is told of an error after the first content in the stream", async () => {
    for (const then of ["reset", "end", "hang"] as const) {
      await using a = await setting([events([role, word("Half")], then), says("Good.")], { idleTimeout: 30 })
      const { errors, text } = await readOf(a.model)
      assert.deepStrictEqual([text, errors.length, a.requests()], ["Half", 1, [1, 0]], then)
      await until(() => a.providers.every(({ open }) => open() === 0))
      assert.strictEqual(a.model.health().targets["p0.chat/m"]!.failed, 1)
    }
  })

  it("gets parts in their order: the start, what is known of the answer, what is said, one end", async () => {
    for (const answers of [[says("Good.")], [events([role]), says("Good.")], [down]]) {
      await using a = await setting(answers)
      const { stream } = await a.model.doStream({
        prompt: [{ role: "user", content: [{ type: "text", text: "Hello" }] }]
      })
      const types: Array<string> = []
      for await (const { type } of stream) if (type !== "response-metadata") types.push(type)
      const parts = types.filter((type, i) => type !== types[i - 1])
      assert.deepStrictEqual(parts, ["stream-start", "text-start", "text-delta", "text-end", "finish"])
      assert.strictEqual(types.filter((type) => type === "stream-start").length, 1)
    }
  })

  it("closes the connection and frees the slot when its reader leaves", async () => {
    await using a = await setting([events([role, word("Half")], "hang")])
    const caller = new AbortController()
    const result = streamText({ model: a.model, ...ask, abortSignal: caller.signal, onError: () => {} })
    for await (const part of result.fullStream) if (part.type === "text-delta") caller.abort()
    await until(() => a.providers[0]!.heard[0]!.hasLeft)
    await until(() => a.model.health().targets["p0.chat/m"]!.inFlight === 0)
    assert.strictEqual(a.model.health().targets["p0.chat/m"]!.calls, 0)
  })

  it("calls tools, of which each step is asked of the models in turn", async () => {
    await using a = await setting([down, withTool], { breaker: { minimumCalls: 1 } })
    const options = { tools: { weather }, stopWhen: stepCountIs(3) }
    const whole = await generateText({ model: a.model, ...ask, ...options })
    assert.strictEqual(whole.text, "It rains.")
    assert.deepStrictEqual(whole.steps.map(({ toolCalls }) => toolCalls.length), [1, 0])
    assert.deepStrictEqual(await readOf(a.model, options), { text: "It rains.", errors: [] })
    assert.deepStrictEqual(a.requests(), [1, 4])
  })

  it("gets objects, and its own error where there is only the canned text", async () => {
    const schema = jsonSchema<{ readonly city: string }>({
      type: "object",
      properties: { city: { type: "string" } },
      required: ["city"]
    })
    const output = Output.object({ schema })
    await using a = await setting([down, says("{\"city\":\"Bern\"}")])
    assert.deepStrictEqual((await generateText({ model: a.model, ...ask, output })).output, { city: "Bern" })
    const streamed = streamText({ model: a.model, ...ask, output })
    assert.deepStrictEqual(await streamed.output, { city: "Bern" })
    await using b = await setting([down])
    const error = await generateText({ model: b.model, ...ask, output }).then(
      ({ output }) => output,
      (error: unknown) => error
    )
    assert.isTrue(NoObjectGeneratedError.isInstance(error))
  })

  it("embeds behind the guards of a function", async () => {
    let isDown = false
    await using provider = await served((response, heard) =>
      isDown
        ? down(response, heard)
        : json(200, { data: [{ index: 0, embedding: [1, 2] }], usage: { prompt_tokens: 1 } })(response, heard)
    )
    const model = createOpenAI({ apiKey: "k", baseURL: `${provider.url}/v1` }).embedding("m")
    await using embedded = guard(
      (value: string, abortSignal?: AbortSignal) =>
        embed({ model, value, maxRetries: 0, ...abortSignal && { abortSignal } }),
      {
        name: "embeddings",
        breaker: { minimumCalls: 2 },
        withSignal: (signal, value) => [value, signal]
      }
    )
    assert.deepStrictEqual((await embedded("tea")).embedding, [1, 2])
    isDown = true
    for (let call = 0; call < 3; call++) await embedded("tea").catch(() => {})
    assert.strictEqual(embedded.health().targets["embeddings"]!.state, "Open")
    assert.strictEqual(provider.heard.length, 2)
  })
})
