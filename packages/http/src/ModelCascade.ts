/**
 * Asks several models in order. If none answers, serves the stale cached answer, and if there is none, a canned reply in
 * the customer's language.
 *
 * The models are asked in order. `ChatError.movesOn` decides which errors of the client move on to the next model: faults,
 * overload, time-outs, rate limits, spent quotas. Rejections of guards always do, such as an open circuit. A mistake of
 * the caller, such as a malformed request, fails at once, since every model would refuse it. A conversation that is too
 * long moves on only to a model with a larger window. An answer that does not come from the first model is marked in
 * `degradation`, and `failures` lists the errors before it.
 *
 * A stream moves on to the next model until one sends its first content. After that, an error fails the stream.
 *
 * **Time.** Under a deadline, of the cascade or of the caller, each model has a share of the time that is left. When the
 * share is over, the next model is asked as well, and the first runs on; the first that answers wins. See {@link Share}. The
 * circuit of a model that has had its share and has lost counts a failure, since such a model may hang. At the deadline,
 * the last good answer or the sentence is served, also where the deadline is the caller's.
 *
 * **Busy models.** Beside another model that can be asked, a rate limit or an overload moves on at once. A wait for the
 * same model is begun only where it is shorter than the answer of the next one usually takes.
 *
 * **Waiting.** With `queue`, a request that all models have refused or failed waits and asks them again while there is time,
 * instead of the stale answer or the canned reply at once. It waits until the first of the models may answer: as long as a
 * circuit, a limiter or a `retry-after` says, or half of what an answer usually takes where a bulkhead is full. Each round that
 * has called a model doubles the latter. A model that would fail it in the same way is not called again. So many requests
 * wait at once, each until `maxWait` or the deadline; the others are answered at once.
 *
 * **Refused answers.** `accept` refuses an answer, which moves on like a failure: see {@link Accept}.
 *
 * **The cache.** Answers that are whole, clean and accepted are kept for bad times: an equal request gets the last one, as
 * stale, when all models have failed. Otherwise every request is a call, also beside an equal one. With
 * `cache: { timeToLive }`, equal requests get the kept answer without a call for that long (`step` is then `"cache"`), and
 * those in flight share one call. Each caller gets a copy of its own, which it may change. {@link CurrentCacheMode} asks for
 * another answer.
 *
 * **Models that cannot answer.** An error that stays until somebody acts, such as a wrong key, an unknown model, spent money
 * or a released client, is logged as a warning: each cause of each model once in ten minutes, whatever answers instead. While
 * answers are stale or canned, or there are none, the health is `degraded`.
 *
 * **A cascade as a step.** It has answered when one of its models has. A stale or canned answer of it is set aside for the
 * end. `step` is then a path such as `"eu/gpt"`, and `failures` and `attempts` have those inside as well.
 *
 * The cascade is in the registry under its name: its answers are counted by step and degradation, and it is logged when
 * they begin and cease to be stale or canned. A fresh answer from the cache is counted by the cache alone, and callers that
 * share a call are counted as one answer.
 *
 * **Order.** Outermost: around models that each have their guards. A `deadline` ends the calls to models only: after
 * it, the stale answer or the canned reply is served. A stream that has begun has no deadline.
 *
 * **Gotchas.** The key of the cache is the whole request without `stream`, and the tenant of the call: tenants of
 * `CostLedger.withTenant` never share an answer. Streams do not share a call, and one of more than 100,000 chunks is
 * not kept. A cascade without `canned` can fail with `CascadeExhausted`, and its type has that error.
 *
 * @since 0.1.0
 */
import type * as Cascade from "@switchgear/core/Cascade"
import { OptionsOf } from "@switchgear/core/runtime"
import type * as Config from "effect/Config"
import type * as ConfigProvider from "effect/ConfigProvider"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as ChatModel from "./ChatModel.ts"
import type * as ChatSchema from "./ChatSchema.ts"
import type { Accept, Refusal } from "./modelCascade/accept.ts"
import { CurrentCacheMode } from "./modelCascade/cacheMode.ts"
import { cascadeOf } from "./modelCascade/cascadeOf.ts"
import type {
  CallerError,
  HedgeOptions,
  Made,
  ModelCascade,
  Models,
  ModelsError,
  ModelsServices,
  Options,
  OptionsWithFloor,
  Step,
  StepModel
} from "./modelCascade/model.ts"
import { type CascadeOptions, checkModels, codec, settingsOf, stepsOf } from "./modelCascade/settings.ts"
import type { Share } from "./modelCascade/share.ts"

