/** A plain client for each model that does not try again by itself: what the generic guards are put around. */
import OpenAI from "openai"
import { type Got, saidBy } from "../answers.ts"
import { limits } from "../guards.ts"
import { models } from "../script.ts"

/** Asks one model. */
export type Client = (question: string, signal?: AbortSignal) => Promise<Got>

export const clientsOf = (urls: ReadonlyArray<string>): ReadonlyArray<Client> =>
  models.map((model, i) => {
    const client = new OpenAI({ apiKey: "none", baseURL: urls[i]!, timeout: limits[i]!.attempt, maxRetries: 0 })
    return async (content, signal) => {
      const asked = { model, messages: [{ role: "user" as const, content }] }
      const { choices } = await client.chat.completions.create(asked, signal === undefined ? {} : { signal })
      return saidBy(choices[0]?.message.content)
    }
  })
