/**
 * The guards of this library behind Effect's `LanguageModel`: programs that ask one for text, for objects or for streams
 * stay as they are, and get an answer or an `AiError` in bounded time.
 *
 * {@link fromChatModel} makes a `LanguageModel` of a `ChatModel`, with its guards, cascade, cache and canned replies.
 * {@link protect} puts guards around any other `LanguageModel`, and {@link cascade} asks several of them in order.
 *
 * **Tools.** Handlers run after the answer has been accepted and outside of the guards. Even if several models were
 * asked, a handler runs once for each call in the answer. Its time does not count as the model's, and its failure goes to
 * the caller.
 *
 * **Streams.** A stream is one call for the guards, which ends with the stream. Until its first content, an error is
 * retried or moves on to the next model; after that it fails the stream. A reader that stops early interrupts the
 * call, which counts neither as a success nor as a failure. So does one that reads nothing for `readerTimeout`.
 *
 * **Thinking models.** What a provider needs back in the next request, such as `reasoning_content` or a thought signature,
 * is kept in the `metadata` of the parts under `switchgear`, and {@link fromChatModel} sends it again: to models of the
 * provider that wrote it, and to no other. A program that builds its own history keeps the metadata as `options`.
 *
 * **Errors.** The error type of a `LanguageModel` is closed, so what the guards and the client say becomes an `AiError`
 * with the nearest reason. Its `isRetryable` and `retryAfter` are those of the original, which is the `cause` of the
 * reason; its facts are in `metadata.switchgear`.
 *
 * **Order.** Guards inside, cascade outside, as everywhere: `cascade` of models that each went through `protect`.
 *
 * **Gotchas.** Effect itself writes the parameters of a handled tool call on the current span, and what a model
 * wrote instead of an object into `StructuredOutputError`. Everything here keeps prompts and answers out of both. What
 * one provider remembers of a conversation is of no use to the next: each call sends the whole prompt.
 *
 * ```ts
 * import { ChatClient, ChatModel, LanguageModels } from "@switchgear/http"
 * import { Behaviour, SimulatedProvider } from "@switchgear/http/testing"
 * import { Effect, Layer } from "effect"
 * import { LanguageModel } from "effect/ai"
 *
 * const model = LanguageModels.fromChatModel().pipe(
 *   Layer.provide(ChatModel.layer({ model: "gpt-4.1" })),
 *   Layer.provide(ChatClient.layer({ provider: "openai", baseUrl: "http://simulated.test/v1" })),
 *   Layer.provide(SimulatedProvider.layerHttpClient),
 *   Layer.provide(SimulatedProvider.layer({ models: { "gpt-4.1": { outcome: Behaviour.ok("Good day") } } }))
 * )
 *
 * const program = LanguageModel.generateText({ prompt: "Hello" }).pipe(Effect.map(({ text }) => text))
 *
 * await Effect.runPromise(Effect.provide(program, model)) // => "Good day"
 * ```
 *
 * @since 0.1.0
 */
import * as ConcurrencyLimit from "@switchgear/core/ConcurrencyLimit"
import type * as Outcome from "@switchgear/core/Outcome"
import { OptionsOf } from "@switchgear/core/runtime"
import type * as AiError from "effect/ai/AiError"
import * as LanguageModel from "effect/ai/LanguageModel"
import type * as Response from "effect/ai/Response"
import type * as Arr from "effect/Array"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { dual, identity } from "effect/Function"
import * as Layer from "effect/Layer"
import * as ChatModel from "./ChatModel.ts"
import * as Delegating from "./languageModels/delegating.ts"
import * as FromChat from "./languageModels/fromChat.ts"
import * as Classify from "./languageModels/classify.ts"
import * as InOrder from "./languageModels/inOrder.ts"
import * as OneCall from "./languageModels/oneCall.ts"
import * as Provenances from "./languageModels/provenance.ts"
import { hasContent } from "./languageModels/hasContent.ts"
import * as ReaderExpiry from "./languageModels/readerExpiry.ts"
import type * as ModelCascade from "./ModelCascade.ts"

/**
 * What spans and requests say beside the prompt. Everything has a default.
 *
 * @category options
 * @since 0.1.0
 */
export type Options = FromChat.Options

/**
 * The chat model of the application as its `LanguageModel`.
 *
 * @category layers
 * @since 0.1.0
 */
