/**
 * The names by which providers tell what a reply used and what it cost: a line for each name. A new provider is a new
 * line, and a row in the test of this table.
 */

/** What is counted. */
export type Count =
  | "prompt"
  | "toolPrompt"
  | "completion"
  | "total"
  | "cacheRead"
  | "cacheMiss"
  | "cacheWrite"
  | "cacheWrite5m"
  | "cacheWrite1h"
  | "audioInput"
  | "reasoning"
  | "audioOutput"

/** Where in a usage a count is told. */
export interface Name {
  readonly count: Count
  /** The field of the usage, and the path within it. */
  readonly field: string
  readonly path: ReadonlyArray<string>
  /** The name of the count that this one comes on top of, where its provider counts the two apart. */
  readonly apartFrom: string | undefined
  /** Of names that tell the same, the one with the lowest place counts. */
  readonly place: number
}

const names: ReadonlyArray<readonly [count: Count, path: string, apartFrom?: string]> = [
  // Chat completions
  ["prompt", "prompt_tokens"],
  ["completion", "completion_tokens"],
  ["total", "total_tokens"],
  ["cacheRead", "prompt_tokens_details.cached_tokens"],
  ["cacheWrite", "prompt_tokens_details.cache_write_tokens"],
  ["audioInput", "prompt_tokens_details.audio_tokens"],
  ["reasoning", "completion_tokens_details.reasoning_tokens"],
  ["audioOutput", "completion_tokens_details.audio_tokens"],
  // Responses
  ["prompt", "input_tokens"],
  ["completion", "output_tokens"],
  ["cacheRead", "input_tokens_details.cached_tokens"],
  ["cacheWrite", "input_tokens_details.cache_write_tokens"],
  ["cacheWrite", "input_tokens_details.cache_creation_tokens"],
  ["cacheWrite", "input_tokens_details.cached_creation_tokens"],
  ["audioInput", "input_tokens_details.audio_tokens"],
  ["reasoning", "output_tokens_details.reasoning_tokens"],
  ["audioOutput", "output_tokens_details.audio_tokens"],
  // Anthropic
  ["cacheRead", "cache_read_input_tokens", "input_tokens"],
  ["cacheWrite", "cache_creation_input_tokens", "input_tokens"],
  ["cacheWrite5m", "cache_creation.ephemeral_5m_input_tokens", "input_tokens"],
  ["cacheWrite1h", "cache_creation.ephemeral_1h_input_tokens", "input_tokens"],
  // LiteLLM
  ["cacheRead", "prompt_tokens_details.cache_read_tokens"],
  ["cacheWrite", "prompt_tokens_details.cache_creation_tokens"],
  ["cacheWrite5m", "prompt_tokens_details.cache_creation_token_details.ephemeral_5m_input_tokens"],
  ["cacheWrite1h", "prompt_tokens_details.cache_creation_token_details.ephemeral_1h_input_tokens"],
  // New API
  ["cacheWrite", "prompt_tokens_details.cached_creation_tokens"],
  ["cacheWrite5m", "claude_cache_creation_5_m_tokens"],
  ["cacheWrite1h", "claude_cache_creation_1_h_tokens"],
  // Qwen
  ["cacheWrite", "prompt_tokens_details.cache_creation_input_tokens"],
  ["cacheWrite5m", "prompt_tokens_details.cache_creation.ephemeral_5m_input_tokens"],
  // DeepSeek
  ["cacheRead", "prompt_cache_hit_tokens"],
  ["cacheMiss", "prompt_cache_miss_tokens"],
  // Moonshot, Together
  ["cacheRead", "cached_tokens"],
  // Mistral
  ["cacheRead", "num_cached_tokens"],
  // Perplexity, xAI
  ["reasoning", "reasoning_tokens"],
  // Gemini
  ["prompt", "promptTokenCount"],
  ["completion", "candidatesTokenCount"],
  ["total", "totalTokenCount"],
  ["cacheRead", "cachedContentTokenCount"],
  ["reasoning", "thoughtsTokenCount", "candidatesTokenCount"],
  // What the tools of Google gave back is read by the model and counted beside the prompt.
  ["toolPrompt", "toolUsePromptTokenCount"],
  // Cohere
  ["prompt", "billed_units.input_tokens"],
  ["completion", "billed_units.output_tokens"],
  // Bedrock
  ["prompt", "inputTokens"],
  ["completion", "outputTokens"],
  ["total", "totalTokens"],
  ["cacheRead", "cacheReadInputTokens", "inputTokens"],
  ["cacheWrite", "cacheWriteInputTokens", "inputTokens"],
  // Vercel's AI SDK
  ["prompt", "promptTokens"],
  ["completion", "completionTokens"],
  ["cacheRead", "cachedInputTokens"],
  ["reasoning", "reasoningTokens"],
  // Ollama
  ["prompt", "prompt_eval_count"],
  ["completion", "eval_count"],
  // watsonx
  ["prompt", "input_token_count"],
  ["completion", "generated_token_count"]
]

