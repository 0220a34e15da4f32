/** After which failures of a model the next one is asked, how long that may take, and what URLs the models load. */
import { createOpenAI } from "@ai-sdk/openai"
import { fallback, type FallbackOptions, guard, GuardedFetchError } from "@switchgear/http/fetch"
import {
  APICallError,
  generateText,
  InvalidPromptError,
  type LanguageModel,
  LoadAPIKeyError,
  NoSuchModelError,
  streamText,
  UnsupportedFunctionalityError,
  wrapLanguageModel
} from "ai"
import { MockLanguageModelV4 } from "ai/test"
import { assert, describe, it } from "vitest"
import { inControlledTime, sleep } from "./controlledTime.ts"

type LanguageModelV4 = Extract<LanguageModel, { readonly specificationVersion: "v4" }>
type Generated = Awaited<ReturnType<LanguageModelV4["doGenerate"]>>

const usage = {
  inputTokens: { total: 1, noCache: 1, cacheRead: 0, cacheWrite: 0 },
  outputTokens: { total: 1, text: 1, reasoning: 0 }
}
const answer = (text: string): Generated => ({
  content: [{ type: "text", text }],
  finishReason: { unified: "stop", raw: "stop" },
  usage,
  warnings: []
})

const answers = (modelId: string) =>
  new MockLanguageModelV4({ provider: "mock", modelId, doGenerate: async () => answer(modelId) })

const fails = (modelId: string, error: unknown) =>
  new MockLanguageModelV4({ provider: "mock", modelId, doGenerate: () => Promise.reject(error) })

const refusal = (statusCode: number, body: unknown) =>
  new APICallError({
    message: "no",
    url: "https://api.test",
    requestBodyValues: {},
    statusCode,
    responseBody: typeof body === "string" ? body : JSON.stringify({ error: body })
  })

const hello = { prompt: [{ role: "user" as const, content: [{ type: "text" as const, text: "Hello" }] }] }

interface Told {
  readonly degradation: string
  readonly failures: ReadonlyArray<{ readonly model: string; readonly code: string }>
}

const toldOf = ({ providerMetadata }: Pick<Generated, "providerMetadata">) =>
  providerMetadata!["switchgear"] as unknown as Told

/** The code with which the first model has failed, if the second one was asked. */
const movedOnFrom = async (error: unknown, options?: FallbackOptions): Promise<string | undefined> => {
  const second = answers("b")
  const model = fallback([fails("a", error), second], { canned: "We are sorry.", ...options })
  const result = await model.doGenerate(hello).then((answer) => answer, (error: unknown) => ({ error }))
  if ("error" in result) {
    assert.strictEqual(second.doGenerateCalls.length, 0)
    return undefined
  }
  assert.strictEqual(second.doGenerateCalls.length, 1)
  return toldOf(result).failures[0]!.code
}

