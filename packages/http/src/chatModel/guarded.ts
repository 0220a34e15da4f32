/** One model behind its guards, asked for whole answers and for streams. */
import type * as Cascade from "@switchgear/core/Cascade"
import * as CircuitBreaker from "@switchgear/core/CircuitBreaker"
import * as Deadline from "@switchgear/core/Deadline"
import * as Outcome from "@switchgear/core/Outcome"
import * as Pipeline from "@switchgear/core/Pipeline"
import * as Retry from "@switchgear/core/Retry"
import { Continuation, inContext, keepingAs } from "@switchgear/core/runtime"
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import type * as ChatClient from "../ChatClient.ts"
import * as ChatError from "../ChatError.ts"
import type * as ChatSchema from "../ChatSchema.ts"
import * as ProviderFields from "../chatRequest/providerFields.ts"
import { endingPrompt } from "../chatRequest/endOfCall.ts"
import { seal, type SealedRequest } from "../chatRequest/sealedRequest.ts"
import * as ChatStream from "../ChatStream.ts"
import * as ChunkText from "../chatStream/chunkText.ts"
import * as Source from "../chatStream/source.ts"
import { connectionOf } from "../chatClient/client.ts"
import { tapChunks } from "../chatStream/tapChunks.ts"
import { forgetText } from "../chatReply/replyText.ts"
import { noteTold, ToldUsage } from "../pricing/toldUsage.ts"
import { CurrentAcceptance, judged } from "./acceptance.ts"
import { AnswerRefused } from "./AnswerRefused.ts"
import { AttemptCounter, CurrentAttemptCounter } from "./attemptCounter.ts"
import { type Attempt, CurrentAttemptObserver } from "./attemptObserver.ts"
import type { GuardedModel, ModelError, OpenAnswer, Request, Tried } from "./model.ts"
import * as ModelCapacity from "./modelCapacity.ts"
import * as ModelLimit from "./modelLimit.ts"
import { of } from "./of.ts"
import { hasLost, isWorthRetrying } from "./retries.ts"
import type { Settings } from "./settings.ts"
import * as StreamCall from "./streamCall.ts"
import { StreamEnd } from "./streamEnd.ts"
import { noteMade } from "./unchanged.ts"

type AnyFiber = Fiber.Fiber<any, any>

/** What a model asks of its client. */
export type Asked = Pick<ChatClient.ChatClient["Service"], "provider" | "complete" | "stream">

