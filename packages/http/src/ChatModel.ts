/**
 * One model at one provider, behind guards of its own: callers get an answer or a typed error in bounded time, and a
 * model that is down is not called.
 *
 * Each call passes `deadline ▸ retry ▸ circuit open? ▸ rate limit ▸ bulkhead ▸ circuit ▸ attempt time-out ▸ client`.
 * The circuit is asked twice, so that calls to a model that is down do not queue for it. What the circuit counts
 * follows the error table of the client: faults, overload and time-outs count; a bad request, a spent quota, a rate
 * limit do not, since they say nothing about the model's health. Time-outs are not retried on the same model; a fault
 * or a lost connection is, an overloaded model once. Beside another model of a cascade, a rate limit or an overload is not
 * waited for.
 *
 * A call that is interrupted is not counted, with one exception: in a cascade it counts as a time-out when it has had the
 * model's usual time and either another model has answered after its share, or all of its callers have reached their
 * deadlines.
 *
 * A stream is one call that ends with the stream. Until its first content it is guarded like any other call. After
 * that, an error fails the stream and counts on the circuit, and nothing is tried again. A reader that stops early, or
 * that reads nothing for `readerTimeout`, counts neither as a success nor as a failure.
 *
 * **Order.** One model is one step of a `ModelCascade`, which is a chat model again.
 *
 * ```ts
 * import { ChatModel, ChatSchema } from "@switchgear/http"
 * import { Behaviour, SimulatedProvider } from "@switchgear/http/testing"
 * import { ChatClient } from "@switchgear/http"
 * import { Effect, Layer } from "effect"
 *
 * const provider = SimulatedProvider.layer({ models: { "gpt-4.1": { outcome: Behaviour.ok("Good day") } } })
 * const client = ChatClient.layer({ provider: "openai", baseUrl: "http://simulated.test/v1" }).pipe(
 *   Layer.provide(SimulatedProvider.layerHttpClient),
 *   Layer.provide(provider)
 * )
 *
 * const program = Effect.gen(function*() {
 *   const gpt = yield* ChatModel.make({ model: "gpt-4.1", client, attemptTimeout: "10 seconds" })
 *   const { step, value } = yield* gpt.complete({ messages: [{ role: "user", content: "Hello" }] })
 *   return `${step}: ${ChatSchema.text(value)}`
 * })
 *
 * await Effect.runPromise(Effect.scoped(program)) // => "gpt-4.1: Good day"
 * ```
 *
 * @since 0.1.0
 */
import { OptionsOf } from "@switchgear/core/runtime"
import type * as Config from "effect/Config"
import type * as ConfigProvider from "effect/ConfigProvider"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as ChatClient from "./ChatClient.ts"
import type * as ChatSchema from "./ChatSchema.ts"
import { AnswerRefused } from "./chatModel/AnswerRefused.ts"
import { type Client, type ClientError, clientOf, type ClientServices } from "./chatModel/client.ts"
import { guarded } from "./chatModel/guarded.ts"
import {
  type Answer,
  ChatModel,
  type GuardedModel,
  type ModelError,
  type OpenAnswer,
  type Options,
  type RateLimiterOptions,
  type Request,
  type StreamError,
  type Tried
} from "./chatModel/model.ts"
import { of, type Parts } from "./chatModel/of.ts"
import { codec, settingsOf } from "./chatModel/settings.ts"

export { AnswerRefused, ChatModel, of }
export type {
  Answer,
  Client,
  ClientError,
  ClientServices,
  GuardedModel,
  ModelError,
  OpenAnswer,
  Options,
  Parts,
  RateLimiterOptions,
  Request,
  StreamError,
  Tried
}

/**
 * What {@link OptionsSchema} reads: {@link Options} as they are written.
 *
 * @category options
 * @since 0.1.0
 */
export interface WrittenOptions extends Schema.Codec.Encoded<typeof codec.schema> {}

/**
 * {@link Options} as they are written in YAML or JSON, with those of the guards as each of them is written; `estimate`,
 * `retry.while`, `retry.budget` and the client are given in code. A wrong or unknown field is refused by name.
 *
 * @category schemas
 * @since 0.1.0
 */
export const OptionsSchema: Schema.Codec<Options, WrittenOptions> = codec.schema

/**
 * Guards one model. Dies with a `RangeError` that names the field when an option is out of range.
 *
 * `client` is a `ChatClient`, or a layer of one. A layer is built in the scope of the model, and is released with it. Models
 * that name the same layer share one client, if they are made by layers or in the list of one cascade.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <C extends Client>(
  options: Options & { readonly client: C }
): Effect.Effect<GuardedModel, ClientError<C>, ClientServices<C>> => makeBy("ChatModel.make", options)

/** Makes a model for the function that is called, which complaints name. */
const makeBy = <C extends Client>(where: string, options: Options & { readonly client: C }) =>
  Effect.suspend((): Effect.Effect<GuardedModel, ClientError<C>, ClientServices<C>> => {
    const check = new OptionsOf(where)
    const settings = settingsOf(options, check)
    return Effect.flatMap(clientOf(options.client, check), (client) => guarded(settings, client))
  })

/**
 * Makes a model with the options under a path of the configuration, such as `"gpt"`; what is not found there is as in
 * `options`, and so is the client. Options out of range fail with a `ConfigError`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromConfig = <C extends Client>(
  path: string | ConfigProvider.Path,
  options: Partial<Options> & { readonly client: C }
): Effect.Effect<GuardedModel, Config.ConfigError | ClientError<C>, ClientServices<C>> =>
  Effect.flatMap(
    codec.config(path, options),
    (read) => makeBy("ChatModel.fromConfig", { ...read, client: options.client })
  )

/**
 * What the layers of a model take: its options, and its client. Without `client` it is the `ChatClient` that is provided to
 * the layer.
 *
 * @category options
 * @since 0.1.0
 */
