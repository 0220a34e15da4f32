/** What clients can ask for, by name: the models and the cascades of a file, made and guarded. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as ChatClient from "../../ChatClient.ts"
import type { ChatFailure } from "../../ChatFailure.ts"
import * as ChatModel from "../../ChatModel.ts"
import * as ModelCascade from "../../ModelCascade.ts"
import type * as NodeTransport from "../../NodeTransport.ts"
import type { Config } from "../config/model.ts"

/** One name that a request can give as its `model`. */
export interface Target {
  readonly name: string
  /** The provider of a model; of a cascade, this gateway. */
  readonly owner: string
  readonly chat: ChatModel.ChatModel<ChatFailure>
}

export type Targets = ReadonlyMap<string, Target>

/** How the client of a provider is made. */
export type ClientOf = (options: NodeTransport.ChatClientOptions) => Layer.Layer<ChatClient.ChatClient>

export const make = (config: Config, clientOf: ClientOf): Effect.Effect<Targets, never, Scope.Scope> =>
  Effect.gen(function*() {
    const clients = new Map<string, ChatClient.ChatClient["Service"]>()
    for (const [name, options] of Object.entries(config.providers)) {
      clients.set(name, Context.get(yield* Layer.build(clientOf(options)), ChatClient.ChatClient))
    }
    const models = new Map<string, ChatModel.GuardedModel>()
    for (const [name, { options, provider }] of Object.entries(config.models)) {
      models.set(name, yield* ChatModel.make({ ...options, client: clients.get(provider)! }))
    }
    const targets = new Map<string, Target>()
    for (const [name, { options, steps }] of Object.entries(config.cascades)) {
      const [first, ...others] = steps.map((step) => ({ model: models.get(step)! }))
      const chat = yield* ModelCascade.make({ ...options, models: [first!, ...others] })
      targets.set(name, { name, owner: "switchgear", chat })
    }
    for (const [name, { provider }] of Object.entries(config.models)) {
      targets.set(name, { name, owner: provider, chat: models.get(name)! })
    }
    return targets
  })
