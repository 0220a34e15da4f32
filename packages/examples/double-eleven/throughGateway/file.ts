/** The gateway's file of the night: the protected lane as an operator writes it. */
import { Duration } from "effect"
import { circuit, freshFor, guardOf, models, played, promise } from "../scenario.ts"

/** The tokens of a run. */
export interface Tokens {
  readonly admin: string
  readonly shop: string
}

export const fileOf = (providerUrl: string, tokens: Tokens, times: number): string => {
  const millis = (seconds: number) => Duration.toMillis(played(seconds, times))
  const file = {
    // Whoever ends the play does not want to wait for its calls.
    listen: { port: 0, drainTimeout: 500 },
    admin: { port: 0, token: tokens.admin },
    providers: { simulated: { baseUrl: providerUrl, speaks: ["chat"] } },
    // The next model is the second try.
    defaults: { retry: { maxAttempts: 1 } },
    models: Object.fromEntries(models.map((model) => {
      const { atOnce, attempt, maxWait, openFor, queue } = guardOf(model)
      return [model, {
        provider: "simulated",
        attemptTimeout: millis(attempt),
        bulkhead: { concurrency: atOnce, queue, maxWait: millis(maxWait) },
        breaker: {
          window: { lastCalls: circuit.window },
          minimumCalls: circuit.minimumCalls,
          failureRate: circuit.failureRate,
          openFor: millis(openFor),
          halfOpen: { calls: circuit.probes }
        }
      }]
    })),
    cascades: {
      assistant: {
        steps: models,
        deadline: millis(promise),
        cache: { timeToLive: millis(freshFor) },
        canned: {
          zh: "当前服务繁忙，AI 助手稍后将回复您。",
          en: "We are very busy right now. The assistant will answer you shortly."
        }
      }
    },
    prices: {
      "gpt-4.1": { input: 2.5, output: 8 },
      "claude-sonnet-4.5": { input: 3, output: 15 },
      "gemini-2.5-flash": { input: 0.3, output: 2.5 },
      "deepseek-v3.2": { input: 0.28, output: 0.42 }
    },
    clients: [{ name: "shop", token: tokens.shop, budget: { dollars: 100, window: "day" } }]
  }
  // JSON is YAML.
  return JSON.stringify(file)
}
