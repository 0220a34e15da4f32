/** What the reasons mean for which an answer ended. A new one is a line of the table. */

/** The failure that a reason stands for. */
export interface FinishFailure {
  readonly reason: string
  readonly tag: "ProviderFault" | "Overloaded" | "ContentBlocked" | "ContextTooLong"
  /** The HTTP status that would have said the same. */
  readonly status: number
  /** Whether it is a failure only where the answer has no content. Else what was said before is not an answer either. */
  readonly onlyEmpty: boolean
}

const fault = { tag: "ProviderFault", status: 500, onlyEmpty: false } as const
const overloaded = { tag: "Overloaded", status: 503, onlyEmpty: false } as const
const withdrawn = { tag: "ContentBlocked", status: 400, onlyEmpty: false } as const
const filtered = { tag: "ContentBlocked", status: 400, onlyEmpty: true } as const
const tooLong = { tag: "ContextTooLong", status: 400, onlyEmpty: false } as const

/** In small letters, with `_` between words. */
const failures = {
  // OpenRouter, Mistral, vLLM, Cohere, xAI
  error: fault,
  // seen from gateways
  failed: fault,
  internal_error: fault,
  server_error: fault,
  upstream_error: fault,
  interrupted: fault,
  server_disconnected: fault,
  timeout: { ...fault, status: 504 },
  // vLLM and SGLang: the server gave up on the call
  abort: fault,
  aborted: fault,
  cancelled: fault,
  canceled: fault,
  // Cohere
  error_limit: fault,
  error_toxic: withdrawn,
  // GLM
  network_error: fault,
  sensitive: withdrawn,
  model_context_window_exceeded: tooLong,
  context_window_exceeded: tooLong,
  context_length_exceeded: tooLong,
  prompt_too_long: tooLong,
  // DeepSeek
  insufficient_system_resource: overloaded,
  overloaded,
  rate_limit: overloaded,
  rate_limited: overloaded,
  // OpenAI, Azure and most others
  content_filter: filtered,
  content_filtered: filtered,
  content_policy: filtered,
  moderation: filtered,
  blocked: filtered,
  guardrail: filtered,
  // Anthropic, and those who pass its reasons on
  refusal: filtered,
  // Bedrock
  guardrail_intervened: filtered,
  malformed_model_output: fault,
  malformed_tool_use: fault,
  // Gemini, which passes its own reasons on, also behind a word of OpenAI: `content_filter: SAFETY`
  safety: filtered,
  recitation: filtered,
  language: filtered,
  blocklist: filtered,
  prohibited_content: filtered,
  spii: filtered,
  image_safety: filtered,
  image_prohibited_content: filtered,
  image_recitation: filtered,
  malformed_function_call: fault,
  unexpected_tool_call: fault,
  too_many_tool_calls: fault,
  missing_thought_signature: fault,
  malformed_response: fault,
  other: { ...fault, onlyEmpty: true }
} as const

const table: ReadonlyMap<string, FinishFailure> = new Map(
  Object.entries(failures).map(([reason, failure]) => [reason, { reason, ...failure }])
)

/** What DashScope and others write while an answer goes on. */
const goingOn: ReadonlySet<string> = new Set(["", "null", "none", "unspecified", "finish_reason_unspecified"])

/** Whether a `finish_reason` says that the answer has ended. */
export const isFinish = (reason: unknown): reason is string =>
  typeof reason === "string" && !goingOn.has(reason.trim().toLowerCase())

/** The failure that a reason means, if it means one. */
export const failureOf = (reason: string): FinishFailure | undefined => {
  const words = reason.toLowerCase().split(":").map((word) => word.trim().replace(/[\s-]+/g, "_"))
  for (const word of words.reverse()) {
    const failure = table.get(word)
    if (failure !== undefined) return failure
    // `engine_error`, `connection_failed`, and whatever else says that it is one.
    if (/(^|_)(error|exception|failed|failure)$/.test(word)) return { ...fault, reason: word.slice(0, longestReason) }
  }
  return undefined
}

const longestReason = 60

/** Whether a reason says that the answer ended so that a tool is called. */
export const endsForCall = (reason: string | undefined): boolean =>
  reason !== undefined && /^(tool_calls?|tool_use|function_calls?)$/i.test(reason)
