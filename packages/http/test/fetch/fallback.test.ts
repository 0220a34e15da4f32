/** Several language models of the AI SDK as one, asked by the SDK itself. */
import { createOpenAI } from "@ai-sdk/openai"
import { fallback, type FallbackOptions } from "@switchgear/http/fetch"
import { APICallError, generateText, type LanguageModel, streamText } from "ai"
import { convertArrayToReadableStream, MockLanguageModelV4 } from "ai/test"
import { assert, describe, it } from "vitest"

type LanguageModelV4 = Extract<LanguageModel, { readonly specificationVersion: "v4" }>
type Opened = Awaited<ReturnType<LanguageModelV4["doStream"]>>
type LanguageModelV4StreamPart = Opened["stream"] extends ReadableStream<infer Part> ? Part : never

const usage = {
  inputTokens: { total: 1, noCache: 1, cacheRead: 0, cacheWrite: 0 },
  outputTokens: { total: 1, text: 1, reasoning: 0 }
}
const finishReason = { unified: "stop", raw: "stop" } as const

const start: LanguageModelV4StreamPart = { type: "stream-start", warnings: [] }
const finish: LanguageModelV4StreamPart = { type: "finish", usage, finishReason }
const says = (delta: string): Array<LanguageModelV4StreamPart> => [
  { type: "text-start", id: "1" },
  { type: "text-delta", id: "1", delta },
  { type: "text-end", id: "1" }
]

const failure = (statusCode: number, message = "no") =>
  new APICallError({
    message,
    url: "http://x",
    requestBodyValues: {},
    statusCode,
    responseBody: JSON.stringify({ error: { message } })
  })

const answers = (modelId: string) =>
  new MockLanguageModelV4({
    provider: "mock",
    modelId,
    doGenerate: async () => ({ content: [{ type: "text", text: modelId }], finishReason, usage, warnings: [] }),
    doStream: async () => ({ stream: convertArrayToReadableStream([start, ...says(modelId), finish]) })
  })

const fails = (modelId: string, error: unknown = failure(503)) =>
  new MockLanguageModelV4({
    provider: "mock",
    modelId,
    doGenerate: () => Promise.reject(error),
    doStream: () => Promise.reject(error)
  })

const streams = (modelId: string, parts: ReadonlyArray<LanguageModelV4StreamPart>) =>
  new MockLanguageModelV4({
    provider: "mock",
    modelId,
    doStream: async () => ({ stream: convertArrayToReadableStream([...parts]) })
  })

const canned = "We are sorry."

const generated = async (models: ReadonlyArray<LanguageModelV4>, options?: FallbackOptions): Promise<object> => {
  const { providerMetadata, text } = await generateText({ model: fallback(models, options), prompt: "Hello" })
  return { text, ...providerMetadata?.["switchgear"] }
}

const streamed = async (
  models: ReadonlyArray<LanguageModelV4>,
  options?: FallbackOptions
): Promise<{ readonly text: string; readonly errors: ReadonlyArray<unknown>; readonly [told: string]: unknown }> => {
  const errors: Array<unknown> = []
  const result = streamText({
    model: fallback(models, options),
    prompt: "Hello",
    onError: ({ error }) => void errors.push(error)
  })
  let text = ""
  let metadata: object | undefined
  for await (const part of result.fullStream) {
    if (part.type === "text-delta") text += part.text
    if (part.type === "finish-step") metadata = part.providerMetadata?.["switchgear"]
  }
  return { text, errors, ...metadata }
}

