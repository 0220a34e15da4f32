/** What a cascade of models is: its steps, its options, and the errors that are left. */
import type * as StaleCache from "@switchgear/core/StaleCache"
import type * as Arr from "effect/Array"
import type * as Duration from "effect/Duration"
import type * as Canned from "../Canned.ts"
import type * as ChatError from "../ChatError.ts"
import type * as ChatModel from "../ChatModel.ts"

/**
 * Errors that the caller has to correct. They fail at once, without another model being asked.
 *
 * @category errors
 * @since 0.1.0
 */
export type CallerError =
  | ChatError.InvalidRequest
  | ChatError.ContextTooLong
  | ChatError.ContentBlocked
  | ChatError.Forbidden

/**
 * One model of the chain.
 *
 * @category options
 * @since 0.1.0
 */
export interface Step {
  readonly model: ChatModel.ChatModel<ChatModel.ModelError>
  /** Tokens that fit into the model. A conversation too long for one step goes on to steps with a larger window. */
  readonly contextWindow?: number | undefined
  /** Errors of this model that move on although by default they do not: another model may have another policy. */
  readonly optIn?: ReadonlyArray<"InvalidRequest" | "ContentBlocked" | "Forbidden"> | undefined
}

/**
 * The models, the cache and the budgets of a cascade. Only `models` is required.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options {
  /** The name of the cascade and of its cache in registry, metrics and log. @default "cascade" */
  readonly name?: string | undefined
  /** The models, best first. */
  readonly models: Arr.NonEmptyReadonlyArray<Step>
  /**
   * How answers are kept. @default 10,000 answers of together 256 MiB, at 2 bytes for each character of their JSON,
   * fresh for 5 minutes, stale for a day more
   */
  readonly cache?: Omit<StaleCache.Options<ChatModel.Answer>, "name" | "storeWhen" | "copy"> | undefined
  /**
   * The key under which an answer is kept, beside the tenant of the call. It is given a frozen copy of the request. A
   * request for which it throws is an `InvalidRequest`. @default a digest of the whole request without `stream`
   */
  readonly cacheKey?: ((request: ChatModel.Request) => string) | undefined
  /** The time for all models together. @default none: each model has its own */
  readonly deadline?: Duration.Input | undefined
  /** Attempts at all models together, the first included. @default no bound beside the models' own */
  readonly attempts?: number | undefined
}

/**
 * Options with a last sentence: such a cascade fails with a {@link CallerError} only.
 *
 * @category options
 * @since 0.1.0
 */
export interface OptionsWithFloor extends Options {
  /** The sentences at the end, by language. `Canned.sentences` has some. */
  readonly canned: Canned.Sentences
}

/**
 * A cascade, which is a chat model, and its cache to read and to clear.
 *
 * @category models
 * @since 0.1.0
 */
export interface ModelCascade<out E> extends ChatModel.ChatModel<E> {
  readonly cache: StaleCache.StaleCache<ChatModel.Answer>
}
