/**
 * One model at one provider, behind guards of its own: whatever happens to it, its callers get an answer or a typed
 * error in bounded time, and a model that is down is left alone.
 *
 * Each call passes `deadline ▸ retry ▸ circuit open? ▸ rate limit ▸ bulkhead ▸ circuit ▸ attempt time-out ▸ client`. The
 * circuit is asked twice, so that calls to a model that is down do not queue for it. What the circuit counts follows the error
 * table of the client: faults, overload and time-outs count; a bad request, a spent quota, a rate limit do not, since
 * they say nothing about the model's health. Time-outs are not retried on the same model; a fault or a lost connection
 * is, an overloaded model once.
 *
 * A stream is one call that ends with the stream. Until it says something it is guarded like any other; then a failure is
 * told in it and counts on the circuit, but nothing is tried again. A reader who leaves is neither success nor failure.
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
 *   const gpt = yield* ChatModel.make({ model: "gpt-4.1", attemptTimeout: "10 seconds" })
 *   const { step, value } = yield* gpt.complete({ messages: [{ role: "user", content: "Hello" }] })
 *   return `${step}: ${ChatSchema.text(value)}`
 * })
 *
 * await Effect.runPromise(Effect.provide(program, client)) // => "gpt-4.1: Good day"
 * ```
 */
import * as Bulkhead from "@switchgear/core/Bulkhead"
import type * as Cascade from "@switchgear/core/Cascade"
import * as CircuitBreaker from "@switchgear/core/CircuitBreaker"
import * as Deadline from "@switchgear/core/Deadline"
import * as Outcome from "@switchgear/core/Outcome"
import * as Pipeline from "@switchgear/core/Pipeline"
import type * as RateLimiter from "@switchgear/core/RateLimiter"
import * as Retry from "@switchgear/core/Retry"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as ChatClient from "./ChatClient.ts"
import * as ChatError from "./ChatError.ts"
import type * as ChatSchema from "./ChatSchema.ts"
import * as ChatStream from "./ChatStream.ts"
import * as StreamCall from "./chatModel/streamCall.ts"
import * as ModelLimit from "./chatModel/modelLimit.ts"
import { tapChunks } from "./chatStream/tapChunks.ts"
import { AttemptCounter, CurrentAttemptCounter } from "./chatModel/attemptCounter.ts"

/** What is asked: a chat-completions request, except that the model is chosen here. All its fields are passed on. */
export interface Request {
  readonly messages: ReadonlyArray<ChatSchema.ChatMessage>
  readonly [field: string]: unknown
}

/** How a call to one model fails: the client's error, or the refusal of a guard. */
export type ModelError =
  | ChatError.ChatError
  | CircuitBreaker.CircuitOpen
  | RateLimiter.RateLimited
  | Bulkhead.BulkheadFull
  | Deadline.DeadlineExceeded

/** What was asked of providers for an answer: retries, and all models of a cascade, together. */
export interface Tried {
  /** Calls to providers. */
  readonly attempts: number
  /** Those of them that a provider may bill, the one that was answered included. Only refusals surely cost nothing. */
  readonly possiblyBilledAttempts: number
}

/** A reply, who gave it, how far that is from what was asked for, what failed before, and how often was asked. */
export interface Answer extends Cascade.Served<ChatSchema.ChatReply, ModelError>, Tried {}

/** The chunks of a reply that has begun, and where they come from. They can be read once, within the scope. */
export interface OpenAnswer
  extends Cascade.Served<Stream.Stream<ChatSchema.ChatChunk, ChatError.ChatError>, ModelError>, Tried
{}

/** Something that answers a conversation: one model, or a cascade of them. `E` are the errors that are left. */
export interface ChatModel<out E = ModelError | Cascade.CascadeExhausted<ModelError>> {
  readonly name: string
  /** Asks for an answer, whole. */
  readonly complete: (request: Request) => Effect.Effect<Answer, E>
  /**
   * Asks for an answer as the model writes it. Ends when the model begins to say something; what came before that is held
   * back, so that until then it can be asked again, or another one. Closing the scope ends the call at the provider.
   */
  readonly open: (request: Request) => Effect.Effect<OpenAnswer, E, Scope.Scope>
  /** The same without provenance: each run of the stream is one call. What fails after its beginning is told in it. */
  readonly stream: (request: Request) => Stream.Stream<ChatSchema.ChatChunk, E | ChatError.ChatError>
}

