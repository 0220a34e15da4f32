/** The models as the AI SDK sees them. */
import { createOpenAICompatible } from "@ai-sdk/openai-compatible"
import { limits } from "../guards.ts"
import { models } from "../script.ts"

/** A `fetch` that gives up: the SDK has no time-out for one model of several. */
const within = (millis: number): typeof fetch => (input, init) =>
  fetch(input, {
    ...init,
    signal: AbortSignal.any([AbortSignal.timeout(millis), ...(init?.signal ? [init.signal] : [])])
  })

export const aiModels = (urls: ReadonlyArray<string>, timeouts: "own" | "of each model") =>
  models.map((name, i) =>
    createOpenAICompatible({
      name,
      apiKey: "none",
      baseURL: urls[i]!,
      ...timeouts === "of each model" && { fetch: within(limits[i]!.attempt) }
    })(name)
  )