export const guarded = Effect.fnUntraced(
  function*(settings: Settings, client: Asked): Effect.fn.Return<GuardedModel> {
    const { attemptTimeout, deadline, model, name, readerTimeout } = settings
    const classify = classifyBy(settings.countsAs, attemptTimeout)
    const breaker = yield* CircuitBreaker.make({ ...settings.breaker, classify })
    const capacity = yield* ModelCapacity.make(settings)
    const { bulkhead } = capacity
    const retry = yield* Retry.make<ModelError>({ ...settings.retry, while: isWorthRetrying(settings.retry) })
    const limit = yield* ModelLimit.make(settings.rateLimiter)
    const timeout = yield* Deadline.make({ name, duration: attemptTimeout })
    const parts = { retry, rateLimiter: limit.limiter, bulkhead, breaker }
    const guards = yield* Pipeline.make({ ...parts, deadline, attemptTimeout: timeout })
    // How long a stream takes is also up to its reader: only its beginning is timed here.
    const streamGuards = yield* Pipeline.make(parts)
    const toSpeak = timeout.protect
    const toOpen = Deadline.within(deadline)
    const whole: Attempt = { model, name, delivery: "reply" }
    const streamed: Attempt = { model, name, delivery: "stream" }

    const wholeGuards = limit.costs === undefined
      ? guards.protect
      : guards.protectWith<ChatSchema.ChatReply, ModelError>({
        costs: limit.costs,
        settle: (reply) => ModelLimit.costOf(noteTold(reply))
      })

    const streamGuarded = streamGuards.protectWith<StreamEnd, ModelError>({
      costs: limit.costs,
      settle: ({ told }) => ModelLimit.costOf(told),
      // A stream that has begun is judged by its end.
      classify: (exit) => classify(exit._tag === "Success" ? exit.value.ending : exit),
      slowCallDuration: "Infinity"
    })

    const noted = (request: Request, context: Context.Context<never>) =>
      limit.noted(request, capacity.classed(request, context))

    const isAvailable = Effect.map(
      Effect.all([breaker.state, limit.limiter === undefined ? Effect.undefined : limit.limiter.snapshot]),
      ([state, limits]) => state !== "Open" && state !== "ForcedOpen" && limits?.pausedFor === undefined
    )

    /** The model, asked through a client. */
    const through = (client: Asked): GuardedModel => {
      const ownClient = connectionOf(client)
      const askWhole = (request: SealedRequest, counter: AttemptCounter, fiber: AnyFiber) => {
        // A client that was wrapped, or given another function, is asked as anybody would ask it, and may change its reply.
        const own = ownClient?.complete === client.complete ? ownClient : undefined
        const call = own === undefined
          ? client.complete(request.plainFor(client.provider, model))
          : own.completeSealed(request, model)
        const counted = counter.count(whole, capacity.measuring(limit.refusing(call)))
        // A check may wait for what it likes, whoever keeps the deadline of the call.
        const attempt = fiber.getRef(CurrentAcceptance) === undefined
          ? keepingAs(counted, call)
          : judged(name, counted)
        const guarded = wholeGuards(attempt)
        new Answering(name, counter, client.provider, fiber).enter(fiber, noted(request.plain, fiber.context))
        return own === undefined ? Effect.map(guarded, changeable) : guarded
      }

      const openStream = (
        request: SealedRequest,
        counter: AttemptCounter,
        fiber: AnyFiber
      ): Effect.Effect<OpenAnswer["value"], ModelError, Scope.Scope> => {
        const told = new ToldUsage()
        const opening = StreamCall.open<ChatSchema.ChatChunk, ChatError.ChatError, ModelError>({
          source: limit.refusingStream(Source.openingOf(client.stream(request.plainFor(client.provider, model)))),
          hasContent: ChatStream.hasContent,
          writtenOf: ChunkText.writtenOf,
          readerTimeout,
          expired: readerExpired,
          guard: (call) => streamGuarded(Effect.map(call, (ending) => new StreamEnd(ending, told))),
          attempt: (silent) => toSpeak(counter.count(streamed, silent))
        })
        return Effect.map(
          inContext(toOpen(opening), noted(request.plain, fiber.context)),
          (chunks) =>
            tapChunks(chunks, new StreamNotes(client.provider, limit.limiter === undefined ? undefined : told))
        )
      }

      const readerExpired = () =>
        new ChatError.TimedOut({
          provider: client.provider,
          model,
          phase: "reader",
          limit: readerTimeout
        })

      // A request is read when it is given, not when the call runs: what the caller changes later is not sent.
      const asked = <A extends object, R>(
        request: Request,
        ask: (
          request: SealedRequest,
          counter: AttemptCounter,
          fiber: AnyFiber
        ) => Effect.Effect<unknown, ModelError, R>
      ): Effect.Effect<Cascade.Served<A, ModelError> & Tried, ModelError, R> => {
        const sealed = seal(request)
        if (Result.isFailure(sealed)) {
          const refused = { provider: client.provider, model, detail: sealed.failure }
          return Effect.withFiber((fiber) => {
            fiber.getRef(CurrentAttemptObserver)?.asked()
            return Effect.fail(new ChatError.InvalidRequest(refused))
          })
        }
        const call = Effect.withFiber((fiber) => {
          fiber.getRef(CurrentAttemptObserver)?.asked()
          return ask(sealed.success, fiber.getRef(CurrentAttemptCounter) ?? new AttemptCounter(), fiber)
        })
        return endingPrompt(call, sealed.success, request) as Effect.Effect<any, ModelError, R>
      }

      const made: GuardedModel = {
        ...of<ModelError>({
          name,
          isAvailable,
          complete: (request) => asked(request, askWhole),
          open: (request) =>
            asked(request, (request, counter, fiber) => {
              new Answering(name, counter, undefined, fiber).enter(fiber)
              return openStream(request, counter, fiber)
            })
        }),
        breaker,
        bulkhead,
        concurrencyLimit: capacity.concurrencyLimit,
        rateLimiter: limit.limiter
      }
      throughOther.set(made, through)
      return noteMade(made)
    }
    return through(client)
  }
)