export { CurrentCacheMode }
export type {
  Accept,
  CallerError,
  CascadeOptions,
  HedgeOptions,
  Made,
  ModelCascade,
  Models,
  ModelsError,
  ModelsServices,
  Options,
  OptionsWithFloor,
  Refusal,
  Share,
  Step,
  StepModel
}

/**
 * The errors of a cascade without canned replies.
 *
 * @category errors
 * @since 0.1.0
 */
export type CascadeError = CallerError | Cascade.CascadeExhausted<ChatModel.ModelError>

/**
 * What {@link OptionsSchema} reads: {@link CascadeOptions} as they are written.
 *
 * @category options
 * @since 0.1.0
 */
export interface WrittenOptions extends Schema.Codec.Encoded<typeof codec.schema> {}

/**
 * {@link CascadeOptions} as they are written in YAML or JSON. `models` is a list of `{ contextWindow, share, optIn }` for the
 * models of the code, place by place; the models themselves, `accept`, `cacheKey` and the functions of the cache are given in
 * code. A wrong or unknown field is refused by name.
 *
 * @category schemas
 * @since 0.1.0
 */
export const OptionsSchema: Schema.Codec<CascadeOptions, WrittenOptions> = codec.schema

/**
 * Makes a cascade of models. Dies with a `RangeError` that names the field when an option is out of range.
 *
 * A model may be given as an effect that makes it, such as `ChatModel.make` or a class of `ChatModel.Service`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make: {
  <const M extends Models>(
    options: OptionsWithFloor<M>
  ): Effect.Effect<ModelCascade<CallerError>, ModelsError<M>, ModelsServices<M>>
  <const M extends Models>(
    options: Options<M>
  ): Effect.Effect<ModelCascade<CascadeError>, ModelsError<M>, ModelsServices<M>>
} = (options: AnyOptions) => makeBy("ModelCascade.make", options)

/** The options of any cascade, with a floor or without. */
interface AnyOptions extends Omit<CascadeOptions, "models"> {
  readonly models: ReadonlyArray<Step<any>>
}

/** Makes a cascade for the function that is called, which complaints name. */
const makeBy = (where: string, options: AnyOptions): Effect.Effect<ModelCascade<any>, any, any> =>
  Effect.suspend(() => {
    const check = new OptionsOf(where)
    checkModels(options.models, check)
    const settings = settingsOf(options, check)
    const made = Effect.forEach(options.models, (step) =>
      Effect.isEffect(step.model)
        ? Effect.map(step.model as Effect.Effect<Made, any, any>, (model): Step => ({ ...step, model }))
        : Effect.succeed(step as Step))
    return Effect.flatMap(sharingLayers(made), (models) => cascadeOf(settings, stepsOf(models, options.accept, check)))
  })