export const fromChatModel = (
  options?: Options
): Layer.Layer<LanguageModel.LanguageModel, never, ChatModel.ChatModel> =>
  Layer.effect(LanguageModel.LanguageModel, Effect.flatMap(ChatModel.ChatModel, (model) => make(model, options)))

/**
 * Makes a `LanguageModel` of a chat model, such as one of `ModelCascade.make`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make: <E>(
  model: ChatModel.ChatModel<E>,
  options?: Options
) => Effect.Effect<LanguageModel.LanguageModel> = FromChat.make

/**
 * A `Guard` of core, or several composed, which need no name: it wraps a call and adds `E` to its errors. A `Pipeline` is
 * one, and so is each of its parts.
 *
 * @category guards
 * @since 0.1.0
 */
export type Guards<E = unknown> = OneCall.Guards<E>

/**
 * A language model behind guards. A stream is one call that lasts as long as the stream, so an attempt time-out has to
 * leave time for all of it.
 *
 * Give the circuit {@link classify}, or it counts what its callers do wrong. Dies with a `RangeError` when an option is
 * out of range.
 *
 * ```ts
 * import { CircuitBreaker, Pipeline } from "@switchgear/core"
 * import { LanguageModels } from "@switchgear/http"
 * import { Effect, Layer } from "effect"
 * import { LanguageModel } from "effect/ai"
 *
 * const guarded = Effect.gen(function*() {
 *   const breaker = yield* CircuitBreaker.make({ name: "claude", classify: LanguageModels.classify })
 *   const guards = yield* Pipeline.make({ breaker, attemptTimeout: "20 seconds" })
 *   return yield* LanguageModels.protect(yield* LanguageModel.LanguageModel, guards)
 * })
 *
 * // Takes the model of a provider's own layer, and gives it back with its guards.
 * const layer = Layer.effect(LanguageModel.LanguageModel, guarded)
 * Layer.isLayer(layer) // => true
 * ```
 *
 * @category guards
 * @since 0.1.0
 */
export const protect: {
  <E>(
    guards: Guards<E>,
    options?: StreamOptions
  ): (model: LanguageModel.LanguageModel) => Effect.Effect<LanguageModel.LanguageModel>
  <E>(
    model: LanguageModel.LanguageModel,
    guards: Guards<E>,
    options?: StreamOptions
  ): Effect.Effect<LanguageModel.LanguageModel>
} = dual(
  (args) => "generateText" in args[0],
  <E>(
    model: LanguageModel.LanguageModel,
    guards: Guards<E>,
    options?: StreamOptions
  ): Effect.Effect<LanguageModel.LanguageModel> =>
    Effect.suspend(() => {
      const reader = ReaderExpiry.of("LanguageModels.protect", options)
      return Delegating.make({
        whole: (ask) => guards.protect(Effect.tap(ask(model), tellOutput)),
        streamed: (ask) => OneCall.open({ source: ask(model), hasContent, guards, ...reader }),
        supportsSystemMessagesInHistory: model.supportsSystemMessagesInHistory
      })
    })
)

/** Tells a concurrency limit among the guards how long a whole answer is. */
const tellOutput = ({ parts }: Delegating.Answer): Effect.Effect<void> => {
  const tokens = parts.find((part) => part.type === "finish")?.usage.outputTokens.total
  return typeof tokens === "number" ? ConcurrencyLimit.outputTokens(tokens) : Effect.void
}

/**
 * How streams treat their readers. Everything has a default.
 *
 * @category options
 * @since 0.1.0
 */
export type StreamOptions = ReaderExpiry.StreamOptions

/**
 * How a cascade asks its models. Everything has a default.
 *
 * @category options
 * @since 0.1.0
 */
export interface CascadeOptions extends StreamOptions {
  /**
   * How the time until the deadline of the caller is shared among the models. When a model has had its share, the next one
   * is asked as well, while the first runs on. Without a deadline there is nothing to share. @default "measured"
   */
  readonly share?: ModelCascade.Share | undefined
}

/**
 * One model of a cascade.
 *
 * @category options
 * @since 0.1.0
 */
export interface Step {
  /** The name by which answers and errors call it. */
  readonly name: string
  readonly model: LanguageModel.LanguageModel
  /** Which errors move on to the next model. @default {@link movesOn} */
  readonly when?: ((error: AiError.AiError) => boolean) | undefined
  /** The time after which the next model is asked as well. @default by the cascade's `share` */
  readonly share?: Duration.Input | undefined
}

