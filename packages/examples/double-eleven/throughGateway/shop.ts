/** The shop whose customers ask, by the official client of OpenAI as it is. */
import { Effect } from "effect"
import OpenAI from "openai"

/** What customers got so far. */
export interface Counts {
  asked: number
  /** Answers by how far they are from what was asked for. */
  readonly answered: Map<string, number>
  /** Errors that customers saw, by their message. */
  readonly errors: Map<string, number>
}

export interface Shop {
  readonly counts: Counts
  /** Answers one customer. Never fails: an error is counted. */
  readonly serve: (question: string) => Effect.Effect<void>
}

export const shopAt = (baseURL: string, apiKey: string): Shop => {
  const client = new OpenAI({ baseURL, apiKey })
  const counts: Counts = { asked: 0, answered: new Map(), errors: new Map() }
  const count = (of: Map<string, number>, name: string) => of.set(name, (of.get(name) ?? 0) + 1)
  return {
    counts,
    serve: (question) =>
      Effect.suspend(() => {
        counts.asked++
        return Effect.tryPromise({
          try: (signal) =>
            client.chat.completions.create({ model: "assistant", messages: [{ role: "user", content: question }] }, {
              signal
            }).withResponse(),
          catch: (error) => error instanceof Error ? error.message : String(error)
        })
      }).pipe(Effect.match({
        onSuccess: ({ response }) =>
          void count(counts.answered, response.headers.get("x-switchgear-degradation") ?? "unmarked"),
        onFailure: (message) => void count(counts.errors, message)
      }))
  }
}