/** Makes an answer of what a model gives, in the place of `Effect.map`. */
class Answering extends Continuation {
  private readonly step: string
  private readonly counter: AttemptCounter
  /** Who wrote a whole reply. */
  private readonly author: string | undefined

  constructor(step: string, counter: AttemptCounter, author: string | undefined, fiber: AnyFiber) {
    super(fiber)
    this.step = step
    this.counter = counter
    this.author = author
  }

  succeeded(value: object): Effect.Effect<Cascade.Served<object, ModelError> & Tried> {
    const { author, counter: { attempts, possiblyBilledAttempts }, step } = this
    if (author !== undefined) ProviderFields.wrote(author, value as ChatSchema.ChatReply)
    return Effect.succeed({ value, step, degradation: "none", failures: [], attempts, possiblyBilledAttempts })
  }
}

/** Notes of a stream who wrote it, and what it tells. */
class StreamNotes implements Source.Notes<ChatSchema.ChatChunk> {
  private hasBegun = false
  private readonly provider: string
  private readonly told: ToldUsage | undefined

  constructor(provider: string, told: ToldUsage | undefined) {
    this.provider = provider
    this.told = told
  }

  note(chunk: ChatSchema.ChatChunk, isSame: boolean): void {
    if (!this.hasBegun) ProviderFields.wrote(this.provider, chunk)
    this.hasBegun = true
    if (!isSame) this.told?.note(chunk)
  }
}

const changeable = (reply: ChatSchema.ChatReply): ChatSchema.ChatReply => {
  forgetText(reply)
  return reply
}

/** The same model behind the same guards, asked through another client: in another API of its provider, say. */
export const alsoThrough = (model: GuardedModel, client: Asked): GuardedModel => throughOther.get(model)!(client)

const throughOther = new WeakMap<GuardedModel, (client: Asked) => GuardedModel>()

/** What a call says about the health of the model. */
const classifyBy = (countsAs: Settings["countsAs"], attemptTimeout: Duration.Duration): Outcome.Classify => (exit) => {
  const outcome = Outcome.fromExit(exit)
  // A model that hangs is cut before its own time-out when a cascade does not wait for it.
  if (exit._tag === "Failure" && Cause.hasInterruptsOnly(exit.cause) && hasLost()) {
    const timedOut = () => new Deadline.DeadlineExceeded({ limit: "attempt", after: attemptTimeout })
    return Outcome[countsAs?.(timedOut()) ?? "failure"]
  }
  if (outcome !== Outcome.failure || exit._tag === "Success" || Cause.hasDies(exit.cause)) return outcome
  const errors = exit.cause.reasons.filter(Cause.isFailReason).map(({ error }) => error as ModelError)
  const refused = errors.find((error) => error instanceof AnswerRefused)
  if (refused !== undefined) return Outcome[refused.countsAs]
  const counted = errors.map((error) => countsAs?.(error) ?? countsByTable(error))
  return Outcome[counted.find((as) => as === "failure") ?? counted.find((as) => as === "success") ?? "ignored"]
}

/** By the error table of the client. */
const countsByTable = (error: ModelError): "failure" | "ignored" =>
  ChatError.isChatError(error) && !ChatError.countsOnBreaker(error) ? "ignored" : "failure"
