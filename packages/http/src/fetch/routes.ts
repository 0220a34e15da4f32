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

const routes: ReadonlyArray<readonly [path: RegExp, route: Route]> = [
  [/\/responses$/, { events: responses, words: "openai" }],
  [/\/v1\/messages$/, { events: messages, words: "anthropic" }],
  [/\/v1\/messages\/count_tokens$/, { events: undefined, words: "anthropic" }],
  // At the root it is what llama.cpp has there, with events of its own.
  [/.\/completions$/, { events: "chat", words: "openai" }],
  [/\/(?:embeddings|completions)$/, other]
]

const chat: Route = { events: "chat", words: "openai" }

/**
 * The route of a request; undefined for one that is no question to a model. The paths of others end in the same words, and a
 * message that is posted twice is there twice: so a model must be named, in the body or as a deployment.
 */
export const routeOf = (method: string, { pathname }: URL, body: unknown): Route | undefined => {
  if (method !== "POST") return undefined
  if (pathname.endsWith("/chat/completions")) return chat
  const route = routes.find(([path]) => path.test(pathname))?.[1]
  const isNamed = typeof body === "string" && /"model"\s*:\s*"/.test(body) || pathname.includes("/deployments/")
  return isNamed ? route : undefined
}
