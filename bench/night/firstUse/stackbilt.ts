import { LLMProviders } from "@stackbilt/llm-providers"

const [gpt, claude] = process.argv.slice(2)
const llm = new LLMProviders({
  openai: { apiKey: "none".padEnd(40, "0"), baseUrl: gpt!, timeout: 10_000, maxRetries: 0 },
  cerebras: { apiKey: "none".padEnd(40, "0"), baseUrl: claude!, timeout: 10_000, maxRetries: 0 },
  defaultProvider: "openai",
  enableCircuitBreaker: true,
  fallbackRules: []
})
const answer = await llm.generateResponse({ messages: [{ role: "user", content: "Where is my order?" }] })
  .catch(() => ({ message: "Please try again in a minute." }))
console.log(answer.message)