export interface LayerOptions<out C extends Client = Client> extends Options {
  readonly client?: C | undefined
}

/**
 * What the layers of a model can fail with: the errors of the layer of its client.
 *
 * @category options
 * @since 0.1.0
 */
export type LayerError<C> = Client extends C ? never : ClientError<C>

/**
 * What the layers of a model need: what the layer of its client needs, or the `ChatClient` where no client is given.
 *
 * @category options
 * @since 0.1.0
 */
export type LayerServices<C> = Client extends C ? ChatClient.ChatClient : Exclude<ClientServices<C>, Scope.Scope>

/** The options with the client of the context where none is given. */
const withClient = <O extends { readonly client?: Client | undefined }>(options: O) =>
  options.client === undefined
    ? Effect.map(ChatClient.ChatClient, (client) => ({ ...options, client }))
    : Effect.succeed({ ...options, client: options.client })

/**
 * One guarded model, as the `ChatModel` service of the application. An application with several models gives each a
 * {@link Service} of its own.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = <C extends Client = Client>(
  options: LayerOptions<C>
): Layer.Layer<ChatModel, LayerError<C>, LayerServices<C>> =>
  Layer.effect(
    ChatModel,
    Effect.flatMap(withClient(options), (options) => makeBy("ChatModel.layer", options))
  ) as Layer.Layer<ChatModel, LayerError<C>, LayerServices<C>>

/**
 * The class that {@link Service} makes: the service key of one model, with its layers, and what a model is asked.
 *
 * @category models
 * @since 0.1.0
 */
export interface ServiceClass<in out Self, in out Id extends string, out E, out Needs>
  extends Context.ServiceClass<Self, `@switchgear/http/ChatModel/${Id}`, GuardedModel>
{
  /** Makes the model once for everything that the layer is provided to. */
  readonly layer: Layer.Layer<Self, E, Needs>
  /** Like `layer`, with some options replaced: for tests or a second environment. */
  readonly layerWith: (options: Partial<Options>) => Layer.Layer<Self, E, Needs>
  /** Like `layer`, with the options under a path of the configuration: see {@link fromConfig}. */
  readonly layerConfig: (path: string | ConfigProvider.Path) => Layer.Layer<Self, E | Config.ConfigError, Needs>
  /** `complete` of the model, which becomes a requirement of the effect. */
  readonly complete: (request: Request) => Effect.Effect<Answer, ModelError, Self>
  /** `open` of the model, which becomes a requirement of the effect. */
  readonly open: (request: Request) => Effect.Effect<OpenAnswer, ModelError, Self | Scope.Scope>
  /** `stream` of the model, which becomes a requirement of the stream. */
  readonly stream: (request: Request) => Stream.Stream<ChatSchema.ChatChunk, ModelError, Self>
}

/**
 * A class that is the service key of one model. The name of the model is the identifier unless given. `client` is a client
 * or a layer of one, whose errors and needs are those of the layer; without it, `layer` needs a `ChatClient`. Models that
 * name the same layer share one client.
 *
 * ```ts
 * import { ChatClient, ChatModel, ChatSchema } from "@switchgear/http"
 * import { Behaviour, SimulatedProvider } from "@switchgear/http/testing"
 * import { Effect, Layer } from "effect"
 *
 * // With a real provider: NodeTransport.layerChatClient({ provider: "openai", baseUrl: "https://api.openai.com/v1", apiKey })
 * const openai = ChatClient.layer({ provider: "openai", baseUrl: "http://openai.test/v1" })
 *
 * class Gpt extends ChatModel.Service<Gpt>()("gpt", { model: "gpt-4.1", client: openai }) {}
 *
 * const program = Effect.map(
 *   Gpt.complete({ messages: [{ role: "user", content: "Hello" }] }),
 *   ({ step, value }) => `${step}: ${ChatSchema.text(value)}`
 * )
 *
 * const simulated = SimulatedProvider.layerHttpClient.pipe(
 *   Layer.provide(SimulatedProvider.layer({ models: { "gpt-4.1": { outcome: Behaviour.ok("Good day") } } }))
 * )
 * await Effect.runPromise(Effect.provide(program, Layer.provide(Gpt.layer, simulated))) // => "gpt: Good day"
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const Service = <Self>() =>
<const Id extends string, C extends Client = Client>(
  id: Id,
  options: LayerOptions<C>
): ServiceClass<Self, Id, LayerError<C>, LayerServices<C>> => {
  const key = Context.Service<Self, GuardedModel>()(`@switchgear/http/ChatModel/${id}`)
  const named: LayerOptions<C> = { ...options, name: options.name ?? id }
  const layer = (options: LayerOptions<C>) =>
    Layer.effect(key, Effect.flatMap(withClient(options), (options) => makeBy("ChatModel.Service", options)))
  return Object.assign(key, {
    layer: layer(named),
    layerWith: (replaced: Partial<Options>) => layer({ ...named, ...replaced }),
    layerConfig: (path: string | ConfigProvider.Path) =>
      Layer.effect(key, Effect.flatMap(withClient(named), (options) => fromConfig(path, options))),
    complete: (request: Request) => Effect.flatMap(key, ({ complete }) => complete(request)),
    open: (request: Request) => Effect.flatMap(key, ({ open }) => open(request)),
    stream: (request: Request) => Stream.unwrap(Effect.map(key, ({ stream }) => stream(request)))
  }) as unknown as ServiceClass<Self, Id, LayerError<C>, LayerServices<C>>
}
