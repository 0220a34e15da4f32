/** ai-retry: a model of the AI SDK, the others as its fallbacks, each with its own time-out. */
import { generateText } from "ai"
import { createRetryableModel } from "ai-retry/language-model"
import { type MakeLane, saidBy } from "../answers.ts"
import { limits } from "../guards.ts"
import { aiModels } from "./aiModels.ts"

export const make: MakeLane = (urls) => {
  const [first, ...others] = aiModels(urls, "own")
  const model = createRetryableModel({
    model: first!,
    retries: others.map((model, i) => ({ model, timeout: limits[i + 1]!.attempt })),
    // How long it stays with the fallback that has answered.
    reset: "after-3-seconds"
  })
  return async (prompt) => {
    const { text } = await generateText({
      model,
      prompt,
      maxRetries: 0,
      abortSignal: AbortSignal.timeout(limits[0]!.attempt)
    })
    return saidBy(text)
  }
}
