/** What clients can ask for, by name: the models and the cascades of a file, made and guarded. */
import type * as CircuitBreaker from "@switchgear/core/CircuitBreaker"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ChatClient from "../../ChatClient.ts"
import type { ChatFailure } from "../../ChatFailure.ts"
import * as ChatModel from "../../ChatModel.ts"
import * as ModelCascade from "../../ModelCascade.ts"
import type * as NodeTransport from "../../NodeTransport.ts"
import type { Config, InitialState } from "../config/model.ts"
import { saidBy } from "../config/said.ts"
import type { Use } from "./keeper.ts"

/** One name that a request can give as its `model`. */
export interface Target {
  readonly name: string
  /** The provider of a model; of a cascade, this gateway. */
  readonly owner: string
  readonly chat: ChatModel.ChatModel<ChatFailure>
}

export type Targets = ReadonlyMap<string, Target>

/** Providers by name, for what there is to read of their keys. */
export type Providers = ReadonlyMap<string, ChatClient.ChatClient["Service"]>

/** What was made of a file. */
export interface Made {
  readonly targets: Targets
  readonly providers: Providers
}

/** How the client of a provider is made. */
export type ClientOf = (options: NodeTransport.ChatClientOptions) => Layer.Layer<ChatClient.ChatClient>

export const make = (config: Config, clientOf: ClientOf, use: Use): Effect.Effect<Made> =>
  Effect.gen(function*() {
    const clients = new Map<string, ChatClient.ChatClient["Service"]>()
    for (const [name, { options, said }] of Object.entries(config.providers)) {
      const made = Effect.map(Layer.build(clientOf(options)), Context.get(ChatClient.ChatClient))
      clients.set(name, yield* use(`provider ${name}`, said, made))
    }
    const models = new Map<string, ChatModel.GuardedModel>()
    for (const [name, { initialState, options, provider, said }] of Object.entries(config.models)) {
      // Operators want to see how long calls take, unless the file says otherwise.
      const breaker = { measureDurations: "on" as const, ...options.breaker }
      const made = Effect.tap(
        ChatModel.make({ ...options, breaker, client: clients.get(provider)! }),
        ({ breaker }) => initialState === undefined ? Effect.void : commandOf(initialState, breaker.control)
      )
      models.set(name, yield* use(`model ${name}`, saidBy(said, config.providers[provider]!.said), made))
    }
    const targets = new Map<string, Target>()
    for (const [name, { options, said, steps }] of Object.entries(config.cascades)) {
      const [first, ...others] = steps.map((step) => ({ model: models.get(step)! }))
      const made = ModelCascade.make({ ...options, models: [first!, ...others] })
      const saidOfSteps = steps.map((
        step
      ) => [config.models[step]!.said, config.providers[config.models[step]!.provider]!.said])
      targets.set(name, {
        name,
        owner: "switchgear",
        chat: yield* use(`cascade ${name}`, saidBy(said, saidOfSteps), made)
      })
    }
    for (const [name, { provider }] of Object.entries(config.models)) {
      targets.set(name, { name, owner: provider, chat: models.get(name)! })
    }
    return { targets, providers: clients }
  })

const commandOf = (state: InitialState, control: CircuitBreaker.Control): Effect.Effect<void> => {
  switch (state) {
    case "Open":
      return control.trip()
    case "ForcedOpen":
      return control.forceOpen
    case "Disabled":
      return control.disable
    case "MetricsOnly":
      return control.metricsOnly
  }
}