describe("fallback", () => {
  it("is a language model of the AI SDK, of the models of its providers", () => {
    const model = fallback([createOpenAI({ apiKey: "k" })("gpt-4.1"), createOpenAI({ apiKey: "k" }).chat("gpt-4o")])
    const typed: LanguageModel & LanguageModelV4 = model
    assert.strictEqual(typed.modelId, "gpt-4.1,gpt-4o")
  })

  for (const [how, asked] of [["generateText", generated], ["streamText", streamed]] as const) {
    describe(how, () => {
      it("is answered by the first model that answers, and tells of those that did not", async () => {
        const none = await asked([answers("a"), answers("b")])
        assert.deepInclude(none, { text: "a", degradation: "none", model: "mock/a", failures: [] })
        const second = await asked([fails("a"), answers("b")], { canned })
        assert.deepInclude(second, { text: "b", degradation: "fallback", model: "mock/b" })
        assert.deepInclude(second, { failures: [{ model: "mock/a", code: "overloaded" }] })
      })

      it("ends in the canned text", async () => {
        const floor = await asked([fails("a"), fails("b", new TypeError("fetch failed"))], { canned })
        assert.deepInclude(floor, { text: canned, degradation: "canned", model: null })
      })

      it("makes no call to a model whose circuit is open", async () => {
        const down = fails("a")
        const model = fallback([down, answers("b")], { breaker: { minimumCalls: 2 } })
        for (let i = 0; i < 5; i++) {
          if (how === "generateText") await generateText({ model, prompt: "Hello" })
          else await streamText({ model, prompt: "Hello" }).text
        }
        assert.strictEqual(down.doGenerateCalls.length + down.doStreamCalls.length, 2)
        assert.strictEqual(model.health().targets["mock/a"]?.state, "Open")
        assert.strictEqual(model.health().targets["mock/b"]?.state, "Closed")
        await model[Symbol.asyncDispose]()
      })

      it("moves on from a model that hangs", async () => {
        const signals: Array<AbortSignal | undefined> = []
        const hang = ({ abortSignal }: { readonly abortSignal?: AbortSignal | undefined }) => {
          signals.push(abortSignal)
          return new Promise<never>(() => {})
        }
        const hangs = new MockLanguageModelV4({ provider: "mock", modelId: "a", doGenerate: hang, doStream: hang })
        assert.deepInclude(await asked([hangs, answers("b")], { modelTimeout: 10 }), {
          text: "b",
          degradation: "fallback"
        })
        assert.deepStrictEqual(signals.map((signal) => signal?.aborted), [true])
      })
    })
  }

  it("does not ask another model when the request is at fault, canned or not", async () => {
    const other = answers("b")
    const model = fallback([fails("a", failure(400, "Invalid value")), other], { canned })
    const error = await generateText({ model, prompt: "Hello" }).then(() => undefined, (error: unknown) => error)
    assert.isTrue(APICallError.isInstance(error))
    assert.strictEqual(other.doGenerateCalls.length, 0)
  })

  it("throws the error of the last model without a canned text, which the AI SDK does not try again", async () => {
    const last = fails("b", failure(500))
    const model = fallback([fails("a"), last])
    const error = await generateText({ model, prompt: "Hello" }).then(() => undefined, (error: unknown) => error)
    assert.isTrue(APICallError.isInstance(error))
    assert.strictEqual(last.doGenerateCalls.length, 1)
  })

  it("moves on when a stream ends or fails before its first content, and not after it", async () => {
    const error: LanguageModelV4StreamPart = { type: "error", error: failure(503) }
    for (const early of [[start], [start, error], []]) {
      assert.deepInclude(await streamed([streams("a", early), answers("b")]), {
        text: "b",
        degradation: "fallback",
        errors: []
      })
    }
    const late = await streamed([streams("a", [start, ...says("half"), error]), answers("b")], { canned })
    assert.strictEqual(late.text, "half")
    assert.strictEqual(late.errors.length, 1)
  })

  it("ends with a caller who leaves, and asks nobody else", async () => {
    const caller = new AbortController()
    const other = answers("b")
    const hangs = new MockLanguageModelV4({ doGenerate: () => new Promise<never>(() => {}) })
    const model = fallback([hangs, other], { canned })
    const call = generateText({ model, prompt: "Hello", abortSignal: caller.signal })
      .then(() => undefined, (error: unknown) => error)
    setImmediate(() => caller.abort(new Error("enough")))
    assert.strictEqual((await call as Error).message, "enough")
    assert.strictEqual(other.doGenerateCalls.length, 0)
    assert.strictEqual(model.health().status, "up")
    await model[Symbol.asyncDispose]()
  })

  it("frees its slot and ends the model's stream when the reader leaves", async () => {
    let cancelled = 0
    const endless = new MockLanguageModelV4({
      provider: "mock",
      modelId: "a",
      doStream: async () => ({
        stream: new ReadableStream<LanguageModelV4StreamPart>({
          start: (controller) => {
            for (const part of [start, ...says("one")]) controller.enqueue(part)
          },
          cancel: () => void cancelled++
        })
      })
    })
    const model = fallback([endless], { canned })
    const { stream } = await model.doStream({ prompt: [{ role: "user", content: [{ type: "text", text: "Hello" }] }] })
    const reader = stream.getReader()
    await reader.read()
    await reader.cancel()
    await model[Symbol.asyncDispose]()
    assert.strictEqual(cancelled, 1)
    const { calls, inFlight } = model.health().targets["mock/a"] ?? { calls: 0, inFlight: 0 }
    assert.deepStrictEqual([calls, inFlight], [0, 0])
  })

  it("says what is wrong with its options", () => {
    assert.throws(() => fallback([]), RangeError, "models")
    assert.throws(() => fallback(["openai/gpt-4.1" as never]), RangeError, "models[0]")
    assert.throws(() => fallback([answers("a")], { canned: "" }), RangeError, "canned")
    assert.throws(() => fallback([answers("a")], { capacity: 1 } as never), RangeError, "capacity")
  })
})
