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
 *   const gpt = yield* ChatModel.make({ model: "gpt-4.1", attemptTimeout: "10 seconds" })
 *   const { step, value } = yield* gpt.complete({ messages: [{ role: "user", content: "Hello" }] })
 *   return `${step}: ${ChatSchema.text(value)}`
 * })
 *
 * await Effect.runPromise(Effect.provide(program, client)) // => "gpt-4.1: Good day"
 * ```
 *
 * @since 0.1.0
 */
import * as Bulkhead from "@switchgear/core/Bulkhead"
import type * as Cascade from "@switchgear/core/Cascade"
import * as CircuitBreaker from "@switchgear/core/CircuitBreaker"
import * as Deadline from "@switchgear/core/Deadline"
import * as Outcome from "@switchgear/core/Outcome"
import * as Pipeline from "@switchgear/core/Pipeline"
import * as Retry from "@switchgear/core/Retry"
import { keepingDeadline, keepsDeadline } from "@switchgear/core/runtime"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as ChatClient from "./ChatClient.ts"
import * as ChatError from "./ChatError.ts"
import type * as ChatSchema from "./ChatSchema.ts"
import * as ChatStream from "./ChatStream.ts"
import {
  type Answer,
  ChatModel,
  type GuardedModel,
  type ModelError,
  type OpenAnswer,
  type Options,
  type RateLimiterOptions,
  type Request,
  type Tried
} from "./chatModel/model.ts"
import * as ProviderFields from "./chatRequest/providerFields.ts"
import { seal, type SealedRequest } from "./chatRequest/sealedRequest.ts"
import * as StreamCall from "./chatModel/streamCall.ts"
import * as ModelLimit from "./chatModel/modelLimit.ts"
import * as ReaderTimeout from "./chatStream/readerTimeout.ts"
import { tapChunks } from "./chatStream/tapChunks.ts"
import { AttemptCounter, CurrentAttemptCounter } from "./chatModel/attemptCounter.ts"
import { type Attempt, CurrentAttemptObserver } from "./chatModel/attemptObserver.ts"
import { toldIn, ToldUsage } from "./pricing/toldUsage.ts"
import { CurrentAcceptance, judged } from "./chatModel/acceptance.ts"
import { AnswerRefused } from "./chatModel/AnswerRefused.ts"
import { hasLost, isWorthRetrying } from "./chatModel/retries.ts"

export { AnswerRefused, ChatModel }
export type { Answer, GuardedModel, ModelError, OpenAnswer, Options, RateLimiterOptions, Request, Tried }

/**
 * The parts from which {@link of} makes a chat model.
 *
 * @category options
 * @since 0.1.0
 */
export interface Parts<out E> extends Pick<ChatModel<E>, "name" | "complete" | "isAvailable"> {
  /** @default the whole answer in one piece, once it is there */
  readonly open?: ChatModel<E>["open"] | undefined
}

/**
 * Makes a chat model from your own functions, for tests or for a provider of another protocol. In a cascade or a ledger
 * they get a frozen copy of the request.
 *
 * @category constructors
 * @since 0.1.0
 */
export const of = <E>(
  { complete, isAvailable, name, open = inOnePiece(complete) }: Parts<E>
): ChatModel<E> => ({
  name,
  isAvailable,
  complete,
  open,
  stream: (request) => Stream.unwrap(Effect.map(open(request), ({ value }) => value))
})

const inOnePiece = <E>(complete: ChatModel<E>["complete"]): ChatModel<E>["open"] => (request) =>
  Effect.map(complete(request), (answer) => ({ ...answer, value: ChatStream.fromReply(answer.value) }))

/**
 * Guards one model of the `ChatClient` in the context. Dies with a `RangeError` that names the field when an option is
 * out of range.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make: (options: Options) => Effect.Effect<GuardedModel, never, ChatClient.ChatClient> = Effect.fnUntraced(
  function*(options: Options) {
    const client = yield* ChatClient.ChatClient
    const name = options.name ?? options.model
    const breaker = yield* CircuitBreaker.make({ ...options.breaker, name, classify })
    const bulkhead = yield* Bulkhead.make({ concurrency: 50, queue: 50, ...options.bulkhead, name })
    const retry = yield* Retry.make<ModelError>({
      maxAttempts: 2,
      ...options.retry,
      name: options.retry?.name ?? name,
      while: isWorthRetrying(options)
    })
    const limit = yield* ModelLimit.make(name, options.rateLimiter)
    const parts = { retry, rateLimiter: limit.limiter, bulkhead, breaker }
    const { attemptTimeout = "10 seconds", deadline = "30 seconds" } = options
    const readerTimeout = ReaderTimeout.limitOf("ChatModel.make", options.readerTimeout)
    const guards = yield* Pipeline.make({ ...parts, deadline, attemptTimeout })
    // How long a stream takes is also up to its reader: only its beginning is timed here.
    const streamGuards = yield* Pipeline.make(parts)
    const toSpeak = Deadline.attempt(attemptTimeout)
    const toOpen = Deadline.within(deadline)
    const whole: Attempt = { model: options.model, name, delivery: "reply" }
    const streamed: Attempt = { model: options.model, name, delivery: "stream" }

    const wholeGuards = limit.costs === undefined
      ? guards.protect
      : guards.protectWith<ChatSchema.ChatReply, ModelError>({
        costs: limit.costs,
        settle: (reply) => ModelLimit.costOf(toldIn(reply))
      })

    const askWhole = (request: SealedRequest, counter: AttemptCounter) => {
      const call = client.complete(request.plainFor(client.provider, options.model))
      const attempt = keepingDeadline(
        judged(name, counter.count(whole, limit.refusing(call))),
        (fiber) => fiber.getRef(CurrentAcceptance) === undefined && keepsDeadline(call, fiber)
      )
      return Effect.map(limit.noting(request.plain, wholeGuards(attempt)), written)
    }

    const openStream = (
      request: SealedRequest,
      counter: AttemptCounter
    ): Effect.Effect<OpenAnswer["value"], ModelError, Scope.Scope> => {
      const told = new ToldUsage()
      let begun = false
      const opening = StreamCall.open<ChatSchema.ChatChunk, ChatError.ChatError, ModelError>({
        source: limit.refusingStream(client.stream(request.plainFor(client.provider, options.model))),
        hasContent: ChatStream.hasContent,
        readerTimeout,
        expired: readerExpired,
        guard: streamGuards.protectWith<StreamCall.Ending<ChatError.ChatError>, ModelError>({
          costs: limit.costs,
          settle: () => ModelLimit.costOf(told),
          classify: judgeEnding,
          slowCallDuration: "Infinity"
        }),
        attempt: (silent) => toSpeak(counter.count(streamed, silent))
      })
      return Effect.map(limit.noting(request.plain, toOpen(opening)), (chunks) =>
        tapChunks(chunks, (chunk) => {
          if (!begun) ProviderFields.wrote(client.provider, chunk)
          begun = true
          if (limit.limiter !== undefined) told.note(chunk)
        }))
    }

    const readerExpired = () =>
      new ChatError.TimedOut({
        provider: client.provider,
        model: options.model,
        phase: "reader",
        limit: readerTimeout
      })

    const written = (reply: ChatSchema.ChatReply): ChatSchema.ChatReply => {
      ProviderFields.wrote(client.provider, reply)
      return reply
    }

    // A request is read when it is given, not when the call runs: what the caller changes later is not sent.
    const counted = <A extends object, R>(
      request: Request,
      ask: (request: SealedRequest, counter: AttemptCounter) => Effect.Effect<A, ModelError, R>
    ): Effect.Effect<Cascade.Served<A, ModelError> & Tried, ModelError, R> => {
      const sealed = seal(request)
      if (Result.isFailure(sealed)) {
        const refused = { provider: client.provider, model: options.model, detail: sealed.failure }
        return Effect.withFiber((fiber) => {
          fiber.getRef(CurrentAttemptObserver)?.asked()
          return Effect.fail(new ChatError.InvalidRequest(refused))
        })
      }
      return Effect.withFiber((fiber) => {
        fiber.getRef(CurrentAttemptObserver)?.asked()
        const counter = fiber.getRef(CurrentAttemptCounter) ?? new AttemptCounter()
        return Effect.map(
          ask(sealed.success, counter),
          (value) => ({ value, step: name, degradation: "none", failures: [], ...counter.tried })
        )
      })
    }

    const isAvailable = Effect.map(
      Effect.all([breaker.state, limit.limiter === undefined ? Effect.undefined : limit.limiter.snapshot]),
      ([state, limits]) => state !== "Open" && state !== "ForcedOpen" && limits?.pausedFor === undefined
    )

    return {
      ...of<ModelError>({
        name,
        isAvailable,
        complete: (request) => counted(request, askWhole),
        open: (request) => counted(request, openStream)
      }),
      breaker,
      bulkhead,
      rateLimiter: limit.limiter
    }
  }
)

/**
 * One guarded model, as the `ChatModel` service of the application.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options): Layer.Layer<ChatModel, never, ChatClient.ChatClient> =>
  Layer.effect(ChatModel, make(options))

/** What a call says about the health of the model, by the error table of the client. */
const classify: Outcome.Classify = (exit: Exit.Exit<unknown, unknown>) => {
  const outcome = Outcome.fromExit(exit)
  // A model that hangs is cut before its own time-out when a cascade does not wait for it.
  if (exit._tag === "Failure" && Cause.hasInterruptsOnly(exit.cause) && hasLost()) return Outcome.failure
  if (outcome !== Outcome.failure || exit._tag === "Success" || Cause.hasDies(exit.cause)) return outcome
  const refused = exit.cause.reasons.find(isRefused)
  if (refused !== undefined) return Outcome[refused.error.countsAs]
  const says = exit.cause.reasons.some((reason) =>
    Cause.isFailReason(reason) && !(ChatError.isChatError(reason.error) && !ChatError.countsOnBreaker(reason.error))
  )
  return says ? Outcome.failure : Outcome.ignored
}

const isRefused = (reason: Cause.Reason<unknown>): reason is Cause.Fail<AnswerRefused> =>
  Cause.isFailReason(reason) && reason.error instanceof AnswerRefused

/** A stream that has begun is judged by its end. */
const judgeEnding = (exit: Exit.Exit<StreamCall.Ending<ChatError.ChatError>, unknown>): Outcome.Outcome =>
  classify(exit._tag === "Success" ? exit.value : exit)
