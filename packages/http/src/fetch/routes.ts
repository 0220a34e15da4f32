/** The routes of model APIs, by the ends of their paths: what may be sent again, and by what their answers are judged. */
import { messages } from "../apis/messages.ts"
import type { Readable } from "../apis/eventDecoder.ts"
import { responses } from "../apis/responses.ts"

export interface Route {
  /** How its streams are read: as chat completions, by the events of an API, or not at all. */
  readonly events: "chat" | Readable | undefined
  /** In whose words it is refused. */
  readonly words: "openai" | "anthropic"
}

const other: Route = { events: undefined, words: "openai" }

const routes: ReadonlyArray<readonly [end: string, route: Route]> = [
  ["/chat/completions", { events: "chat", words: "openai" }],
  ["/responses", { events: responses, words: "openai" }],
  ["/messages", { events: messages, words: "anthropic" }],
  ["/messages/count_tokens", { events: undefined, words: "anthropic" }],
  ["/embeddings", other],
  ["/completions", other]
]

/** The route of a request; undefined for one that is no question to a model. */
export const routeOf = (method: string, { pathname }: URL): Route | undefined =>
  method === "POST" ? routes.find(([end]) => pathname.endsWith(end))?.[1] : undefined
