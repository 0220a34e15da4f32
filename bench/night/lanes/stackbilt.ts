/** @stackbilt/llm-providers: four providers that speak the same protocol, in the order in which it falls back to them. */
import { defaultCircuitBreakerManager, LLMProviders } from "@stackbilt/llm-providers"
import { type MakeLane, saidBy } from "../answers.ts"
import { circuit, limits } from "../guards.ts"

const names = ["openai", "cerebras", "groq", "nvidia"] as const

export const make: MakeLane = (urls) => {
  const provider = (i: number) => {
    const { attempt, openFor } = limits[i]!
    defaultCircuitBreakerManager.getBreaker(names[i]!, {
      failureThreshold: circuit.inARow,
      minRequests: circuit.minimumCalls,
      monitoringPeriod: 2000,
      resetTimeout: openFor
    })
    return { apiKey: "none".padEnd(40, "0"), baseUrl: urls[i]!, timeout: attempt, maxRetries: 0 }
  }
  const llm = new LLMProviders({
    openai: provider(0),
    cerebras: provider(1),
    groq: provider(2),
    nvidia: provider(3),
    defaultProvider: "openai",
    costOptimization: false,
    enableCircuitBreaker: true,
    enableRetries: false,
    fallbackRules: []
  })
  return async (content) => saidBy((await llm.generateResponse({ messages: [{ role: "user", content }] })).message)
}
