/** Models in the APIs besides chat completions: behind the guards that they have there, and asked by the same client. */
import type * as ChatClient from "../../ChatClient.ts"
import { connectionOf } from "../../chatClient/client.ts"
import { alsoThrough } from "../../chatModel/guarded.ts"
import type * as ChatModel from "../../ChatModel.ts"
import type { Config } from "../config/model.ts"
import { addressOf, type Watch } from "../service/watched.ts"
import { all } from "./all.ts"
import { clientsOf } from "./client.ts"
import type { Dialect } from "./model.ts"

/** What was made of a file, by its names. */
export interface Made {
  readonly clients: ReadonlyMap<string, ChatClient.ChatClient["Service"]>
  readonly models: ReadonlyMap<string, ChatModel.GuardedModel>
  readonly watch: Watch
}

/** For each API, those of some models that can be asked in it one after another; no API of which there is none. */
export type SpokenBy = (
  models: ReadonlyArray<string>
) => ReadonlyArray<readonly [Dialect, readonly [ChatModel.GuardedModel, ...ReadonlyArray<ChatModel.GuardedModel>]]>

export const spokenBy = ({ models, providers }: Config, made: Made): SpokenBy => {
  const asked = (name: string, dialect: Dialect): ReadonlyArray<Asked> => {
    const { options, provider } = models[name]!
    const connection = connectionOf(made.clients.get(provider)!)
    const { options: { baseUrl }, speaks } = providers[provider]!
    if (connection === undefined || !speaks.includes(dialect.spoken)) return []
    const client = made.watch(clientsOf(connection)(dialect), {
      operation: dialect.operation,
      address: addressOf(baseUrl)
    })
    return [{ model: options.model, guarded: alsoThrough(made.models.get(name)!, client) }]
  }
  return (names) =>
    all.flatMap((dialect) => {
      const able = names.flatMap((name) => asked(name, dialect))
      const [first, ...others] = dialect.movesTo === "any model"
        ? able
        : able.filter(({ model }) => model === able[0]!.model)
      return first === undefined ? [] : [[dialect, [first.guarded, ...others.map(({ guarded }) => guarded)]] as const]
    })
}

interface Asked {
  /** As its provider knows it. */
  readonly model: string
  readonly guarded: ChatModel.GuardedModel
}
