/** The whole gateway in the process, behind a `fetch`. */
import * as Context from "effect/Context"
import { opening } from "./inProcess/opening.ts"
import type { OpenedGateway, OpenGatewayOptions } from "./inProcess/model.ts"
import type { File } from "./config/file.ts"

/**
 * Opens a gateway in the process: the models, cascades, caches, budgets, limits and canned replies of a file, behind a `fetch`
 * for the option of `openai`, the AI SDK, LangChain or Anthropic's client. It answers what a gateway at an address answers, without a
 * connection between: every path, header and error of it.
 *
 * Takes the path of a file, or an object that says the same. Rejects with an {@link OpenGatewayError} where that is wrong: its
 * message says everything that `switchgear check` prints.
 *
 * ```ts
 * import { openGateway } from "@switchgear/http/gateway"
 *
 * await using gateway = await openGateway({
 *   providers: { main: { baseUrl: "http://127.0.0.1:9/v1" } },
 *   models: { "gpt-4.1": { provider: "main" } },
 *   cascades: { assistant: { steps: ["gpt-4.1"], canned: { en: "We are very busy right now." } } }
 * })
 *
 * const response = await gateway.fetch("http://gateway/v1/chat/completions", {
 *   method: "POST",
 *   body: JSON.stringify({ model: "assistant", messages: [{ role: "user", content: "Hello" }] })
 * })
 * response.headers.get("x-switchgear-degradation") // => "canned"
 * ```
 *
 * **Gotchas**
 *
 * Open it once and keep it. No port is open, unless `operators` says so. What the file says of connections of clients has no
 * effect: `port`, `maxConnections`, `headersTimeout`, `requestTimeout` and `keepAliveTimeout` of `listen`. A request that has a `host`
 * header has come by a server, and is held against `listen.host` as at an address.
 *
 * @category constructors
 * @since 0.1.0
 */
export const openGateway = (
  source: string | URL | File,
  options: OpenGatewayOptions = {}
): Promise<OpenedGateway> => opening(Context.empty(), source, options)
