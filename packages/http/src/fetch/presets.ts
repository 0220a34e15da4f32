/** Guards for clients that try again by themselves: the guards do it in their place, since no honest status stops all of them. */
import { OptionsOf } from "@switchgear/core/runtime"
import * as Context from "effect/Context"
import { fetchIn } from "./fetchIn.ts"
import type { GuardedFetch } from "./model.ts"
import type { GuardedFetchOptions } from "./options.ts"

/**
 * Options of a client whose retries are the guards'.
 *
 * @category models
 * @since 0.1.0
 */
export interface ClientOptions {
  readonly fetch: GuardedFetch
  readonly maxRetries: 0
}

/**
 * The same for LangChain, whose models take a `fetch` in `configuration`.
 *
 * @category models
 * @since 0.1.0
 */
export interface LangChainOptions extends ClientOptions {
  readonly configuration: { readonly fetch: GuardedFetch }
}

/** Options for `new OpenAI` and `new Anthropic`. Two attempts, unless `retry` says otherwise. */
export const openai = (options?: GuardedFetchOptions): ClientOptions => clientOptions("guard.openai", options)

/** Options for the models of `@langchain/openai`. */
export const langchain = (options?: GuardedFetchOptions): LangChainOptions => {
  const { fetch, maxRetries } = clientOptions("guard.langchain", options)
  return { fetch, maxRetries, configuration: { fetch } }
}

const clientOptions = (owner: string, options: GuardedFetchOptions = {}): ClientOptions => {
  const given = typeof options === "object" && options !== null
    ? options
    : new OptionsOf(owner).refuse("options", "an object", options)
  const retry = { maxAttempts: 2, ...new OptionsOf(owner).options("retry", given.retry) }
  return { fetch: fetchIn(Context.empty(), { ...given, retry }, owner), maxRetries: 0 }
}
