/** What a request costs that is answered from the cache, and what a failing reply costs, by the length of the prompt. */
import { ChatError, ChatModel, type ChatSchema, ModelCascade } from "@switchgear/http"
import { Effect } from "effect"
import { inFiber, inFiberEach, measure, type Subject } from "../harness.ts"
import type { Section } from "../section.ts"
import type { Settings } from "../settings.ts"

const words = "the quick brown fox jumps over lazy dogs while parcels travel through Hangzhou warehouse".split(" ")

const proseOf = (length: number): string => {
  let text = ""
  for (let i = 0; text.length < length; i++) text += `${words[(i * 7) % words.length]} ${(i * 7919) % 9973} `
  return text.slice(0, length)
}

const jsonOf = (length: number): string =>
  JSON.stringify({ log: proseOf(length >> 1).split(" ").join("\n\"") }).slice(0, length)

/** Three bytes a character. */
const chineseOf = (bytes: number): string =>
  Array.from({ length: Math.floor(bytes / 3) }, (_, i) => String.fromCharCode(0x4e00 + (i * 7919) % 2999)).join("")

const conversation = Array.from({ length: 8 }, (_, i): ChatSchema.ChatMessage => ({
  role: i % 2 === 0 ? "user" : "assistant",
  content: proseOf(200)
}))

const body = JSON.stringify({
  error: {
    message: "The server had an error while processing your request. Sorry about that! You can retry your request, or "
      + "contact us through our help center if the error persists. (Please include the request ID req_0123456789abcdef.)",
    type: "server_error",
    code: null
  }
})

const failed = (prompt: ReadonlyArray<string>): ChatError.ChatError =>
  ChatError.fromResponse({
    provider: "openai",
    model: "gpt-4.1",
    status: 503,
    headers: {},
    body,
    secrets: { apiKey: "sk-0123456789abcdef", prompt }
  })

const failing = (name: string, prompt: ReadonlyArray<string>): ReadonlyArray<Subject> => {
  const unread = `failing reply, prompt of ${name}, not read`
  return [
    { name: unread, run: inFiberEach(() => Effect.sync(() => failed(prompt) instanceof ChatError.Overloaded ? 1 : 0)) },
    {
      name: `failing reply, prompt of ${name}, read`,
      run: inFiberEach(() => Effect.sync(() => failed(prompt).message === "" ? 0 : 1))
    }
  ]
}

const cascade = ModelCascade.make({
  name: "answers",
  models: [{
    model: ChatModel.of({
      name: "gpt-4.1",
      complete: () =>
        Effect.succeed({
          step: "gpt-4.1",
          degradation: "none",
          failures: [],
          attempts: 1,
          possiblyBilledAttempts: 1,
          value: {
            id: "chatcmpl-1",
            choices: [{ index: 0, message: { role: "assistant", content: "Hello!" }, finish_reason: "stop" }],
            usage: { prompt_tokens: 500, completion_tokens: 3, total_tokens: 503 }
          }
        })
    })
  }],
  cache: { timeToLive: "1 day" }
})

export const requests = async (settings: Settings): Promise<Section> => {
  const { complete } = await Effect.runPromise(cascade)
  return {
    title: "Requests: answered from the cache, and refused",
    notes: ["A failing reply that is read is searched for quotations from the prompt, once for all errors of a call."],
    rows: await measure(settings, [
      { name: "JSON of a conversation", run: inFiber(Effect.sync(() => JSON.stringify(conversation) === "" ? 0 : 1)) },
      {
        name: "fresh answer from the cache",
        run: inFiberEach(() => Effect.map(complete({ messages: conversation }), () => 1))
      },
      ...failing("2 kB", [proseOf(2_000)]),
      ...failing("2 MB", [proseOf(2_000_000)]),
      ...failing("2 MB of JSON", [jsonOf(2_000_000)]),
      ...failing("2 MB of Chinese", [chineseOf(2_000_000)])
    ])
  }
}
