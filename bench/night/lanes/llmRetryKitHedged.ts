/** The same with its adaptive hedge: the next provider is asked as well after the 95th percentile of recent answers. */
import { AdaptiveHedgeDelay } from "llm-retry-kit"
import { laneOf } from "./llmRetryKit.ts"

export const make = laneOf({
  hedgeDelayStrategy: new AdaptiveHedgeDelay({
    percentile: 0.95,
    sampleSize: 100,
    minSamples: 10,
    minDelayMs: 100,
    maxDelayMs: 400,
    defaultDelayMs: 200
  })
})
