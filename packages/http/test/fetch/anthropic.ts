/** The official client of Anthropic as an application. */
import Anthropic from "@anthropic-ai/sdk"
import { type Answer, type Application, question, type Settings, told } from "../gateway/clients/application.ts"

const clientOf = ({ apiKey, baseURL, fetch, maxRetries, timeout }: Settings) =>
  new Anthropic({
    baseURL: baseURL.replace(/\/v1$/, ""),
    apiKey,
    authToken: null,
    logLevel: "off",
    fetch,
    ...maxRetries !== undefined && { maxRetries },
    ...timeout !== undefined && { timeout }
  })

const asked = ({ model }: Settings) => ({
  model,
  max_tokens: 100,
  messages: [{ role: "user" as const, content: question }]
})

export const anthropic: Application = {
  name: "@anthropic-ai/sdk",
  tellsTimeout: true,
  whole: (settings) =>
    told({}, async () => {
      const { content, stop_reason: reason } = await clientOf(settings).messages.create(asked(settings), {
        signal: settings.signal
      })
      return {
        text: content.map((block) => block.type === "text" ? block.text : "").join(""),
        finish: reason ?? undefined
      }
    }),
  streamed: (settings) => {
    const got: { -readonly [K in keyof Answer]?: Answer[K] } = { text: "" }
    return told(got, async () => {
      const events = await clientOf(settings).messages.create({ ...asked(settings), stream: true }, {
        signal: settings.signal
      })
      for await (const event of events) {
        if (event.type === "content_block_delta" && event.delta.type === "text_delta") got.text += event.delta.text
        if (event.type === "message_delta") got.finish = event.delta.stop_reason ?? undefined
      }
    })
  },
  withTool: () => Promise.reject(new Error("not asked here"))
}
