/** What an API of a provider is besides chat completions: how it is asked, what it answers, and how it says that it fails. */
import type { Api, Fields } from "../../apis/model.ts"
import type { Spoken } from "../config/model.ts"
import type { Reply } from "../server/refusals.ts"

export type { EventSays, Fields, Said } from "../../apis/model.ts"

/** How an API tells what went wrong. */
export interface Words {
  /** A refusal that is written as OpenAI does, in the words of the API. `id` is that of the request. */
  readonly reply: (reply: Reply, id: string) => Reply
  /** The same in a stream that has begun, of which `sequence` events came with a number. */
  readonly event: (reply: Reply, id: string, sequence: number) => string
  readonly unknownModel: (model: string) => Reply
  readonly missing: (param: string) => Reply
  readonly wrongType: (param: string, expected: string) => Reply
  /** What each answer has in its head. */
  readonly headers: (id: string) => Readonly<Record<string, string>>
}

export type Name = "embeddings" | "messages" | "count_tokens" | "responses"

export interface Dialect extends Api {
  readonly name: Name
  /** The word of `speaks` by which a provider has it. */
  readonly spoken: Spoken
  /** What it is for OpenTelemetry. */
  readonly operation: "chat" | "count_tokens" | "embeddings"
  /** Below `/v1` here, and below the base URL of a provider. */
  readonly path: string
  readonly words: Words
  /** Whether a cascade moves on to any model, or only to the same model elsewhere. */
  readonly movesTo: "any model" | "the same model"
  readonly cost: "billed" | "free"
  /** How a key is sent: as a bearer token, or in a header of this name. */
  readonly keyHeader: "authorization" | "x-api-key"
  /** Headers of a client that are passed on, by the beginning of their names; and those that are sent without them. */
  readonly headers: { readonly passed: string; readonly otherwise: Readonly<Record<string, string>> } | undefined
  /** What is wrong with a request. */
  readonly refuse: (body: Fields) => Reply | undefined
  /** A request in the form in which its tokens are estimated, its answer is kept, and errors are searched for its texts. */
  readonly plain: (body: Fields) => Fields
}