describe("a fallback asks the next model", () => {
  const cases: ReadonlyArray<readonly [what: string, error: unknown]> = [
    ["a context that is too long", refusal(400, { message: "too long", code: "context_length_exceeded" })],
    ["a body that is too large", refusal(413, "")],
    ["a model that is not known", refusal(404, { message: "no such model", code: "model_not_found" })],
    ["a 404 that says nothing", refusal(404, "")],
    ["a filter of the provider", refusal(400, { message: "filtered", code: "content_filter" })],
    ["a parameter that this model does not know", refusal(400, { message: "no", code: "unsupported_parameter" })],
    [
      "a region or a permission",
      refusal(403, { message: "Country, region not supported", code: "unsupported_country" })
    ],
    ["a key that is wrong", refusal(401, { message: "Incorrect API key provided", code: "invalid_api_key" })],
    ["a key that is missing", new LoadAPIKeyError({ message: "no key" })],
    ["a model that a registry does not have", new NoSuchModelError({ modelId: "m", modelType: "languageModel" })],
    ["a feature that a model does not have", new UnsupportedFunctionalityError({ functionality: "video" })],
    ["a 400 that says nothing of the request", refusal(400, "<html>Bad gateway</html>")],
    ["a 422 that says nothing of the request", refusal(422, "")],
    [
      "a connection that is lost, without a status",
      new APICallError({ message: "no", url: "", requestBodyValues: {} })
    ],
    ["null", null],
    ["undefined", undefined],
    ["a text", "no"]
  ]
  for (const [what, error] of cases) {
    it(`after ${what}`, async () => {
      assert.isString(await movedOnFrom(error))
    })
  }

  it("not after a request that is at fault, which is thrown in spite of a canned answer", async () => {
    const atFault = [
      refusal(400, { message: "Invalid value", type: "invalid_request_error", code: "invalid_value" }),
      refusal(400, { message: "Invalid value", type: "invalid_request_error" }),
      refusal(422, { message: "Field required", type: "validation_error" }),
      new InvalidPromptError({ prompt: "", message: "no" })
    ]
    for (const error of atFault) assert.isUndefined(await movedOnFrom(error), String(error.message))
  })

  it("as `movesOn` says, but for what the guards refuse", async () => {
    const filtered = refusal(400, { message: "filtered", code: "content_filter" })
    const asked: Array<unknown> = []
    const movesOn: FallbackOptions["movesOn"] = (error, { modelId }) => {
      asked.push([error, modelId])
      return error !== filtered
    }
    assert.isUndefined(await movedOnFrom(filtered, { movesOn }))
    assert.isString(await movedOnFrom(refusal(400, { message: "Invalid value", code: "invalid_value" }), { movesOn }))
    assert.deepStrictEqual(asked[0], [filtered, "a"])
    assert.lengthOf(asked, 2)

    const model = fallback([answers("a"), answers("b")], { movesOn: () => false })
    model.control("mock/a").open()
    const { failures } = toldOf(await model.doGenerate(hello))
    assert.deepStrictEqual(failures, [{ model: "mock/a", code: "circuit_open" }])
  })

  it("after an answer that was filtered before it said anything, or that is none", async () => {
    const filtered = { ...answer(""), content: [], finishReason: { unified: "content-filter", raw: "filter" } as const }
    const cases = [[filtered, "content_policy_violation"], [undefined, "malformed_reply"], [
      {},
      "malformed_reply"
    ]] as const
    for (const [first, code] of cases) {
      const bad = new MockLanguageModelV4({
        provider: "mock",
        modelId: "a",
        doGenerate: async () => first as unknown as Generated
      })
      const { failures } = toldOf(await fallback([bad, answers("b")]).doGenerate(hello))
      assert.deepStrictEqual(failures, [{ model: "mock/a", code }])
    }
    // A model may have nothing to say.
    const silent = { ...answer(""), content: [] }
    const model = fallback([new MockLanguageModelV4({ doGenerate: async () => silent }), answers("b")])
    assert.strictEqual(toldOf(await model.doGenerate(hello)).degradation, "none")
  })

  it("after an error that cannot be read", async () => {
    const unreadable = new Proxy(new Error("no"), {
      get: () => {
        throw new Error("it was read")
      }
    })
    assert.strictEqual(await movedOnFrom(unreadable), "connect_failed")
    const frozen = Object.freeze(refusal(503, ""))
    assert.strictEqual(await movedOnFrom(frozen), "overloaded")
    const model = fallback([fails("a", frozen)])
    const error = await model.doGenerate(hello).then(() => undefined, (error: unknown) => error)
    assert.isTrue(APICallError.isInstance(error) && !error.isRetryable)
  })

  it("with the middleware an answer that was filtered is what the model has given", async () => {
    const filtered = { ...answer(""), content: [], finishReason: { unified: "content-filter", raw: "filter" } as const }
    const model = wrapLanguageModel({
      model: new MockLanguageModelV4({ doGenerate: async () => filtered }),
      middleware: guard.middleware()
    })
    assert.strictEqual((await generateText({ model, prompt: "Hello" })).finishReason, "content-filter")
  })
})

