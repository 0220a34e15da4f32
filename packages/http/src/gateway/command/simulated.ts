/** What the gateway serves without a file: the four models of the incident, at a provider that is simulated in the process. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as ChatClient from "../../ChatClient.ts"
import * as Behaviour from "../../testing/Behaviour.ts"
import * as SimulatedProvider from "../../testing/SimulatedProvider.ts"
import type { ClientOf } from "../service/targets.ts"

/** With a token for operators, who see the gateway at work. */
export const fileFor = (token: string): string => `
listen: { port: 4180 }
admin: { port: 4181, token: "${token}" }
providers:
  simulated: { baseUrl: http://simulated.test/v1, speaks: [chat] }
models:
  gpt-4.1: { provider: simulated }
  claude-sonnet-4.5: { provider: simulated }
  gemini-2.5-flash: { provider: simulated }
  deepseek-v3.2: { provider: simulated }
cascades:
  assistant:
    steps: [gpt-4.1, claude-sonnet-4.5, gemini-2.5-flash, deepseek-v3.2]
    deadline: 25 seconds
    canned:
      zh: 当前服务繁忙，AI 助手稍后将回复您。
      en: We are very busy right now. The assistant will answer you shortly.
prices:
  gpt-4.1: { input: 2.5, output: 8 }
  claude-sonnet-4.5: { input: 3, output: 15 }
  gemini-2.5-flash: { input: 0.3, output: 2.5 }
  deepseek-v3.2: { input: 0.28, output: 0.42 }
`

const latencies = { "gpt-4.1": 800, "claude-sonnet-4.5": 900, "gemini-2.5-flash": 400, "deepseek-v3.2": 600 }

/** Clients whose provider is simulated. */
export const client: Effect.Effect<ClientOf, never, Scope.Scope> = Effect.map(
  Layer.build(SimulatedProvider.layer({
    models: Object.fromEntries(
      Object.entries(latencies).map(([model, millis]) => [model, {
        outcome: Behaviour.ok(`Hello, this is the simulated ${model}.`),
        latency: Behaviour.logNormal({ median: millis, p95: 2 * millis })
      }])
    )
  })),
  (provider) => (options) =>
    ChatClient.layer({ provider: options.provider, baseUrl: options.baseUrl }).pipe(
      Layer.provide(SimulatedProvider.layerHttpClient),
      Layer.provide(Layer.succeedContext(provider))
    )
)