/**
 * Language models asked in order, best first, until one answers. {@link provenance} says which one did. Of a step that is
 * a cascade itself, a stale or canned answer is none: it is served when no other model answers.
 * Under a deadline of the caller, each model leaves time for the next: when it has had its share, that is asked as well.
 * When none answers, the reason is `InternalProviderError`, with the error of every model among its facts.
 *
 * A further model takes an attempt from the budget of `Attempts`, and is passed over when none is left.
 *
 * ```ts
 * import { LanguageModels } from "@switchgear/http"
 * import { Effect, Stream } from "effect"
 * import { AiError, LanguageModel } from "effect/ai"
 *
 * const answering = (answer: Effect.Effect<string, AiError.AiError>) =>
 *   LanguageModel.make({
 *     generateText: () => Effect.map(answer, (text) => [{ type: "text", text }]),
 *     streamText: () => Stream.empty
 *   })
 * const down = AiError.make({
 *   module: "Gpt",
 *   method: "generateText",
 *   reason: new AiError.InternalProviderError({ description: "503" })
 * })
 *
 * const program = Effect.gen(function*() {
 *   const model = yield* LanguageModels.cascade([
 *     { name: "gpt", model: yield* answering(Effect.fail(down)) },
 *     { name: "claude", model: yield* answering(Effect.succeed("Hello!")) }
 *   ])
 *   return (yield* model.generateText({ prompt: "Hello?" })).text
 * })
 *
 * await Effect.runPromise(program) // => "Hello!"
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const cascade = (
  steps: Arr.NonEmptyReadonlyArray<Step>,
  options?: CascadeOptions
): Effect.Effect<LanguageModel.LanguageModel> =>
  Effect.suspend(() => {
    const where = "LanguageModels.cascade"
    const reader = ReaderExpiry.of(where, options)
    return Delegating.make({
      ...InOrder.asking(InOrder.settingsOf(steps, options, new OptionsOf(where)), reader),
      supportsSystemMessagesInHistory: supportedByAll(steps)
    })
  })

/** Unknown as soon as one of them does not say. */
const supportedByAll = (steps: ReadonlyArray<Step>): Effect.Effect<boolean> | undefined => {
  const all = steps.flatMap(({ model }) => model.supportsSystemMessagesInHistory ?? [])
  return all.length < steps.length ? undefined : Effect.map(Effect.all(all), (each) => each.every(identity))
}

/**
 * Whether an error moves on to the next model: what is wrong with this model or its account does, and so do refusals of
 * guards; what the caller has to mend does not, such as a request that is not valid, content that a policy blocks, a
 * key that lacks permissions. Where a `ChatError` is behind the error, `ChatError.movesOn` decides.
 *
 * ```ts
 * import { LanguageModels } from "@switchgear/http"
 * import { AiError } from "effect/ai"
 *
 * const failed = (reason: AiError.AiErrorReason) => AiError.make({ module: "Gpt", method: "generateText", reason })
 *
 * LanguageModels.movesOn(failed(new AiError.RateLimitError({}))) // => true
 * LanguageModels.movesOn(failed(new AiError.InvalidRequestError({}))) // => false
 * ```
 *
 * @category predicates
 * @since 0.1.0
 */
export const movesOn: (error: AiError.AiError) => boolean = Classify.movesOn

/**
 * How a circuit judges calls to a language model: faults of the provider and of the network, time-outs and defects
 * count. Mistakes of the caller, rate limits, spent quotas, rejected keys and answers that do not fit a schema do not:
 * they say nothing about the model's health.
 *
 * @category guards
 * @since 0.1.0
 */
export const classify: Outcome.Classify = Classify.classify

/**
 * The step that answered, the degradation, and the errors before it.
 *
 * @category models
 * @since 0.1.0
 */
export type Provenance = Provenances.Provenance

/**
 * Where an answer comes from, read from the content of a response or the collected parts of a stream. Undefined for a
 * model that is neither of {@link fromChatModel} nor of {@link cascade}.
 *
 * @category combinators
 * @since 0.1.0
 */
export const provenance: (content: ReadonlyArray<Response.AnyPart>) => Provenance | undefined = Provenances.read
