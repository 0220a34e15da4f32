/** Clients that applications have, unmodified and on sockets: they give up, and their provider recovers. */
import { createOpenAI } from "@ai-sdk/openai"
import { assert, describe, it } from "@effect/vitest"
import { guardedFetch } from "@switchgear/http/fetch"
import { streamText } from "ai"
import OpenAI from "openai"
import { aiSdkCompatible, aiSdkOpenai } from "../gateway/clients/aiSdk.ts"
import { langchain } from "../gateway/clients/langchain.ts"
import { openai6, openai7 } from "../gateway/clients/openai.ts"
import { anthropic } from "./anthropic.ts"
import * as Days from "./days.ts"
import { type Answer, events, served, until } from "./served.ts"

const applications = [openai7, openai6, aiSdkOpenai, aiSdkCompatible, langchain, anthropic]
const hows = ["whole", "streamed"] as const

for (const application of applications) {
  for (const how of hows) {
    describe(`${application.name}, ${how}, behind a guarded fetch`, () => {
      it("gives up: its call ends at the provider, holds nothing, and says nothing about it", async () => {
        for (const day of [Days.hang, Days.stall]) {
          await using provider = await served(day)
          await using guarded = guardedFetch()
          const abort = new AbortController()
          const call = application[how]({
            baseURL: `${provider.url}/v1`,
            apiKey: "sk-test",
            model: "m",
            fetch: guarded,
            maxRetries: 0,
            signal: abort.signal
          })
          await until(() => provider.heard.length === 1)
          abort.abort()
          // Some clients end a stream without a word when they are told to.
          assert.notStrictEqual((await call).text, "Good day")
          await until(() => provider.heard[0]!.hasLeft)
          const { calls, inFlight } = guarded.health().targets[provider.host]!
          assert.deepStrictEqual([calls, inFlight], [0, 0])
        }
      })

      it("is refused while its provider is down, and gets answers when it is well again", async () => {
        let day: Answer = Days.busy
        await using provider = await served((response, heard) => day(response, heard))
        await using guarded = guardedFetch({ breaker: { minimumCalls: 2, openFor: "1 hour", halfOpen: { calls: 1 } } })
        const ask = () =>
          application[how]({
            baseURL: `${provider.url}/v1`,
            apiKey: "sk-test",
            model: "m",
            fetch: guarded,
            maxRetries: 0
          })
        for (let i = 0; i < 4; i++) assert.isDefined((await ask()).error)
        assert.strictEqual(provider.heard.length, 2)
        day = Days.good
        // The opening is over.
        guarded.control(provider.host).open(1)
        await until(() => guarded.health().targets[provider.host]!.state === "HalfOpen")
        assert.strictEqual((await ask()).text, "Good day")
        assert.strictEqual(guarded.health().targets[provider.host]!.state, "Closed")
        assert.strictEqual((await ask()).text, "Good day")
        assert.strictEqual(guarded.health().targets[provider.host]!.inFlight, 0)
      })
    })
  }
}

const event = (type: string, fields: object = {}) => `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`

const response = { id: "resp_1", object: "response", created_at: 1, model: "m", output: [] }
const usage = { input_tokens: 3, output_tokens: 4, total_tokens: 7 }

/** A stream of Responses. */
const parts = [
  event("response.created", { sequence_number: 0, response: { ...response, status: "in_progress" } }),
  event("response.output_item.added", { sequence_number: 1, output_index: 0, item: { type: "message", id: "msg_1" } }),
  event("response.output_text.delta", {
    sequence_number: 2,
    item_id: "msg_1",
    output_index: 0,
    delta: "Good",
    logprobs: []
  }),
  event("response.output_text.delta", {
    sequence_number: 3,
    item_id: "msg_1",
    output_index: 0,
    delta: " day",
    logprobs: []
  }),
  event("response.output_item.done", { sequence_number: 4, output_index: 0, item: { type: "message", id: "msg_1" } }),
  event("response.completed", { sequence_number: 5, response: { ...response, status: "completed", usage } })
]

interface Asking {
  readonly baseURL: string
  readonly apiKey: string
  readonly fetch: typeof fetch
}

/** Clients that ask in Responses, and what they make of a stream. */
const ofResponses: Readonly<Record<string, (asking: Asking) => Promise<readonly [text: string, error: any]>>> = {
  "the AI SDK with its default model": async (asking) => {
    let [text, error] = ["", undefined as unknown]
    const { fullStream } = streamText({ model: createOpenAI(asking)("m"), prompt: "Hello", onError: () => {} })
    try {
      for await (const part of fullStream) {
        if (part.type === "text-delta") text += part.text
        if (part.type === "error") error = part.error
      }
    } catch (thrown) {
      error = thrown
    }
    return [text, error]
  },
  "openai 7": async (asking) => {
    let text = ""
    try {
      const events = await new OpenAI(asking).responses.create({ model: "m", input: "Hello", stream: true })
      for await (const event of events) if (event.type === "response.output_text.delta") text += event.delta
      return [text, undefined]
    } catch (error) {
      return [text, error]
    }
  }
}

for (const [name, ask] of Object.entries(ofResponses)) {
  describe(`${name}, which posts to /responses, behind a guarded fetch`, () => {
    it("has the answer, and is told of one that was cut", async () => {
      let left = parts.length
      await using provider = await served((response, heard) => events(parts.slice(0, left))(response, heard))
      await using guarded = guardedFetch()
      const asking = { baseURL: `${provider.url}/v1`, apiKey: "sk-test", fetch: guarded }
      assert.deepStrictEqual(await ask(asking), ["Good day", undefined])
      left = 3
      const [text, error] = await ask(asking)
      assert.strictEqual(text, "Good")
      assert.match(String(error?.cause ?? error), /broke off before its end/)
      const { calls, failed } = guarded.health().targets[provider.host]!
      assert.deepStrictEqual([calls, failed], [2, 1])
    })
  })
}
