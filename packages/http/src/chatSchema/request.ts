/**
 * What types say about a request: the fields that chat completions have, beside which every other field is passed on. At run
 * time no value is judged: the provider knows its own parameters better.
 */

/**
 * Who says a message.
 *
 * @category models
 * @since 0.1.0
 */
export type Role = "system" | "developer" | "user" | "assistant" | "tool" | "function"

/** An object whose fields are the provider's. */
interface Anything {
  readonly [field: string]: unknown
}

/**
 * One message of a conversation. `content` is text, a list of parts, or null beside tool calls; only `role` is
 * required.
 *
 * Any other field whose name has an underscore is the provider's, and is passed on. A name without one must be here, so that
 * a compiler finds one that is misspelt, such as `contnet`. A message with a field of a provider that is not here goes on all
 * the same when an object that has it is spread: `{ role, content, ...own }`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Message {
  readonly [field: `${string}_${string}`]: unknown
  readonly role: Role
  readonly annotations?: unknown
  readonly audio?: Anything | null | undefined
  readonly content?: string | ReadonlyArray<Anything> | null | undefined
  readonly images?: unknown
  readonly name?: string | undefined
  readonly partial?: boolean | undefined
  readonly prefix?: boolean | undefined
  readonly reasoning?: unknown
  readonly refusal?: string | null | undefined
  readonly thinking?: unknown
  readonly tool_calls?: ReadonlyArray<Anything> | null | undefined
  readonly tool_call_id?: string | undefined
}

/**
 * The optional fields of a request, by their names in the API.
 *
 * Any other field whose name has an underscore is the provider's, and is passed on. A name without one must be here, so that
 * a compiler finds one that is misspelt, such as `temprature`. A field of a provider that is not here goes on all the same
 * when an object that has it is spread: `{ messages, ...own }`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Fields {
  readonly [field: `${string}_${string}`]: unknown
  readonly audio?: Anything | null | undefined
  readonly frequency_penalty?: number | null | undefined
  readonly functions?: ReadonlyArray<Anything> | undefined
  readonly include?: unknown
  readonly logit_bias?: { readonly [token: string]: number } | null | undefined
  readonly logprobs?: boolean | null | undefined
  readonly max_completion_tokens?: number | null | undefined
  readonly max_tokens?: number | null | undefined
  readonly metadata?: Anything | null | undefined
  readonly modalities?: ReadonlyArray<string> | null | undefined
  readonly models?: ReadonlyArray<string> | undefined
  readonly n?: number | null | undefined
  readonly parallel_tool_calls?: boolean | undefined
  readonly plugins?: unknown
  readonly prediction?: Anything | null | undefined
  readonly presence_penalty?: number | null | undefined
  readonly prompt_cache_key?: string | undefined
  readonly provider?: unknown
  readonly reasoning?: unknown
  readonly reasoning_effort?: string | null | undefined
  readonly response_format?: Anything | undefined
  readonly route?: string | null | undefined
  readonly seed?: number | null | undefined
  readonly service_tier?: string | null | undefined
  readonly stop?: string | ReadonlyArray<string> | null | undefined
  readonly store?: boolean | null | undefined
  readonly stream?: boolean | null | undefined
  readonly stream_options?: Anything | null | undefined
  readonly temperature?: number | null | undefined
  readonly thinking?: unknown
  readonly tool_choice?: string | Anything | undefined
  readonly tools?: ReadonlyArray<Anything> | undefined
  readonly top_k?: number | null | undefined
  readonly top_logprobs?: number | null | undefined
  readonly top_p?: number | null | undefined
  readonly transforms?: unknown
  readonly usage?: unknown
  readonly user?: string | undefined
  readonly verbosity?: string | null | undefined
}
