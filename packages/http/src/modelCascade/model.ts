/** What a cascade of models is: its steps, its options, and the errors that are left. */
import type * as Cascade from "@switchgear/core/Cascade"
import type * as Hedge from "@switchgear/core/Hedge"
import type * as StaleCache from "@switchgear/core/StaleCache"
import type * as Arr from "effect/Array"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Canned from "../Canned.ts"
import type * as ChatError from "../ChatError.ts"
import type * as ChatModel from "../ChatModel.ts"
import type { Accept } from "./accept.ts"
import type { Share } from "./share.ts"

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
 * A model that has been made: a single one, or a cascade again.
 *
 * @category models
 * @since 0.1.0
 */
export type Made = ChatModel.ChatModel<ChatModel.ModelError | Cascade.CascadeExhausted<ChatModel.ModelError>>

/**
 * The model of a step: one that has been made, or an effect that gives one, such as a class of `ChatModel.Service` or
 * `ChatModel.make`. An effect is run once, when the cascade is made.
 *
 * @category options
 * @since 0.1.0
 */
export type StepModel = Made | Effect.Effect<Made, any, any>

/**
 * The models of a cascade, best first.
 *
 * @category options
 * @since 0.1.0
 */
export type Models = Arr.NonEmptyReadonlyArray<StepModel>

/**
 * What the models of a cascade can fail with while they are made.
 *
 * @category options
 * @since 0.1.0
 */
export type ModelsError<M extends ReadonlyArray<unknown>> = M[number] extends infer S
  ? S extends Effect.Effect<any, infer E, any> ? Known<E> : never
  : never

/**
 * What the models of a cascade need while they are made.
 *
 * @category options
 * @since 0.1.0
 */
export type ModelsServices<M extends ReadonlyArray<unknown>> = M[number] extends infer S
  ? S extends Effect.Effect<any, any, infer R> ? Known<R> : never
  : never

/** Of models that are not known, nothing is known. */
type Known<T> = 0 extends 1 & T ? never : T

/**
 * One model of the chain.
 *
 * @category options
 * @since 0.1.0
 */
export interface Step<out M = Made> {
  readonly model: M
  /** Tokens that fit into the model. A conversation too long for one step goes on to steps with a larger window. */
  readonly contextWindow?: number | undefined
  /** Errors of this model that move on although by default they do not: another model may have another policy. */
  readonly optIn?: ReadonlyArray<"InvalidRequest" | "ContentBlocked" | "Forbidden"> | undefined
  /**
   * The time after which the next model is asked as well, while this one runs on: a finite duration above zero, and at most
   * the `deadline` of the cascade. @default by the `share` of the cascade
   */
  readonly share?: Duration.Input | undefined
  /** Which answers of this model are accepted, besides `accept` of the cascade. @default all */
  readonly accept?: Accept | undefined
}

/**
 * When and how often the next model is asked beside the one that is slow.
 *
 * @category options
 * @since 0.1.0
 */
export interface HedgeOptions extends Omit<Hedge.Options, "name"> {}

/**
 * The models, the cache and the budgets of a cascade. Only `models` is required.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options<out M extends Models = Arr.NonEmptyReadonlyArray<Made>> {
  /** The name of the cascade and of its cache in registry, metrics and log. @default "cascade" */
  readonly name?: string | undefined
  /** The models, best first. */
  readonly models: { readonly [I in keyof M]: Step<M[I]> }
  /**
   * How answers are kept. With a `timeToLive` above zero they are fresh for that long: equal requests get the kept answer
   * without a call, and share a call that is in flight. @default 10,000 answers of together 256 MiB, at 2 bytes for each
   * character of their JSON, never fresh, stale for a day
   */
  readonly cache?: Omit<StaleCache.Options<ChatModel.Answer>, "name" | "storeWhen" | "copy"> | undefined
  /**
   * The key under which an answer is kept, beside the tenant of the call. It is given a frozen copy of the request. A
   * request for which it throws, or returns no text, is an `InvalidRequest`. @default a digest of the whole request
   * without `stream`
   */
  readonly cacheKey?: ((request: ChatModel.Request) => string) | undefined
  /** The time for all models together. @default none: each model has its own */
  readonly deadline?: Duration.Input | undefined
  /**
   * How the time up to the `deadline`, or up to that of the caller if it is nearer, is shared among the models. Without any
   * deadline there is nothing to share. @default "measured"
   */
  readonly share?: Share | undefined
  /**
   * Which answers are accepted. A refused one is an `AnswerRefused` of its model, and the next model is asked. It is
   * not kept. It holds inside of cascades within as well, also for what they have kept. The check runs within the
   * time-outs of the model. A streamed answer is waited for, checked, and streamed in one piece. Stale answers were
   * accepted when they were cached; canned replies are not checked. @default all
   */
  readonly accept?: Accept | undefined
  /**
   * Asks the next model as well when one takes longer to its first content than it usually does, within a budget; see
   * `Hedge`. Each model is a class of its own. It is for streams: a whole answer has no first content that is seen, and is
   * hedged only with `on: "result"`. The loser may be billed. @default none: the next model is asked after the `share`
   */
  readonly hedge?: HedgeOptions | undefined
  /** Attempts at all models together, the first included. @default no bound beside the models' own */
  readonly attempts?: number | undefined
  /**
   * How many requests wait when all models have refused or failed them: their models are asked again while there is time for
   * an answer, before the stale answer or the canned reply is served. A whole number of at least 0. @default 0
   */
  readonly queue?: number | undefined
  /**
   * How long such a request waits at most, all rounds together, within the `deadline` and that of its caller. @default
   * "10 seconds"
   */
  readonly maxWait?: Duration.Input | undefined
}

/**
 * Options with canned replies: such a cascade fails with a {@link CallerError} only.
 *
 * @category options
 * @since 0.1.0
 */
export interface OptionsWithFloor<out M extends Models = Arr.NonEmptyReadonlyArray<Made>> extends Options<M> {
  /** The canned replies, by language. `Canned.sentences` has some. */
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
