/** A `fetch` behind guards. */
import * as Context from "effect/Context"
import { fetchIn } from "./fetchIn.ts"
import type { GuardedFetch } from "./model.ts"
import type { GuardedFetchOptions } from "./options.ts"

/**
 * Makes a `fetch` with a circuit, a bulkhead and a rate limiter for each host, and with time-outs: for the `fetch` option of
 * `openai`, the AI SDK, LangChain, Anthropic's client, or anything else that takes one. Without options every call of a good
 * host has the same result as without the guards.
 *
 * A call holds its slot until its body has ended. A body that is a stream of a model is judged by its content: one that ends
 * without its end has an error in it. `docs/fetch.md` says what counts, what is sent again, and what each client does.
 *
 * Throws a `RangeError` that names the field when an option is out of range. A URL that is not HTTP, and a call that is
 * aborted before, go to the `fetch` inside as they are.
 *
 * ```ts
 * import { guardedFetch } from "@switchgear/http/fetch"
 *
 * const guarded = guardedFetch({ fetch: async () => new Response("", { status: 500 }), breaker: { minimumCalls: 2 } })
 * const statuses: Array<number> = []
 * for (let call = 0; call < 3; call++) statuses.push((await guarded("https://api.example.com/v1/models")).status)
 *
 * statuses // => [500, 500, 503]
 * guarded.health().targets["api.example.com"]?.state // => "Open"
 * ```
 *
 * **Gotchas**
 *
 * Make it once and keep it: one that is made for each request has a circuit for each request. It takes the `fetch` of the
 * platform when it is made. The name of a target is in metrics and errors, so that a `name` of your own must be no secret.
 *
 * @category constructors
 * @since 0.1.0
 */
export const guardedFetch = (options: GuardedFetchOptions = {}): GuardedFetch =>
  fetchIn(Context.empty(), options, "guardedFetch")