/** Models that name the same layer of a client share it. */
const sharingLayers = <A, E, R>(made: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.withFiber((fiber) =>
    Context.getOrUndefined(fiber.context, Layer.CurrentMemoMap) === undefined
      ? Effect.provideService(made, Layer.CurrentMemoMap, Layer.makeMemoMapUnsafe()) as Effect.Effect<A, E, R>
      : made
  )

/**
 * Makes a cascade with the options under a path of the configuration, such as `"assistant"`; what is not found there is as in
 * `options`, and so are the models. Options out of range fail with a `ConfigError`. Whether there are canned replies is known
 * by the code: those of the configuration replace them.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromConfig: {
  <const M extends Models>(
    path: string | ConfigProvider.Path,
    options: OptionsWithFloor<M>
  ): Effect.Effect<ModelCascade<CallerError>, Config.ConfigError | ModelsError<M>, ModelsServices<M>>
  <const M extends Models>(
    path: string | ConfigProvider.Path,
    options: Options<M>
  ): Effect.Effect<ModelCascade<CascadeError>, Config.ConfigError | ModelsError<M>, ModelsServices<M>>
} = (path: string | ConfigProvider.Path, options: AnyOptions) => configured(path, options)

const configured = (
  path: string | ConfigProvider.Path,
  options: AnyOptions
): Effect.Effect<ModelCascade<any>, any, any> =>
  Effect.flatMap(
    codec.config(path, options),
    (read) => makeBy("ModelCascade.fromConfig", { ...options, ...read } as AnyOptions)
  )

/**
 * The cascade as the chat model of the application. An application with several cascades gives each a {@link Service} of
 * its own.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = <E, R>(
  options: Effect.Effect<Options, E, R>
): Layer.Layer<ChatModel.ChatModel, E, Exclude<R, Scope.Scope>> =>
  Layer.effect(ChatModel.ChatModel, Effect.flatMap(options, (options) => makeBy("ModelCascade.layer", options)))

/**
 * The class that {@link Service} makes: the service key of one cascade, with its layers, and what it is asked.
 *
 * @category models
 * @since 0.1.0
 */
export interface ServiceClass<in out Self, in out Id extends string, in out Left, out E, out Needs>
  extends Context.ServiceClass<Self, `@switchgear/http/ModelCascade/${Id}`, ModelCascade<Left>>
{
  /** Makes the cascade once for everything that the layer is provided to. */
  readonly layer: Layer.Layer<Self, E, Needs>
  /** Like `layer`, with some options replaced: for tests or a second environment. */
  readonly layerWith: (options: Omit<CascadeOptions, "models">) => Layer.Layer<Self, E, Needs>
  /** Like `layer`, with the options under a path of the configuration: see {@link fromConfig}. */
  readonly layerConfig: (path: string | ConfigProvider.Path) => Layer.Layer<Self, E | Config.ConfigError, Needs>
  /** `complete` of the cascade, which becomes a requirement of the effect. */
  readonly complete: (request: ChatModel.Request) => Effect.Effect<ChatModel.Answer, Left, Self>
  /** `open` of the cascade, which becomes a requirement of the effect. */
  readonly open: (request: ChatModel.Request) => Effect.Effect<ChatModel.OpenAnswer, Left, Self | Scope.Scope>
  /** `stream` of the cascade, which becomes a requirement of the stream. */
  readonly stream: (
    request: ChatModel.Request
  ) => Stream.Stream<ChatSchema.ChatChunk, ChatModel.StreamError<Left>, Self>
}

/**
 * A class that is the service key of one cascade. The name of the cascade is the identifier unless given. With canned
 * replies, only a {@link CallerError} is left. The errors and needs of the models are those of the layer.
 *
 * ```ts
 * import { Canned, ChatClient, ChatModel, ModelCascade } from "@switchgear/http"
 * import { Behaviour, SimulatedProvider } from "@switchgear/http/testing"
 * import { Effect, Layer } from "effect"
 *
 * // With real providers: NodeTransport.layerChatClient
 * const openai = ChatClient.layer({ provider: "openai", baseUrl: "http://openai.test/v1" })
 * const deepseek = ChatClient.layer({ provider: "deepseek", baseUrl: "http://deepseek.test/v1" })
 *
 * class Assistant extends ModelCascade.Service<Assistant>()("assistant", {
 *   models: [
 *     { model: ChatModel.make({ model: "gpt-4.1", client: openai }) },
 *     { model: ChatModel.make({ model: "deepseek-v3.2", client: deepseek }) }
 *   ],
 *   canned: Canned.sentences
 * }) {}
 *
 * const program = Effect.map(
 *   Assistant.complete({ messages: [{ role: "user", content: "Hello" }] }),
 *   ({ degradation, step }) => [step, degradation]
 * )
 *
 * const simulated = SimulatedProvider.layerHosts({
 *   "openai.test": { models: { "gpt-4.1": { outcome: Behaviour.overloaded } } },
 *   "deepseek.test": { models: { "deepseek-v3.2": { outcome: Behaviour.ok("Good day") } } }
 * })
 * const main = Layer.provide(Assistant.layer, simulated)
 * await Effect.runPromise(Effect.provide(program, main)) // => ["deepseek-v3.2", "fallback"]
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const Service = <Self>(): {
  <const Id extends string, const M extends Models>(
    id: Id,
    options: OptionsWithFloor<M>
  ): ServiceClass<Self, Id, CallerError, ModelsError<M>, Exclude<ModelsServices<M>, Scope.Scope>>
  <const Id extends string, const M extends Models>(
    id: Id,
    options: Options<M>
  ): ServiceClass<Self, Id, CascadeError, ModelsError<M>, Exclude<ModelsServices<M>, Scope.Scope>>
} =>
(id: string, options: AnyOptions): any => {
  const key = Context.Service<Self, ModelCascade<any>>()(`@switchgear/http/ModelCascade/${id}`)
  const named = { ...options, name: options.name ?? id }
  return Object.assign(key, {
    layer: Layer.effect(key, makeBy("ModelCascade.Service", named)),
    layerWith: (replaced: Omit<CascadeOptions, "models">) =>
      Layer.effect(key, makeBy("ModelCascade.Service", { ...named, ...replaced } as AnyOptions)),
    layerConfig: (path: string | ConfigProvider.Path) => Layer.effect(key, configured(path, named)),
    complete: (request: ChatModel.Request) => Effect.flatMap(key, ({ complete }) => complete(request)),
    open: (request: ChatModel.Request) => Effect.flatMap(key, ({ open }) => open(request)),
    stream: (request: ChatModel.Request) => Stream.unwrap(Effect.map(key, ({ stream }) => stream(request)))
  })
}
