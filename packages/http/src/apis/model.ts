/** What an API of a provider answers, in the form in which guards, cascades and ledgers read it. */
import type { ChatChunk, ChatReply, ChatRequest } from "../ChatSchema.ts"

export type Fields = Readonly<Record<string, unknown>>

/** What an answer says. */
export interface Said extends Pick<ChatReply, "usage" | "model"> {
  readonly content: unknown
  /** As of a chat completion: `stop` for an answer that is worth keeping. */
  readonly finish: "stop" | "length" | "content_filter"
}

/** What an event of a stream says. */
export interface EventSays extends Pick<ChatChunk, "usage" | "model"> {
  /** What it adds to the answer: something with text commits to this answer. */
  readonly delta?: Fields | undefined
  readonly is?: "good end" | "error" | undefined
  /** Whether it is the one with the usage of the whole answer, in which is told where that comes from. */
  readonly closes?: true | undefined
  /** Its number, where the events of the API have one. */
  readonly sequence?: number | undefined
}

/** How the answers of an API are read. */
export interface Api {
  /** What a good answer is, as errors name it. */
  readonly expected: string
  /** What a whole answer to a request in its plain form says; undefined where it is none. Its errors were found before. */
  readonly answer: (json: Fields, plain: ChatRequest) => Said | "failed" | undefined
  /** What an event says. An API that has no streams has none. */
  readonly event: ((json: Fields) => EventSays) | undefined
}
