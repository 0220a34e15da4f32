import { Canned, ChatClient, ChatModel, ModelCascade } from "@switchgear/http"
import { Behaviour, SimulatedProvider } from "@switchgear/http/testing"
import { Effect, Layer } from "effect"
import { modelOf } from "./modelOf.ts"

export const names = ["gpt-4.1", "claude-sonnet-4.5", "gemini-2.5-flash", "deepseek-v3.2"] as const
export const [gpt, claude, gemini, deepseek] = names

export const ask = (content: string): ChatModel.Request => ({ messages: [{ role: "user", content }] })
export const hello = ask("hello")

/** The four models of the night, each behaving as told, in one cascade down to the sentence. */
export const setting = (
  behaviours: Partial<Record<(typeof names)[number], Behaviour.Behaviour>> = {},
  options: Partial<ModelCascade.OptionsWithFloor> = {},
  steps: Partial<Record<(typeof names)[number], Omit<ModelCascade.Step, "model">>> = {}
) =>
  Effect.gen(function*() {
    const provider = yield* SimulatedProvider.make({
      models: Object.fromEntries(names.map((name) => [name, behaviours[name] ?? {}]))
    })
    const client = ChatClient.layer({ provider: "test", baseUrl: "http://simulated.test/v1" }).pipe(
      Layer.provide(SimulatedProvider.layerHttpClient),
      Layer.provide(Layer.succeed(SimulatedProvider.SimulatedProvider, provider))
    )
    const step = (model: (typeof names)[number]) =>
      Effect.map(
        modelOf({ model, attemptTimeout: "5 seconds", retry: { maxAttempts: 1 } }),
        (made): ModelCascade.Step => ({ ...steps[model], model: made })
      ).pipe(Effect.provide(client))
    const cascade = yield* ModelCascade.make({
      models: [yield* step(gpt), yield* step(claude), yield* step(gemini), yield* step(deepseek)],
      canned: Canned.sentences,
      // Most of the tests below are about kept answers.
      cache: { timeToLive: "5 minutes" },
      ...options
    })
    const asked = Effect.map(
      Effect.forEach(names, provider.stats),
      (stats) => stats.map(({ started }) => started)
    )
    return { asked, cascade, provider }
  })

export const all = (behaviour: Behaviour.Behaviour) => Object.fromEntries(names.map((name) => [name, behaviour]))

export const down = { outcome: Behaviour.serverError }
