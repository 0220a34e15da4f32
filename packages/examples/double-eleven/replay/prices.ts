/** What the models cost, in dollars for a million tokens: those of output as the article prints them. */
import { Pricing } from "@switchgear/http"
import type { Model } from "./night.ts"

export const prices: Readonly<Record<Model, Pricing.Price>> = {
  "gpt-4.1": Pricing.price({ input: 2, output: 8 }),
  "claude-sonnet-4.5": Pricing.price({ input: 3, output: 15 }),
  "gemini-2.5-flash": Pricing.price({ input: 0.3, output: 2.5 }),
  "deepseek-v3.2": Pricing.price({ input: 0.28, output: 0.42 })
}
