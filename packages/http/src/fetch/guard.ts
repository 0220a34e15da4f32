/** The guards around a function, and those for clients, each in the form that its client takes. */
import { guardFunction } from "./guardFunction.ts"
import { middleware } from "./middleware.ts"
import { langchain, openai } from "./presets.ts"

/**
 * `guard(f, options)` puts any function that gives a promise behind a circuit, a bulkhead, a rate limiter, retries and time-outs.
 * What it gives and throws stays the same; a refusal is thrown as a `GuardedFetchError`. Without options it is tried once.
 *
 * ```ts
 * import { guard } from "@switchgear/http/fetch"
 *
 * const search = guard(async (query: string): Promise<string> => {
 *   throw new Error(`no answer to ${query}`)
 * }, { name: "search", breaker: { minimumCalls: 2 } })
 *
 * const told: Array<string> = []
 * for (let call = 0; call < 3; call++) await search("tea").catch((error) => told.push(error.code ?? error.message))
 * told // => ["no answer to tea", "no answer to tea", "circuit_open"]
 * ```
 *
 * Its members are guards for clients that try again by themselves. No honest status stops all of them, so each gets what stops it: the guards
 * try again in its place, twice unless `retry` says otherwise.
 *
 * - `guard.openai(options)` gives options for `new OpenAI` and `new Anthropic`: `{ fetch, maxRetries: 0 }`.
 * - `guard.langchain(options)` gives the same, and the `configuration` that the models of LangChain take.
 * - `guard.middleware(options)` is a middleware for `wrapLanguageModel` of the AI SDK.
 *
 * ```ts
 * import { guard } from "@switchgear/http/fetch"
 *
 * const { fetch, maxRetries } = guard.openai()
 * maxRetries // => 0
 * fetch.health().status // => "up"
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const guard = Object.assign(guardFunction, { openai, langchain, middleware })