/** What a chat model can do by itself. */
export interface Parts<out E> extends Pick<ChatModel<E>, "name" | "complete"> {
  /** @default the whole answer in one piece, once it is there */
  readonly open?: ChatModel<E>["open"] | undefined
}

/** A chat model of one's own. */
export const of = <E>({ complete, name, open = inOnePiece(complete) }: Parts<E>): ChatModel<E> => ({
  name,
  complete,
  open,
  stream: (request) => Stream.unwrap(Effect.map(open(request), ({ value }) => value))
})

const inOnePiece = <E>(complete: ChatModel<E>["complete"]): ChatModel<E>["open"] => (request) =>
  Effect.map(complete(request), (answer) => ({ ...answer, value: ChatStream.fromReply(answer.value) }))

/** The chat model of an application, whichever it is. */
export const ChatModel: Context.Service<ChatModel, ChatModel> = Context.Service<ChatModel>("@switchgear/http/ChatModel")

/** A single model, with its circuit and its bulkhead to read and to control. */
export interface GuardedModel extends ChatModel<ModelError> {
  readonly breaker: CircuitBreaker.CircuitBreaker
  readonly bulkhead: Bulkhead.Bulkhead
  readonly rateLimiter: RateLimiter.RateLimiter | undefined
}

/** How much of the model there is. */
export interface RateLimiterOptions extends Omit<RateLimiter.Options, "name"> {
  /** Tokens taken for the completion of a request without `max_tokens`, until its usage is known. @default 4_096 */
  readonly assumedOutput?: number | undefined
}

/** Which model, and how it is guarded. Only `model` must be given. */
export interface Options {
  /** The name that the provider knows the model by. */
  readonly model: string
  /** The name of the step, the circuit and the bulkhead. @default the value of `model` */
  readonly name?: string | undefined
  /** @default the defaults of `CircuitBreaker` */
  readonly breaker?: Omit<CircuitBreaker.Options, "name" | "classify"> | undefined
  /**
   * What the provider allows: requests and tokens per time. A call takes the bytes of its request and its `max_tokens`,
   * and when its usage is known, that. What the provider says of its limits makes them tighter, never looser, and its 429
   * pauses them. @default no limit
   */
  readonly rateLimiter?: RateLimiterOptions | undefined
  /** @default 50 at once, and as many waiting, for up to 10 seconds */
  readonly bulkhead?: Omit<Bulkhead.Options, "name"> | undefined
  /** @default 2 attempts and the defaults of `Retry` */
  readonly retry?: Omit<Retry.Options<ModelError>, "while"> | undefined
  /**
   * The time for one attempt, from connecting to the last byte; of a stream, until it says something. After that the
   * clocks of the client hold. @default "10 seconds"
   */
  readonly attemptTimeout?: Duration.Input | undefined
  /** The time for all attempts and waits together; of a stream, until it says something. @default "30 seconds" */
  readonly deadline?: Duration.Input | undefined
}

/**
 * Guards one model of the client at hand. Dies with a `RangeError` that names the field when an option is out of range.
 */
