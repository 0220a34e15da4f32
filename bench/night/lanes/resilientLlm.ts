/** resilient-llm: it falls back to the services that are registered, with its own circuits. */
import { ProviderRegistry, ResilientLLM } from "resilient-llm"
import { type MakeLane, saidBy } from "../answers.ts"
import { circuit, limits } from "../guards.ts"
import { models } from "../script.ts"

export const make: MakeLane = (urls) => {
  models.forEach((model, i) => {
    ProviderRegistry.configure(model, { baseUrl: urls[i]!, apiKey: "none", defaultModel: model })
  })
  const options = {
    aiService: models[0],
    model: models[0],
    maxTokens: 64,
    timeout: limits[0]!.attempt,
    retries: 1,
    rateLimitConfig: { requestsPerMinute: 1e6, llmTokensPerMinute: 1e9 },
    circuitBreakerConfig: { failureThreshold: circuit.inARow, cooldownPeriod: limits[0]!.openFor }
  }
  return async (content) => {
    // One for each question: it never asks a service again that has failed it. The circuits are shared all the same.
    const llm = new ResilientLLM(options)
    const answer = await llm.chat([{ role: "user", content }], { retries: 0 })
    return saidBy((answer as { readonly content: string | null }).content)
  }
}
