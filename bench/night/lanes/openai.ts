/** The client alone, as it comes: one model, its own two retries, and a time-out of a second. */
import OpenAI from "openai"
import { type MakeLane, saidBy } from "../answers.ts"
import { models } from "../script.ts"

export const make: MakeLane = ([baseURL]) => {
  const client = new OpenAI({ apiKey: "none", baseURL: baseURL!, timeout: 1000 })
  return async (content) => {
    const { choices } = await client.chat.completions.create({
      model: models[0],
      messages: [{ role: "user", content }]
    })
    return saidBy(choices[0]?.message.content)
  }
}
