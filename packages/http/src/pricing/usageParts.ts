/**
 * The counts of a provider, which overlap, as parts that do not: every token is in exactly one part, whatever the
 * provider wrote.
 */
import type { Usage } from "../ChatSchema.ts"

/** The parts of a usage that can have prices of their own, those of the prompt first. */
export const partNames = [
  "input",
  "cachedInput",
  "cacheWrite",
  "audioInput",
  "output",
  "reasoning",
  "audioOutput"
] as const

/**
 * A kind of token that can have a price of its own: of the prompt `input`, `cachedInput`, `cacheWrite` and
 * `audioInput`, of the completion `output`, `reasoning` and `audioOutput`.
 *
 * @category models
 * @since 0.1.0
 */
export type Part = (typeof partNames)[number]

/**
 * How many tokens each part has. No token is in two of them.
 *
 * @category models
 * @since 0.1.0
 */
export type Parts = { readonly [P in Part]: number }

export const nothing: Parts = {
  input: 0,
  cachedInput: 0,
  cacheWrite: 0,
  audioInput: 0,
  output: 0,
  reasoning: 0,
  audioOutput: 0
}

// Far above any reply, and far enough below the safe integers for sums to stay exact.
const mostTokens = 1e15

/** A number of tokens: whole, not negative, and small enough to be added up; undefined where there is no number. */
export const tokens = (count: unknown): number | undefined =>
  typeof count === "number" && !Number.isNaN(count) ? Math.trunc(Math.min(Math.max(count, 0), mostTokens)) : undefined

/** What each part used, or undefined where the provider does not say how much went in or how much came out. */
export const partsOf = (usage: Usage | undefined): Parts | undefined => {
  if (usage === undefined) return undefined
  return usage.prompt_tokens === undefined && tokens(usage["input_tokens"]) !== undefined ? added(usage) : within(usage)
}

/** The chat-completions form: details lie within the totals. */
const within = (usage: Usage): Parts | undefined => {
  const prompt = tokens(usage.prompt_tokens) ?? rest(usage.total_tokens, usage.completion_tokens)
  const completion = tokens(usage.completion_tokens) ?? rest(usage.total_tokens, usage.prompt_tokens)
  if (prompt === undefined || completion === undefined) return undefined
  const { audio_tokens, cache_write_tokens, cached_tokens } = usage.prompt_tokens_details ?? {}
  const { audio_tokens: spoken, reasoning_tokens } = usage.completion_tokens_details ?? {}
  // Details can overlap each other (the audio of a prompt can be cached), so each takes from what those before it left.
  const cachedInput = partOf(prompt, cached_tokens ?? usage["prompt_cache_hit_tokens"])
  const cacheWrite = partOf(prompt - cachedInput, cache_write_tokens)
  const audioInput = partOf(prompt - cachedInput - cacheWrite, audio_tokens)
  const reasoning = partOf(completion, reasoning_tokens)
  const audioOutput = partOf(completion - reasoning, spoken)
  return {
    input: prompt - cachedInput - cacheWrite - audioInput,
    cachedInput,
    cacheWrite,
    audioInput,
    output: completion - reasoning - audioOutput,
    reasoning,
    audioOutput
  }
}

/** Anthropic's own form: what touched the cache comes on top of `input_tokens`. */
const added = (usage: Usage): Parts | undefined => {
  const output = tokens(usage["output_tokens"])
  return output === undefined ? undefined : {
    ...nothing,
    input: tokens(usage["input_tokens"])!,
    cachedInput: tokens(usage["cache_read_input_tokens"]) ?? 0,
    cacheWrite: tokens(usage["cache_creation_input_tokens"]) ?? 0,
    output
  }
}

const rest = (total: number | undefined, other: number | undefined): number | undefined =>
  total === undefined || other === undefined ? undefined : tokens(total - Math.max(other, 0))

const partOf = (left: number, detail: unknown): number => Math.min(tokens(detail) ?? 0, left)
