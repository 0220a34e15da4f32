/** What a chat model is: what it is asked, what it answers, how it fails, and how one model is guarded. */
import type * as Bulkhead from "@switchgear/core/Bulkhead"
import type * as Cascade from "@switchgear/core/Cascade"
import type * as CircuitBreaker from "@switchgear/core/CircuitBreaker"
import type * as ConcurrencyLimit from "@switchgear/core/ConcurrencyLimit"
import type * as Deadline from "@switchgear/core/Deadline"
import type * as RateLimiter from "@switchgear/core/RateLimiter"
import type * as Retry from "@switchgear/core/Retry"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import type * as ChatError from "../ChatError.ts"
import type * as ChatSchema from "../ChatSchema.ts"
import type { TokenEstimate } from "../pricing/estimateTokens.ts"
import type { AnswerRefused } from "./AnswerRefused.ts"

/**
 * What is asked: a chat-completions request, except that the model is chosen here. All its fields are passed on.
 *
 * @category models
 * @since 0.1.0
 */
export interface Request extends ChatSchema.Fields {
  readonly messages: ReadonlyArray<ChatSchema.ChatMessage>
  /** Of no use: the model is that of the `ChatModel`. */
  readonly model?: unknown
}

/**
 * How a call to one model fails: with an error of the client, with the rejection of a guard, or because its answer was not
 * accepted.
 *
 * @category errors
 * @since 0.1.0
 */
export type ModelError =
  | ChatError.ChatError
  | CircuitBreaker.CircuitOpen
  | RateLimiter.RateLimited
  | Bulkhead.BulkheadFull
  | Deadline.DeadlineExceeded
  | AnswerRefused

/**
 * What the stream of a model or a cascade fails with: before the first content as a call does, with `E`, and later with an
 * error of the client.
 *
 * @category errors
 * @since 0.1.0
 */
export type StreamError<E> = E | ChatError.ChatError

/**
 * The calls to providers that were made for an answer, over all retries and all models of a cascade.
 *
 * @category models
 * @since 0.1.0
 */
export interface Tried {
  /** Calls to providers. */
  readonly attempts: number
  /** Those of them that a provider may bill, the one that was answered included. Only refusals surely cost nothing. */
  readonly possiblyBilledAttempts: number
}

/**
 * A reply with its provenance: the step it came from, the degradation, the errors before it, and the number of calls.
 *
 * @category models
 * @since 0.1.0
 */
export interface Answer extends Cascade.Served<ChatSchema.ChatReply, ModelError>, Tried {}

/**
 * The chunks of a reply that has begun, and where they come from. They can be read once, within the scope.
 *
 * @category models
 * @since 0.1.0
 */
export interface OpenAnswer
  extends Cascade.Served<Stream.Stream<ChatSchema.ChatChunk, ChatError.ChatError>, ModelError>, Tried
{}

/**
 * Something that answers a conversation: one model, or a cascade of them. `E` are the errors that are left.
 *
 * @category models
 * @since 0.1.0
 */
export interface ChatModel<out E = ModelError | Cascade.CascadeExhausted<ModelError>> {
  readonly name: string
  /**
   * Whether a call would be admitted now, as far as is known without making it: false while the circuit is open or the
   * limiter is paused. A cascade keeps no time for a model that is not available. It must not wait. @default true
   */
  readonly isAvailable?: Effect.Effect<boolean> | undefined
  /** Asks for a whole answer. */
  readonly complete: (request: Request) => Effect.Effect<Answer, E>
  /**
   * Asks for a streamed answer. Ends with the first content; chunks before it are held back, so that until then the
   * call can be retried, or made at another model. Closing the scope ends the call at the provider.
   */
  readonly open: (request: Request) => Effect.Effect<OpenAnswer, E, Scope.Scope>
  /** The same without provenance: each run of the stream is one call. A failure after its first content fails the stream. */
  readonly stream: (request: Request) => Stream.Stream<ChatSchema.ChatChunk, StreamError<E>>
}

/**
 * The chat model of an application, whichever it is.
 *
 * @category models
 * @since 0.1.0
 */
