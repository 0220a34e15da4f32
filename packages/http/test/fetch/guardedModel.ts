/** The AI SDK with a model behind the middleware. */
import { createOpenAI } from "@ai-sdk/openai"
import { guard, type MiddlewareOptions, type ModelMiddleware } from "@switchgear/http/fetch"
import { generateText, streamText, wrapLanguageModel } from "ai"
import { type Answer, type Application, question, type Settings, told } from "../gateway/clients/application.ts"

export interface GuardedModel extends Application {
  readonly middleware: ModelMiddleware
}

export const target = "openai.chat/m"

export const guardedModel = (options?: MiddlewareOptions): GuardedModel => {
  const middleware = guard.middleware(options)
  const asked = ({ apiKey, baseURL, fetch, maxRetries, signal }: Settings) => ({
    model: wrapLanguageModel({ model: createOpenAI({ apiKey, baseURL, fetch }).chat("m"), middleware }),
    prompt: question,
    ...maxRetries !== undefined && { maxRetries },
    ...signal !== undefined && { abortSignal: signal }
  })
  return {
    name: "ai with the middleware",
    tellsTimeout: false,
    middleware,
    whole: (settings) =>
      told({}, async () => {
        const { finishReason, text } = await generateText(asked(settings))
        return { text, finish: finishReason }
      }),
    streamed: (settings) => {
      const got: { -readonly [K in keyof Answer]?: Answer[K] } = { text: "" }
      return told(got, async () => {
        for await (const part of streamText({ ...asked(settings), onError: () => {} }).fullStream) {
          if (part.type === "text-delta") got.text += part.text
          if (part.type === "error") got.error = part.error
          if (part.type === "abort") got.error = new Error("aborted")
          if (part.type === "finish") got.finish = part.finishReason
        }
      })
    },
    withTool: () => Promise.reject(new Error("not asked here"))
  }
}
