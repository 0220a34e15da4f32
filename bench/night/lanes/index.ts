/** What is compared: what a user of TypeScript would pick, each set up as its documentation says. */

export interface LaneOfNight {
  readonly name: string
  readonly file: URL
  /** The file of its first use. */
  readonly firstUse: string
}

const lane = (name: string, file: string, firstUse = file): LaneOfNight => ({
  name,
  file: new URL(file, import.meta.url),
  firstUse
})

/** What the others are compared with, which have no cache: no two questions are alike, and a refused one waits. */
export const ours = lane("switchgear, unique questions, queue", "switchgearWaiting.ts", "switchgear.ts")

export const peers: ReadonlyArray<LaneOfNight> = [
  lane("cockatiel + openai", "cockatiel.ts"),
  lane("opossum + openai", "opossum.ts"),
  lane("ai-retry", "aiRetry.ts"),
  lane("ai-fallback", "aiFallback.ts"),
  lane("llm-retry-kit", "llmRetryKit.ts"),
  lane("llm-retry-kit, hedged", "llmRetryKitHedged.ts", "llmRetryKit.ts"),
  lane("@stackbilt/llm-providers", "stackbilt.ts"),
  lane("resilient-llm", "resilientLlm.ts"),
  lane("openai, its own retries", "openai.ts")
]

export const lanes: ReadonlyArray<LaneOfNight> = [
  lane("switchgear", "switchgear.ts"),
  lane("switchgear, unique questions", "switchgearUnique.ts", "switchgear.ts"),
  ours,
  ...peers
]