export const ChatModel: Context.Service<ChatModel, ChatModel> = Context.Service<ChatModel>("@switchgear/http/ChatModel")

/**
 * A single model, with its circuit and its bulkhead to read and to control.
 *
 * @category models
 * @since 0.1.0
 */
export interface GuardedModel extends ChatModel<ModelError> {
  readonly breaker: CircuitBreaker.CircuitBreaker
  /** The limit, where the model has one instead. */
  readonly bulkhead: Bulkhead.Bulkhead
  /** Undefined where the model has a bulkhead. */
  readonly concurrencyLimit: ConcurrencyLimit.ConcurrencyLimit | undefined
  readonly rateLimiter: RateLimiter.RateLimiter | undefined
}

/**
 * What the provider allows of the model: requests, tokens and cost per time.
 *
 * @category options
 * @since 0.1.0
 */
export interface RateLimiterOptions extends Omit<RateLimiter.Options, "name"> {
  /** Tokens taken for the completion of a request without `max_tokens`, until its usage is known. @default 4_096 */
  readonly assumedOutput?: number | undefined
  /**
   * The most tokens a request is expected to use. A `CostLedger` takes the same function.
   * @default `Pricing.estimateTokens`: the bytes of its text, images and the like by what they are, and its `max_tokens`
   */
  readonly estimate?: ((request: Request) => TokenEstimate) | undefined
}

/**
 * Which model, and how it is guarded. Only `model` must be given.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options {
  /** The name that the provider knows the model by. */
  readonly model: string
  /** The name of the step, the circuit and the bulkhead. @default the value of `model` */
  readonly name?: string | undefined
  /** @default the defaults of `CircuitBreaker` */
  readonly breaker?: Omit<CircuitBreaker.Options, "name" | "classify"> | undefined
  /**
   * What an error counts as on the circuit. It is asked about errors of the client and about an attempt whose time ran out,
   * or that a cascade did not wait for; not about rejections by a guard, answers that were not accepted and interruptions. Where it answers `undefined`, the
   * default holds.
   * @default a failure, but for what `ChatError.countsOnBreaker` leaves out, which is ignored
   */
  readonly countsAs?: ((error: ModelError) => "failure" | "success" | "ignored" | undefined) | undefined
  /**
   * What the provider allows: requests and tokens per time. A call takes the tokens that its request is estimated to
   * use at most, and is settled with its usage. Response headers of the provider make the limits tighter, never looser,
   * and its 429 pauses them. @default no limit
   */
  readonly rateLimiter?: RateLimiterOptions | undefined
  /** @default 50 at once, and as many waiting, for up to 10 seconds */
  readonly bulkhead?: Omit<Bulkhead.Options, "name"> | undefined
  /**
   * A limit that finds the number of calls by itself, instead of the bulkhead. It measures the first content of a stream, and
   * the time per token of a whole reply, each by the effort that is asked for and by whether the prompt has more than 1,000
   * tokens. Time-outs and overloads are drops, a call that a cascade did not wait for too; a rate limit says nothing.
   * @default none: there is a bulkhead
   */
  readonly concurrencyLimit?: Omit<ConcurrencyLimit.Options, "name"> | undefined
  /**
   * `while` can forbid attempts that would be made, and never allows one that the error table forbids. Beside another model
   * of a cascade, no wait is begun that is longer than asking that one. @default 2 attempts and the defaults of `Retry`
   */
  readonly retry?: Retry.Options<ModelError> | undefined
  /**
   * The time for one attempt, from connecting to the last byte; of a stream, until its first content. After that the
   * time-outs of the client hold. @default "10 seconds"
   */
  readonly attemptTimeout?: Duration.Input | undefined
  /** The time for all attempts and waits together; of a stream, until its first content. @default "30 seconds" */
  readonly deadline?: Duration.Input | undefined
  /**
   * How long a stream that has begun waits for its reader. A reader that asks for nothing for this long, or up to a
   * quarter longer, ends the call: its slot is free, its connection is closed, and it is neither a success nor a
   * failure. The reader gets a `TimedOut` in phase `reader` when it reads on. `Infinity` waits for ever.
   * @default "5 minutes"
   */
  readonly readerTimeout?: Duration.Input | undefined
}
