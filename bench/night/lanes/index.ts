/** What is compared: what a user of TypeScript would pick, each set up as its documentation says. */
import type { Guard, Part } from "./switchgear.ts"

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

const switchgear = (
  name: string,
  { parts = [], without = [] }: { readonly parts?: ReadonlyArray<Part>; readonly without?: ReadonlyArray<Guard> } = {}
): LaneOfNight => {
  const made = lane(name, "switchgear.ts")
  for (const part of parts) made.file.searchParams.append("with", part)
  for (const guard of without) made.file.searchParams.append("without", guard)
  return made
}

/** What the others are compared with, which have no cache: no two questions are alike, and a refused one waits. */
export const ours = switchgear("switchgear, unique questions, queue", { parts: ["queue"] })

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
  switchgear("switchgear", { parts: ["cache"] }),
  switchgear("switchgear, unique questions"),
  ours,
  ...peers
]

const without = (guard: Guard): LaneOfNight =>
  switchgear(`without the ${guard}`, { parts: ["queue"], without: [guard] })

/** Switchgear with all guards, and without each of them. */
export const guards: ReadonlyArray<LaneOfNight> = [
  switchgear("all guards, a queue, a cache", { parts: ["queue", "cache"] }),
  { ...ours, name: "without the cache" },
  switchgear("without the cache and the queue"),
  without("circuit"),
  without("bulkhead"),
  without("attempt time-out"),
  without("next models"),
  without("sentence"),
  switchgear("with limits that move", { parts: ["queue", "limit"] }),
  switchgear("with hedges", { parts: ["queue", "hedge"] }),
  switchgear("with limits that move and hedges", { parts: ["queue", "limit", "hedge"] })
]
