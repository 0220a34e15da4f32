/**
 * Asks one provider for chat completions, and fails with a typed error that says what went wrong.
 *
 * The client is the lowest layer: one request is one call, never retried, never sent elsewhere. Retry, breaker and
 * cascade stand above it. Only after a key that the provider refuses is the next key tried, since a refused request was
 * not worked on. It works over any `HttpClient`; `NodeTransport` has the one of Node, with a connect time-out and the proxy
 * of the environment.
 *
 * **Gotchas**
 *
 * A layer that brings connections closes them when it is released, and calls then fail with `ClientReleased`. Give the layer
 * to the model (`client`), or provide it to the whole program. Interrupting a call, or ending a stream early, closes its
 * connection, so that the provider stops working on it.
 * Keys are `Redacted` and in no error, log line or span; custom `headers` are visible in spans, so no secret belongs
 * there.
 *
 * @since 0.1.0
 */
import type * as Config from "effect/Config"
import type * as ConfigProvider from "effect/ConfigProvider"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import type * as Schema from "effect/Schema"
import type * as Stream from "effect/Stream"
import type * as Account from "./Account.ts"
import type * as ChatError from "./ChatError.ts"
import type * as ChatSchema from "./ChatSchema.ts"
import { codec } from "./chatClient/codec.ts"
import type { KeyState } from "./chatClient/keyRing.ts"
import type { Options } from "./chatClient/options.ts"
import { overHttpClient } from "./chatClient/overHttpClient.ts"

export type { KeyState, Options }

/**
 * A client of one provider.
 *
 * @category models
 * @since 0.1.0
 */
export class ChatClient extends Context.Service<ChatClient, {
  /** The name of the provider, as errors give it. */
  readonly provider: string
  /**
   * One chat completion, whole. Fails with `MalformedReply` if it is empty, or if the arguments of a tool call cannot
   * be read, and with the error that its `finish_reason` means. `stream` and `stream_options` of the request are left
   * out of what is sent; every other field goes to the provider as it is.
   */
  readonly complete: (request: ChatSchema.ChatRequest) => Effect.Effect<ChatSchema.ChatReply, ChatError.ChatError>
  /**
   * One chat completion, in chunks as the model writes it. The stream ends when the answer is whole, and fails when it
   * is not: with `Truncated` if the connection ended first, with the error the provider put into the stream, with
   * `TimedOut` after one of the time-outs. Each run of the stream is one call.
   *
   * The usage is always asked for and comes in a chunk without choices before the end, see `ChatStream.isUsageOnly`.
   * For a server that refuses `stream_options`, a request with `stream_options: null` or `include_usage: false` leaves
   * it out.
   */
  readonly stream: (request: ChatSchema.ChatRequest) => Stream.Stream<ChatSchema.ChatChunk, ChatError.ChatError>
  /** The keys in the order in which they are used, and which of them are parked. A local server has none. */
  readonly keys: Effect.Effect<ReadonlyArray<KeyState>>
  /**
   * What is left on the account of the first key that is not parked, or else of the one that comes free first. No key
   * is parked by it. Fails with `AccountNotOffered`, without a request, where the provider has no such endpoint.
   */
  readonly account: Effect.Effect<Account.Account, Account.AccountNotOffered | ChatError.ChatError>
}>()("@switchgear/http/ChatClient") {}

/**
 * Makes a client over the `HttpClient` in the context. A call that outlasts `timeout` fails with `TimedOut` in phase
 * `total`, by the Effect clock.
 *
 * Making it dies with a `RangeError` that names the field when an option is out of range; a call never dies.
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import * as ChatClient from "@switchgear/http/ChatClient"
 * import * as ChatSchema from "@switchgear/http/ChatSchema"
 * import { Behaviour, SimulatedProvider } from "@switchgear/http/testing"
 *
 * const program = Effect.gen(function*() {
 *   const client = yield* ChatClient.ChatClient
 *   const reply = yield* client.complete({ model: "gpt-4.1", messages: [{ role: "user", content: "Hello" }] })
 *   return ChatSchema.text(reply)
 * })
 *
 * const provider = SimulatedProvider.layer({ models: { "gpt-4.1": { outcome: Behaviour.ok("Good day") } } })
 * const client = ChatClient.layer({ provider: "openai", baseUrl: "http://simulated.test/v1" }).pipe(
 *   Layer.provide(SimulatedProvider.layerHttpClient),
 *   Layer.provide(provider)
 * )
 *
 * await Effect.runPromise(Effect.provide(program, client)) // => "Good day"
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Options): Effect.Effect<ChatClient["Service"], never, HttpClient.HttpClient> =>
  Effect.map(
    HttpClient.HttpClient,
    (http) => ChatClient.of(overHttpClient("ChatClient.make", options, http))
  )

/**
 * What {@link OptionsSchema} reads: {@link Options} as they are written.
 *
 * @category options
 * @since 0.1.0
 */
export interface WrittenOptions extends Schema.Codec.Encoded<typeof codec.schema> {}

/**
 * {@link Options} as they are written in YAML or JSON; `dialects` are given in code. `apiKey` is a text or a list of texts,
 * and no error shows it. A wrong or unknown field is refused by name.
 *
 * @category schemas
 * @since 0.1.0
 */
export const OptionsSchema: Schema.Codec<Options, WrittenOptions> = codec.schema

/**
 * Makes a client over the `HttpClient` in the context, with the options under a path of the configuration. What is not
 * found there is as in `options`. Options out of range fail with a `ConfigError`, which shows no key.
 *
 * Under the path `"openai"`, the key is `openai.apiKey` in a file and `OPENAI_API_KEY` in the environment.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromConfig = (
  path: string | ConfigProvider.Path,
  options: Partial<Options> = {}
): Effect.Effect<ChatClient["Service"], Config.ConfigError, HttpClient.HttpClient> =>
  Effect.zipWith(
    codec.config(path, options),
    HttpClient.HttpClient,
    (read, http) => ChatClient.of(overHttpClient("ChatClient.fromConfig", read, http))
  )

/**
 * A client over the `HttpClient` in the context.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options): Layer.Layer<ChatClient, never, HttpClient.HttpClient> =>
  Layer.effect(
    ChatClient,
    Effect.map(HttpClient.HttpClient, (http) => ChatClient.of(overHttpClient("ChatClient.layer", options, http)))
  )

/**
 * Like {@link layer}, with the options under a path of the configuration: see {@link fromConfig}.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerConfig = (
  path: string | ConfigProvider.Path,
  options: Partial<Options> = {}
): Layer.Layer<ChatClient, Config.ConfigError, HttpClient.HttpClient> =>
  Layer.effect(ChatClient, fromConfig(path, options))
