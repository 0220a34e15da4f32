/** The guards for clients, each in the form that its client takes. */
import { middleware } from "./middleware.ts"
import { langchain, openai } from "./presets.ts"

/**
 * Guards for clients that try again by themselves. No honest status stops all of them, so each gets what stops it: the guards
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
export const guard = { openai, langchain, middleware }
