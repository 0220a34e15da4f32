/** The AI SDK, with the provider for OpenAI's chat completions and with the one for APIs like it. */
import { createOpenAI } from "@ai-sdk/openai"
import { createOpenAICompatible } from "@ai-sdk/openai-compatible"
import { generateText, isStepCount, jsonSchema, type LanguageModel, streamText, tool } from "ai"
import { type Answer, type Application, parameters, question, type Settings, told } from "./application.ts"

const applicationOf = (name: string, modelOf: (settings: Settings) => LanguageModel): Application => {
  const asked = (settings: Settings) => ({
    model: modelOf(settings),
    prompt: question,
    ...settings.maxRetries !== undefined && { maxRetries: settings.maxRetries },
    ...settings.headers !== undefined && { headers: settings.headers },
    ...settings.signal !== undefined && { abortSignal: settings.signal },
    ...settings.timeout !== undefined && { timeout: settings.timeout }
  })
  const withTools = (weather: (city: string) => string) => ({
    tools: {
      weather: tool({
        inputSchema: jsonSchema<{ readonly city: string }>(parameters as any),
        execute: ({ city }) => Promise.resolve(weather(city))
      })
    },
    stopWhen: isStepCount(3)
  })

  const whole = (settings: Settings, more: object = {}) =>
    told({}, async () => {
      const { finishReason, text, usage } = await generateText({ ...asked(settings), ...more })
      return { text, finish: finishReason, totalTokens: usage.totalTokens }
    })

  const streamed = (settings: Settings, more: object = {}) => {
    const got: { -readonly [K in keyof Answer]?: Answer[K] } = { text: "" }
    return told(got, async () => {
      const { fullStream } = streamText({ ...asked(settings), ...more, onError: () => {} })
      for await (const part of fullStream) {
        if (part.type === "text-delta") got.text += part.text
        if (part.type === "error") got.error = part.error
        if (part.type === "abort") got.error = new Error("aborted")
        if (part.type === "finish") {
          got.finish = part.finishReason
          got.totalTokens = part.totalUsage.totalTokens
        }
      }
    })
  }

  return {
    name,
    tellsTimeout: false,
    whole,
    streamed,
    withTool: (settings, how, weather) => (how === "whole" ? whole : streamed)(settings, withTools(weather))
  }
}

export const aiSdkOpenai = applicationOf(
  "ai with @ai-sdk/openai",
  ({ apiKey, baseURL, fetch, model }) => createOpenAI({ apiKey, baseURL, fetch }).chat(model)
)

export const aiSdkCompatible = applicationOf(
  "ai with @ai-sdk/openai-compatible",
  ({ apiKey, baseURL, fetch, model }) =>
    createOpenAICompatible({ name: "switchgear", apiKey, baseURL, fetch, includeUsage: true })(model)
)