describe("the time of a fallback", () => {
  /** Models that hang, and when each was asked. */
  const hanging = (count: number, asked: Array<number>) =>
    Array.from({ length: count }, (_, i) =>
      new MockLanguageModelV4({
        provider: "mock",
        modelId: String(i),
        doGenerate: () => {
          asked.push(Math.round(performance.now()))
          return new Promise<never>(() => {})
        }
      }))

  const run = (count: number, options: FallbackOptions) =>
    inControlledTime(async () => {
      const asked: Array<number> = []
      const began = Math.round(performance.now())
      const { text } = await generateText({
        model: fallback(hanging(count, asked), { canned: "We are sorry.", ...options }),
        prompt: "Hello"
      })
      return { asked: asked.map((at) => at - began), ended: Math.round(performance.now()) - began, text }
    })

  it("is the deadline for all models, of which each has its share of what is left", async () => {
    const shared = await run(3, { deadline: "30 seconds" })
    assert.deepStrictEqual(shared, { asked: [0, 10_000, 20_000], ended: 30_000, text: "We are sorry." })
  })

  it("is ten minutes unless it is given", async () => {
    assert.deepStrictEqual((await run(2, {})).ended, 600_000)
  })

  it("is left to the models that follow by one that fails at once", () =>
    inControlledTime(async () => {
      const slow = new MockLanguageModelV4({
        doGenerate: async () => {
          await sleep(29)
          return answer("late")
        }
      })
      const model = fallback([fails("a", refusal(503, "")), slow], { deadline: "30 seconds" })
      assert.strictEqual((await generateText({ model, prompt: "Hello" })).text, "late")
    }))

  it("is at most `modelTimeout` for each, and a model whose turn comes too late is not asked", async () => {
    const some = await run(3, { deadline: "30 seconds", modelTimeout: "15 seconds" })
    assert.deepStrictEqual(some, { asked: [0, 15_000], ended: 30_000, text: "We are sorry." })
  })

  it("that a model has had and lost is a failure to its circuit", () =>
    inControlledTime(async () => {
      const asked: Array<number> = []
      const model = fallback([...hanging(1, asked), answers("b")], { deadline: "10 minutes" })
      for (let call = 0; call < 12; call++) await model.doGenerate(hello)
      assert.strictEqual(model.health().targets["mock/0"]?.state, "Open")
      assert.lengthOf(asked, 10)
      await model[Symbol.asyncDispose]()
    }))

  it("is not that of a retry of the AI SDK: what ends in the canned answer is asked once", async () => {
    const down = fails("a", refusal(503, ""))
    const model = fallback([down], { canned: "We are sorry." })
    await generateText({ model, prompt: "Hello", maxRetries: 5 })
    assert.lengthOf(down.doGenerateCalls, 1)
    await streamText({ model, prompt: "Hello", maxRetries: 5 }).text
    assert.lengthOf(down.doStreamCalls, 1)
  })

  it("ends with the reason of a caller whose signal has a time of its own", () =>
    inControlledTime(async () => {
      const asked: Array<number> = []
      const caller = new AbortController()
      const reason = new DOMException("too late", "TimeoutError")
      void sleep(5).then(() => caller.abort(reason))
      const call = generateText({
        model: fallback(hanging(2, asked), { canned: "We are sorry." }),
        prompt: "Hello",
        abortSignal: caller.signal,
        maxRetries: 5
      })
      assert.strictEqual(await call.catch((error: unknown) => error), reason)
      assert.lengthOf(asked, 1)
    }))

  it("that cannot be is refused by its name", () => {
    const make = (options: FallbackOptions) => () => fallback([answers("a")], options)
    assert.throws(make({ modelTimeout: 0 }), RangeError, "modelTimeout")
    assert.throws(make({ modelTimeout: "30" }), RangeError, "modelTimeout")
    assert.throws(make({ modelTimeout: "2 minutes", deadline: "1 minute" }), RangeError, "modelTimeout")
    assert.throws(make({ movesOn: "always" as never }), RangeError, "movesOn")
    assert.throws(make({ name: () => "" }), RangeError, "name")
  })
})