export const make = (options: Options): Effect.Effect<GuardedModel, never, ChatClient.ChatClient> =>
  Effect.gen(function*() {
    const client = yield* ChatClient.ChatClient
    const name = options.name ?? options.model
    const breaker = yield* CircuitBreaker.make({ ...options.breaker, name, classify })
    const bulkhead = yield* Bulkhead.make({ concurrency: 50, queue: 50, ...options.bulkhead, name })
    const retry = yield* Retry.make<ModelError>({ maxAttempts: 2, ...options.retry, while: isWorthRetrying })
    const limit = yield* ModelLimit.make(name, options.rateLimiter)
    const parts = { retry, rateLimiter: limit.limiter, bulkhead, breaker }
    const { attemptTimeout = "10 seconds", deadline = "30 seconds" } = options
    const guards = yield* Pipeline.make({ ...parts, deadline, attemptTimeout })
    // How long a stream takes is also up to its reader: only its beginning is timed here.
    const streamGuards = yield* Pipeline.make(parts)
    const toSpeak = Deadline.attempt(attemptTimeout)
    const toOpen = Deadline.within(deadline)

    const askWhole = (request: Request, counter: AttemptCounter): Effect.Effect<ChatSchema.ChatReply, ModelError> =>
      limit.limiter === undefined
        ? guards.protect(counter.count(client.complete(asked(request))))
        : Effect.flatMap(limit.costs(request), (costs) =>
          guards.protectWith<ChatSchema.ChatReply, ModelError>({
            costs,
            settle: ({ usage }) => ModelLimit.costOf(usage)
          })(counter.count(limit.hearing(client.complete(asked(request))))))

    const openStream = (
      request: Request,
      counter: AttemptCounter
    ): Effect.Effect<OpenAnswer["value"], ModelError, Scope.Scope> =>
      Effect.flatMap(limit.costs(request), (costs) => {
        let told: ChatSchema.Usage | undefined
        const opening = StreamCall.open<ChatSchema.ChatChunk, ChatError.ChatError, ModelError>({
          source: limit.hearingStream(client.stream(asked(request))),
          hasContent: ChatStream.hasContent,
          guard: streamGuards.protectWith<StreamCall.Ending<ChatError.ChatError>, ModelError>({
            costs,
            settle: () => ModelLimit.costOf(told),
            classify: judgeEnding,
            slowCallDuration: "Infinity"
          }),
          attempt: (silent) => toSpeak(counter.count(silent))
        })
        return Effect.map(toOpen(opening), (chunks) =>
          tapChunks(chunks, ({ usage }) => {
            told = usage ?? told
          }))
      })

    const asked = (request: Request): ChatSchema.ChatRequest => ({ ...request, model: options.model })

    const counted = <A extends object, R>(
      ask: (counter: AttemptCounter) => Effect.Effect<A, ModelError, R>
    ): Effect.Effect<Cascade.Served<A, ModelError> & Tried, ModelError, R> =>
      Effect.flatMap(CurrentAttemptCounter, (around) => {
        const counter = around ?? new AttemptCounter()
        return Effect.map(
          ask(counter),
          (value) => ({ value, step: name, degradation: "none", failures: [], ...counter.tried })
        )
      })

    return {
      ...of<ModelError>({
        name,
        complete: (request) => counted((counter) => askWhole(request, counter)),
        open: (request) => counted((counter) => openStream(request, counter))
      }),
      breaker,
      bulkhead,
      rateLimiter: limit.limiter
    }
  })

/** The model as the chat model of the application. */
export const layer = (options: Options): Layer.Layer<ChatModel, never, ChatClient.ChatClient> =>
  Layer.effect(ChatModel, make(options))

/** What a call says about the health of the model, by the error table of the client. */
const classify: Outcome.Classify = (exit: Exit.Exit<unknown, unknown>) => {
  const judged = Outcome.fromExit(exit)
  if (judged !== Outcome.failure || exit._tag === "Success" || Cause.hasDies(exit.cause)) return judged
  const says = exit.cause.reasons.some((reason) =>
    Cause.isFailReason(reason) && !(ChatError.isChatError(reason.error) && !ChatError.countsOnBreaker(reason.error))
  )
  return says ? Outcome.failure : Outcome.ignored
}

/** A stream that has begun is judged by its end. */
const judgeEnding = (exit: Exit.Exit<StreamCall.Ending<ChatError.ChatError>, unknown>): Outcome.Outcome =>
  classify(exit._tag === "Success" ? exit.value : exit)

/** A time-out on this model is likely to be the next one, too; a struggling model is asked once more and then let be. */
const isWorthRetrying = (error: ModelError, attempts: number): boolean => {
  if (!ChatError.isChatError(error)) return false
  const retries = ChatError.retries(error)
  return retries === "yes" || retries === "once" && attempts === 1
}
