/**
 * The connections of a chat client on Node: HTTP/1.1 by undici, with a connect time-out, a pool of connections, and the
 * proxy of the environment.
 *
 * Only this module, `FleetRedis`, `gateway` and `testing` need Node; everything else runs where `effect` does. A `ChatClient` over this
 * `HttpClient` hands its requests straight to the connections. That costs less than half of the way through an
 * `HttpClient`, and gives the same results. A client that is wrapped or mapped (`HttpClient.mapRequest` and the like), a
 * call with a tracer, and one with `UndiciOptions` go through the `HttpClient`.
 *
 * **Gotchas**
 *
 * The layers close their connections when they are released, and calls then fail with `ClientReleased`. Give the layer of
 * a client to its model (`client`), or provide it to the whole program.
 *
 * A connection that was idle may have been closed by the other side. When a request meets one, and the connection is
 * closed or reset within a second and before any byte of a response, the request is sent once more over a new
 * connection. Retries, circuits and counts of attempts do not see that. Every other lost connection is an error.
 *
 * @since 0.1.0
 */
import { OptionsOf } from "@switchgear/core/runtime"
import type * as Config from "effect/Config"
import type * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import type * as Schema from "effect/Schema"
import * as ChatClient from "./ChatClient.ts"
import { overHttpClient } from "./chatClient/overHttpClient.ts"
import { codec } from "./nodeTransport/codec.ts"
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
  connections("NodeTransport.layer", options)

const connections = (where: string, options: Options): Layer.Layer<HttpClient.HttpClient> =>
  Layer.unwrap(Effect.sync(() => Undici.layer(validated(options, new OptionsOf(where)))))

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
export const layerChatClient = (options: ChatClientOptions): Layer.Layer<ChatClient.ChatClient> =>
  client("NodeTransport.layerChatClient", options)

const client = (where: string, options: ChatClientOptions): Layer.Layer<ChatClient.ChatClient> =>
  Layer.effect(
    ChatClient.ChatClient,
    Effect.map(HttpClient.HttpClient, (http) => ChatClient.ChatClient.of(overHttpClient(where, options, http)))
  ).pipe(Layer.provide(connections(where, options)))

/**
 * The options of a chat client and of its connections.
 *
 * @category options
 * @since 0.1.0
 */
export interface ChatClientOptions extends ChatClient.Options, Options {}

/**
 * What {@link ChatClientOptionsSchema} reads: {@link ChatClientOptions} as they are written.
 *
 * @category options
 * @since 0.1.0
 */
export interface WrittenChatClientOptions extends Schema.Codec.Encoded<typeof codec.schema> {}

/**
 * {@link ChatClientOptions} as they are written in YAML or JSON; `dialects` are given in code. `apiKey` is a text or a list of
 * texts, and no error shows it. A wrong or unknown field is refused by name.
 *
 * @category schemas
 * @since 0.1.0
 */
export const ChatClientOptionsSchema: Schema.Codec<ChatClientOptions, WrittenChatClientOptions> = codec.schema

/**
 * Like {@link layerChatClient}, with the options under a path of the configuration. What is not found there is as in
 * `options`. Options out of range fail with a `ConfigError`, which shows no key.
 *
 * Under the path `"openai"`, the key is `openai.apiKey` in a file and `OPENAI_API_KEY` in the environment.
 *
 * ```ts
 * import * as ChatClient from "@switchgear/http/ChatClient"
 * import * as NodeTransport from "@switchgear/http/NodeTransport"
 * import { ConfigProvider, Effect, Layer } from "effect"
 *
 * const openai = NodeTransport.layerChatClientConfig("openai", {
 *   provider: "openai",
 *   baseUrl: "https://api.openai.com/v1"
 * })
 *
 * const environment = ConfigProvider.layer(ConfigProvider.fromEnv({ env: { OPENAI_API_KEY: "sk-0123456789" } }))
 * const keys = Effect.flatMap(ChatClient.ChatClient, ({ keys }) => keys)
 * const [key] = await Effect.runPromise(Effect.provide(keys, Layer.provide(openai, environment)))
 * key?.key // => "key 1"
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerChatClientConfig = (
  path: string | ConfigProvider.Path,
  options: Partial<ChatClientOptions> = {}
): Layer.Layer<ChatClient.ChatClient, Config.ConfigError> =>
  Layer.unwrap(
    Effect.map(codec.config(path, options), (read) => client("NodeTransport.layerChatClientConfig", read))
  )