describe("the URLs that a fallback supports", () => {
  const urls = (supportedUrls: Record<string, Array<RegExp>> | Promise<Record<string, Array<RegExp>>>) =>
    new MockLanguageModelV4({ supportedUrls: () => supportedUrls, doGenerate: async () => answer("a") })

  /** The images that the AI SDK loads, of those in a prompt. */
  const loaded = async (models: ReadonlyArray<LanguageModelV4>, mediaType = "image/png") => {
    const all: Array<string> = []
    await generateText({
      model: fallback(models),
      messages: [{
        role: "user",
        content: ["https://cdn.test/a", "https://other.test/a", "http://cdn.test/a"].map((url) => ({
          type: "file" as const,
          data: new URL(url),
          mediaType
        }))
      }],
      experimental_download: async (downloads) => {
        const own = downloads.filter(({ isUrlSupportedByModel }) => !isUrlSupportedByModel)
        all.push(...own.map(({ url }) => url.href))
        return downloads.map(({ isUrlSupportedByModel }) =>
          isUrlSupportedByModel ? null : { data: new Uint8Array([137, 80, 78, 71]), mediaType }
        )
      }
    })
    return all
  }

  const https = urls({ "image/*": [/^https:/] })
  const cdn = urls(Promise.resolve({ "*/*": [/^nothing/, /\/\/cdn\.test\//g] }))
  const png = urls({ "image/png": [/test/i], "audio/*": [/./] })

  it("are those of a model that is alone", async () => {
    assert.deepStrictEqual(await loaded([https]), ["http://cdn.test/a"])
    assert.deepStrictEqual(await loaded([cdn]), ["https://other.test/a"])
  })

  it("are those that each of them supports, and the AI SDK loads the others", async () => {
    assert.deepStrictEqual(await loaded([https, cdn]), ["https://other.test/a", "http://cdn.test/a"])
    assert.deepStrictEqual(await loaded([cdn, png, https]), ["https://other.test/a", "http://cdn.test/a"])
    assert.lengthOf(await loaded([cdn, png, https], "image/webp"), 3)
    assert.lengthOf(await loaded([https, urls({ "application/pdf": [/./] })]), 3)
  })

  it("are matched from their start, also by patterns that go on where they have matched", () => {
    const global = /cdn/g
    const sure = { ...answers("a"), supportedUrls: { "*": [global] } }
    const { "image/*": images } = fallback([sure, { ...sure, supportedUrls: { "image/*": [/./y] } }])
      .supportedUrls as Record<string, Array<RegExp>>
    global.lastIndex = 2
    for (let time = 0; time < 3; time++) assert.isTrue(images![0]!.test("https://cdn.test/a"))
    assert.strictEqual(global.lastIndex, 2)
  })

  it("are none where a model does not tell", async () => {
    assert.lengthOf(await loaded([https, urls(Promise.reject(new Error("no")))]), 3)
    const throws = new MockLanguageModelV4({
      supportedUrls: () => {
        throw new Error("no")
      },
      doGenerate: async () => answer("a")
    })
    assert.lengthOf(await loaded([https, throws]), 3)
  })

  it("are there at once where all models tell them at once", () => {
    const model = fallback([createOpenAI({ apiKey: "k" })("gpt-4.1"), createOpenAI({ apiKey: "k" })("gpt-4o")])
    const { "image/*": images } = model.supportedUrls as Record<string, Array<RegExp>>
    assert.isTrue(images!.some((pattern) => pattern.test("https://a.test/b.png")))
    assert.isFalse(images!.some((pattern) => pattern.test("ftp://a.test/b.png")))
    assert.isNull(structuredClone(images![0])!.exec("https://a.test/b.png"))
  })
})

describe("a guarded fetch inside of a fallback", () => {
  it("that is closed is a failure of its model", async () => {
    const closed = new GuardedFetchError("closed", { code: "closed", status: 503, isRetryable: false })
    assert.strictEqual(await movedOnFrom(closed), "closed")
  })
})
