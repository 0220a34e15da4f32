import { CircuitBreaker, llmRetry } from "llm-retry-kit"
import OpenAI from "openai"

const providers = process.argv.slice(2).map((baseURL, i) => {
  const client = new OpenAI({ apiKey: "none", baseURL, maxRetries: 0 })
  const model = ["gpt-4.1", "claude-sonnet-4.5"][i]!
  const circuitBreaker = new CircuitBreaker({ failureThreshold: 5, windowMs: 60_000, cooldownMs: 30_000 })
  const fn = async ({ signal }: { readonly signal?: AbortSignal | undefined }) => {
    const messages = [{ role: "user" as const, content: "Where is my order?" }]
    const { choices } = await client.chat.completions.create({ model, messages }, { signal: signal ?? null })
    return { data: choices[0]?.message.content }
  }
  return { name: model, fn, maxRetries: 0, timeoutMs: 10_000, circuitBreaker }
})

const answer = await llmRetry({ providers, shouldFallback: () => true }).catch(() => undefined)
console.log(answer?.data ?? "Please try again in a minute.")
