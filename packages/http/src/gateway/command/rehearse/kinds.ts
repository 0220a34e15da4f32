/** How customers ask: in which API of the gateway, and whether for a whole answer or a stream. */
import type { Config, Spoken } from "../../config/model.ts"

export interface Kind {
  readonly name: string
  readonly spoken: Spoken
  readonly delivery: "reply" | "stream"
}

const both = (spoken: Spoken): ReadonlyArray<Kind> => [
  { name: spoken, spoken, delivery: "reply" },
  { name: `${spoken}-stream`, spoken, delivery: "stream" }
]

export const kinds: ReadonlyArray<Kind> = [
  ...both("chat"),
  ...both("messages"),
  ...both("responses"),
  { name: "embeddings", spoken: "embeddings", delivery: "reply" }
]

/** The models that a name stands for, in order. */
export const modelsOf = (config: Config, target: string): ReadonlyArray<string> =>
  config.cascades[target]?.steps ?? [target]

/** Those that a target answers: those that a provider of its models speaks. */
export const kindsOf = (config: Config, target: string): ReadonlyArray<Kind> => {
  const spoken = new Set(
    modelsOf(config, target).flatMap((model) => config.providers[config.models[model]!.provider]!.speaks)
  )
  return kinds.filter((kind) => spoken.has(kind.spoken))
}

/** Where nobody says others. Providers are taken to have embeddings, but a model that chats has none. */
export const usual = (answered: ReadonlyArray<Kind>): ReadonlyArray<Kind> => {
  const written = answered.filter(({ spoken }) => spoken !== "embeddings")
  return written.length > 0 ? written : answered
}
