/**
 * The connections of a chat client on Node: HTTP/1.1 by undici, with a connect time-out, a pool of connections, and the
 * proxy of the environment.
 *
 * It is the only module of the library that needs Node; everything else runs where `effect` does. A `ChatClient` over this
 * `HttpClient` hands its requests straight to the connections. That costs less than half of the way through an
 * `HttpClient`, and gives the same results. A client that is wrapped or mapped (`HttpClient.mapRequest` and the like), a
 * call with a tracer, and one with `UndiciOptions` go through the `HttpClient`.
 *
 * **Gotchas**
 *
 * The layers close their connections when they are released: provide them to the whole program, and not to
 * `ChatModel.make` alone.
 *
 * A connection that was idle may have been closed by the other side. When a request meets one, and the connection is
 * closed or reset within a second and before any byte of a response, the request is sent once more over a new
 * connection. Retries, circuits and counts of attempts do not see that. Every other lost connection is an error.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import * as ChatClient from "./ChatClient.ts"
import type { Options } from "./nodeTransport/options.ts"
import type { Proxy } from "./nodeTransport/proxy.ts"
import { validated } from "./nodeTransport/settings.ts"
import * as Undici from "./nodeTransport/undici.ts"

export type { Options, Proxy }

/**
 * An `HttpClient` over connections of its own, to be shared by several clients. The connections are cut when the layer is
 * released. Dies with a `RangeError` that names the field when an option is out of range.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options = {}): Layer.Layer<HttpClient.HttpClient> =>
  Layer.unwrap(Effect.sync(() => Undici.layer(validated(options))))

/**
 * A chat client with connections of its own.
 *
 * ```ts no-run
 * import { ChatSchema } from "@switchgear/http"
 * import * as ChatClient from "@switchgear/http/ChatClient"
 * import * as NodeTransport from "@switchgear/http/NodeTransport"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const client = yield* ChatClient.ChatClient
 *   const reply = yield* client.complete({ model: "llama3", messages: [{ role: "user", content: "Hello" }] })
 *   return ChatSchema.text(reply)
 * })
 *
 * const client = NodeTransport.layerChatClient({ provider: "local", baseUrl: "http://127.0.0.1:11434/v1" })
 *
 * await Effect.runPromise(Effect.provide(program, client))
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerChatClient = (options: ChatClient.Options & Options): Layer.Layer<ChatClient.ChatClient> =>
  Layer.provide(ChatClient.layer(options), layer(options))
