/** ai-fallback: the models of the AI SDK in order, and back to the first after a while. */
import { generateText } from "ai"
import { createFallback } from "ai-fallback"
import { type MakeLane, saidBy } from "../answers.ts"
import { limits } from "../guards.ts"
import { patience } from "../script.ts"
import { aiModels } from "./aiModels.ts"

export const make: MakeLane = (urls) => {
  const model = createFallback({
    models: aiModels(urls, "of each model"),
    modelResetInterval: limits[0]!.openFor,
    // By default it does not move on after a time-out.
    shouldRetryThisError: () => true
  })
  return async (prompt) => {
    const { text } = await generateText({
      model,
      prompt,
      maxRetries: 0,
      abortSignal: AbortSignal.timeout(patience)
    })
    return saidBy(text)
  }
}
