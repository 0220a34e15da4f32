/** llm-retry-kit: its providers in order, each with its own circuit and time-out. */
import { CircuitBreaker, llmRetry, type RetryOptions } from "llm-retry-kit"
import type { Got, MakeLane } from "../answers.ts"
import { circuit, limits } from "../guards.ts"
import { models, patience } from "../script.ts"
import { clientsOf } from "./openaiClients.ts"

export const laneOf = (more: Pick<RetryOptions<Got>, "hedgeDelayStrategy">): MakeLane => (urls) => {
  const clients = clientsOf(urls)
  const breakers = limits.map(({ openFor }) =>
    new CircuitBreaker({ failureThreshold: circuit.inARow, windowMs: 2000, cooldownMs: openFor })
  )
  return async (question) => {
    const { data } = await llmRetry<Got>({
      providers: clients.map((call, i) => ({
        name: models[i]!,
        fn: async ({ signal }) => ({ data: await call(question, signal) }),
        maxRetries: 0,
        timeoutMs: limits[i]!.attempt,
        circuitBreaker: breakers[i]!
      })),
      timeoutMs: patience,
      // By default it does not move on after a time-out of the client.
      shouldFallback: () => true,
      ...more
    })
    return data
  }
}

export const make = laneOf({})
