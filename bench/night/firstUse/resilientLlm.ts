import { ProviderRegistry, ResilientLLM } from "resilient-llm"

const [gpt, claude] = process.argv.slice(2)
ProviderRegistry.configure("gpt", { baseUrl: gpt!, apiKey: "none", defaultModel: "gpt-4.1" })
ProviderRegistry.configure("claude", { baseUrl: claude!, apiKey: "none", defaultModel: "claude-sonnet-4.5" })

const circuitBreakerConfig = { failureThreshold: 5, cooldownPeriod: 30_000 }
const llm = new ResilientLLM({ aiService: "gpt", model: "gpt-4.1", timeout: 10_000, retries: 1, circuitBreakerConfig })
const answer = await llm.chat([{ role: "user", content: "Where is my order?" }])
  .catch(() => ({ content: "Please try again in a minute." }))
console.log((answer as { readonly content: string | null }).content)
