import { createOpenAICompatible } from "@ai-sdk/openai-compatible"
import { generateText } from "ai"
import { createFallback } from "ai-fallback"

const [gpt, claude] = process.argv.slice(2).map((baseURL) =>
  createOpenAICompatible({ name: "p", apiKey: "none", baseURL })
)

const model = createFallback({ models: [gpt!("gpt-4.1"), claude!("claude-sonnet-4.5")], modelResetInterval: 30_000 })
const prompt = "Where is my order?"
const { text } = await generateText({ model, prompt, maxRetries: 0, abortSignal: AbortSignal.timeout(10_000) })
  .catch(() => ({ text: "Please try again in a minute." }))
console.log(text)