/** A place in a usage: the names that end there, and the places inside of it by their field. */
export interface CountPlace {
  readonly names: ReadonlyArray<Name>
  readonly inside: ReadonlyMap<string, CountPlace>
}

const placeOf = (names: ReadonlyArray<Name>, depth: number): CountPlace => ({
  names: names.filter(({ path }) => path.length === depth),
  inside: placesBy(names.filter(({ path }) => path.length > depth), (name) => name.path[depth]!, depth + 1)
})

const placesBy = (names: ReadonlyArray<Name>, fieldOf: (name: Name) => string, depth: number) =>
  new Map(Array.from(Map.groupBy(names, fieldOf), ([field, names]) => [field, placeOf(names, depth)]))

/** The places by the field that they begin with. */
export const countPlaces: ReadonlyMap<string, CountPlace> = placesBy(
  names.map(([count, written, apartFrom], place): Name => {
    const [field = "", ...path] = written.split(".")
    return { count, field, path, apartFrom, place }
  }),
  ({ field }) => field,
  0
)

/** Where in a usage its cost is told, and what one of it is in dollars. Of several, the first one told counts. */
export const costNames: ReadonlyArray<{ readonly path: ReadonlyArray<string>; readonly dollars: number }> = ([
  // xAI
  ["cost_in_usd_ticks", 1e-10],
  ["cost_in_nano_usd", 1e-9],
  // OpenRouter
  ["cost", 1],
  // Perplexity
  ["cost.total_cost", 1],
  // 9Router
  ["cost.total", 1],
  // DeepInfra
  ["estimated_cost", 1]
] as const).map(([path, dollars]) => ({ path: path.split("."), dollars }))

/** The fields that a cost begins with. */
export const costFields: ReadonlySet<string | undefined> = new Set(costNames.map(({ path }) => path[0]))

/** Where in a choice a cost in dollars is told beside the usage: Vercel's AI Gateway. */
export const costPlacesInChoice: ReadonlyArray<ReadonlyArray<string>> = [
  "message.provider_metadata.gateway.cost",
  "delta.provider_metadata.gateway.cost"
].map((path) => path.split("."))

/** Where a usage tells in which currency its cost is. */
export const currencyPlaces: ReadonlyArray<ReadonlyArray<string>> = [["currency"], ["cost_currency"], [
  "cost",
  "currency"
]]

/** Where in a reply or a chunk a usage is told. */
export const usagePlaces: ReadonlyArray<ReadonlyArray<string>> = [
  "usage",
  // Groq
  "x_groq.usage",
  // Gemini
  "usageMetadata",
  // Events of Anthropic and of Responses that a proxy passes on
  "message.usage",
  "response.usage"
].map((path) => path.split("."))

/** Where in a choice a usage is told: Moonshot. */
export const usagePlacesInChoice: ReadonlyArray<ReadonlyArray<string>> = ["usage", "delta.usage", "message.usage"].map((
  path
) => path.split("."))

/** What is found in a value by a path of fields. */
export const at = (value: unknown, path: ReadonlyArray<string>): unknown => {
  let found = value
  for (const field of path) {
    if (typeof found !== "object" || found === null) return undefined
    const inner: unknown = (found as Readonly<Record<string, unknown>>)[field]
    // Asked only where there is something: most fields are not there, and each question takes its time.
    if (inner === undefined || !Object.hasOwn(found, field)) return undefined
    found = inner
  }
  return found
}
