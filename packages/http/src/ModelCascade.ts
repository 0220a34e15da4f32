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
 * **Refused answers.** `accept` refuses an answer, which moves on like a failure: see {@link Accept}.
 *
 * **The cache.** Answers that are whole, clean and accepted are kept and served to equal requests, fresh for a while
 * without a call (`step` is then `"cache"`), stale when all models have failed. Equal requests in flight share one call.
 * Each caller gets a copy of its own, which it may change. {@link CurrentCacheMode} asks for another answer.
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
 * `CostLedger.withTenant` never share an answer. Streams do not share a call, and one of more than 100,000 chunks is not kept. A cascade
 * without `canned` can fail with `CascadeExhausted`, and its type has that error.
 *
 * @since 0.1.0
 */
import * as Attempts from "@switchgear/core/Attempts"
import * as Cascade from "@switchgear/core/Cascade"
import * as Deadline from "@switchgear/core/Deadline"
import { monotonicMillis } from "@switchgear/core/runtime"
import * as StaleCache from "@switchgear/core/StaleCache"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { identity } from "effect/Function"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as Canned from "./Canned.ts"
import * as ChatError from "./ChatError.ts"
import * as ChatModel from "./ChatModel.ts"
import type * as ChatSchema from "./ChatSchema.ts"
import * as ChatStream from "./ChatStream.ts"
import { sentenceLanguage } from "./canned/sentenceLanguage.ts"
import * as ProviderFields from "./chatRequest/providerFields.ts"
import { seal } from "./chatRequest/sealedRequest.ts"
import { CurrentTenant } from "./costLedger/currentTenant.ts"
import type { Accept, Refusal } from "./modelCascade/accept.ts"
import { cacheKey, keyOfTenant } from "./modelCascade/cacheKey.ts"
import { type Asked, CurrentAsked } from "./modelCascade/asked.ts"
import { type Answered, asStream, asWhole, type Chain, chainOf, withLastGood } from "./modelCascade/chain.ts"
import { copyJson } from "./modelCascade/copyJson.ts"
import { keepStream } from "./modelCascade/keepStream.ts"
import { type Patience, Patiences, type Waits } from "./modelCascade/patience.ts"
import { type SharedAttempts, SharedCalls } from "./modelCascade/sharedAttempts.ts"
import { settingsOf } from "./modelCascade/settings.ts"
import type { Share } from "./modelCascade/share.ts"
import type { CallerError, ModelCascade, Options, OptionsWithFloor, Step } from "./modelCascade/model.ts"
import { CurrentAcceptance, passes } from "./chatModel/acceptance.ts"
import { AttemptCounter, CurrentAttemptCounter, untried } from "./chatModel/attemptCounter.ts"
import { CurrentAttemptObserver } from "./chatModel/attemptObserver.ts"
import { notePaidElsewhere, samePayer } from "./chatReply/paidElsewhere.ts"
import { isCache } from "./chatModel/stepPath.ts"

export type { Accept, CallerError, ModelCascade, Options, OptionsWithFloor, Refusal, Share, Step }

/**
 * How the calls inside use the cache of a cascade: `"use"` serves a fresh answer; `"refresh"` asks the models for a new one
 * and keeps it, for a customer who asks for another answer; `"bypass"` asks the models, and neither reads nor keeps
 * anything. @default "use"
 *
 * @category references
 * @since 0.1.0
 */
export const CurrentCacheMode = Context.Reference<StaleCache.Mode>("@switchgear/http/ModelCascade/CurrentCacheMode", {
  defaultValue: () => "use"
})

/**
 * Makes a cascade of models. Dies with a `RangeError` that names the field when an option is out of range.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make: {
  (options: OptionsWithFloor): Effect.Effect<ModelCascade<CallerError>>
  (options: Options): Effect.Effect<ModelCascade<CallerError | Cascade.CascadeExhausted<ChatModel.ModelError>>>
} = (options: Options & Partial<OptionsWithFloor>): Effect.Effect<ModelCascade<any>> =>
  Effect.gen(function*() {
    const name = options.name ?? "cascade"
    const settings = yield* Effect.sync(() => settingsOf(options))
    const cache = yield* StaleCache.make<ChatModel.Answer>({
      staleFor: "1 day",
      maxBytes: 256 * 2 ** 20,
      sizeOf: ({ value }, key) => 2 * (key.length + JSON.stringify(value).length),
      ...options.cache,
      name,
      storeWhen: isWorthKeeping,
      copy: copyOf
    })
    const answers = yield* Cascade.make({ name })
    const keyOf = options.cacheKey ?? cacheKey
    const attempts = options.attempts === undefined ? unchanged : Attempts.within(options.attempts)
    const patiences = new Patiences()
    const calls = new SharedCalls()

    const { canned } = options
    const languageOf = (request: ChatModel.Request): Effect.Effect<string | undefined> =>
      canned === undefined
        ? Effect.undefined
        : Effect.map(Canned.languageOf(request), (language) => sentenceLanguage(canned, language))

    /** Where the answer is kept, and the language of the sentence at the end if there is one. */
    const placeOf = (request: ChatModel.Request): Effect.Effect<Place, ChatError.InvalidRequest> =>
      Effect.gen(function*() {
        const language = yield* languageOf(request)
        const tenant = yield* CurrentTenant
        try {
          const key: unknown = keyOf(request)
          if (typeof key !== "string") return yield* refused("its cacheKey is not a text")
          // Callers of different languages must not share a flight that may end in a sentence.
          return { key: keyOfTenant(tenant, language === undefined ? key : `${language}:${key}`), language }
        } catch {
          return yield* refused("it has no key in the cache")
        }
      })

    /** What is asked is what is given now, whatever the caller changes before the call runs, or while it runs. */
    const asking = <A, E, R>(
      request: ChatModel.Request,
      ask: (request: ChatModel.Request, place: Place) => Effect.Effect<A, E, R>
    ): Effect.Effect<A, E | ChatError.InvalidRequest, R> => {
      const sealed = seal(request)
      if (Result.isFailure(sealed)) return refused(sealed.failure)
      if (!sealed.success.hasMessages) return refused("messages must be a list")
      const { plain } = sealed.success
      return Effect.flatMap(placeOf(plain), (place) => ask(plain, place))
    }

    const refused = (detail: string) =>
      Effect.suspend(() => Effect.fail(new ChatError.InvalidRequest({ provider: name, model: name, detail })))

    const lastGood = (key: string) => Effect.map(cache.lastGood(key), (kept) => kept?.value)
    const forWhole = chainOf(settings, asWhole, lastGood)
    const forStream = chainOf(settings, asStream, lastGood)

    /** Asks the models, then the cache, then says the sentence. */
    const run = <A extends object, R>(
      { chain, whole }: Chain<A, R>,
      request: ChatModel.Request,
      { key, language }: Place,
      mode: StaleCache.Mode,
      patience: Waits | undefined,
      begun?: (tried: ChatModel.Tried) => void
    ): Effect.Effect<Answered<A>, any, R> =>
      Effect.withFiber((fiber) => {
        const clock = fiber.getRef(Clock.Clock)
        const now = clock.currentTimeMillisUnsafe()
        const steps = language === undefined
          ? chain
          : Cascade.orConstant("canned", answered(whole(Canned.reply(canned!, language, now))))(chain)
        const counter = new AttemptCounter(fiber.getRef(CurrentAttemptCounter))
        begun?.(counter)
        const deadline = monotonicMillis(clock) + settings.deadline
        const asked: Asked = {
          request,
          key,
          readsCache: mode !== "bypass",
          deadline,
          patience,
          outgrown: undefined,
          newest: 0,
          answeredBy: undefined
        }
        return Effect.updateContext(
          attempts(answers.run(steps as typeof chain)),
          (context: Context.Context<R>) =>
            Context.add(Context.add(context, CurrentAttemptCounter, counter), CurrentAsked, asked)
        ).pipe(
          Effect.map(({ degradation, failures, step, value: { value } }) => ({
            value,
            step,
            degradation,
            failures,
            ...counter.tried
          }))
        )
      })

    /** Shares the call with those who ask for the same. */
    const completeShared = (request: ChatModel.Request, place: Place): Effect.Effect<ChatModel.Answer, any> =>
      Effect.withFiber((fiber) => {
        const mode = fiber.getRef(CurrentCacheMode)
        let waiting: Patience | undefined
        const call = patiences.waiting(place.key, fiber.getRef(CurrentAsked)?.patience, fiber, (patience) => {
          waiting = patience
          const asked = run(forWhole, request, place, mode, patience, (tried) => patience.tried = tried)
          return calls.waiting(
            fiber,
            (onCall, attempts) =>
              cache.through(place.key, { mode, onCall })(Effect.suspend(() => observed(asked, attempts()))),
            ({ value }) => notePaidElsewhere(value.value)
          )
        })
        const answer = Effect.map(
          call,
          ({ freshness, value }) => freshness === "fresh" ? fromCache(value, value.value) : value
        )
        if (fiber.getRef(Deadline.CurrentDeadline) === undefined) return answer
        const atTheDeadline = (error: Deadline.DeadlineExceeded) => {
          const { attempts, possiblyBilledAttempts } = waiting?.tried ?? untried
          return Effect.map(
            run(endOf(error), request, place, mode, undefined),
            (end): ChatModel.Answer => ({ ...end, attempts, possiblyBilledAttempts })
          )
        }
        // The caller leaves the call in time for what comes after the models.
        return Effect.catch(
          Effect.flatMap(Deadline.remaining, (left) => Deadline.within(left!)(answer)),
          (error): Effect.Effect<ChatModel.Answer, any> =>
            error instanceof Deadline.DeadlineExceeded ? atTheDeadline(error) : Effect.fail(error)
        )
      })

    /** The end of a chain of which no model has answered by the deadline of the caller. */
    const endOf = (error: Deadline.DeadlineExceeded) =>
      withLastGood(Cascade.first(name, Effect.fail(error)), asWhole, lastGood)

    /** Asks for an answer that a cascade outside judges. Callers without its check do not share it. */
    const completeJudged = (request: ChatModel.Request, place: Place): Effect.Effect<ChatModel.Answer, any> =>
      Effect.gen(function*() {
        const mode = yield* CurrentCacheMode
        const kept = mode === "use" ? yield* cache.lastGood(place.key) : undefined
        if (kept?.freshness === "fresh" && (yield* passes(kept.value))) return fromCache(kept.value, kept.value.value)
        const answer = yield* run(forWhole, request, place, mode, (yield* CurrentAsked)?.patience)
        if (mode !== "bypass") yield* cache.set(place.key, answer)
        return answer
      })

    const complete = (request: ChatModel.Request, place: Place): Effect.Effect<ChatModel.Answer, any> =>
      Effect.flatMap(
        CurrentAcceptance,
        (acceptance) => acceptance === undefined ? completeShared(request, place) : completeJudged(request, place)
      )

    const open = (
      request: ChatModel.Request,
      place: Place
    ): Effect.Effect<ChatModel.OpenAnswer, any, Scope.Scope> =>
      Effect.gen(function*() {
        const mode = yield* CurrentCacheMode
        const kept = mode === "use" ? yield* cache.lastGood(place.key) : undefined
        if (kept?.freshness === "fresh") return fromCache(kept.value, ChatStream.fromReply(kept.value.value))
        const answer = yield* run(forStream, request, place, mode, (yield* CurrentAsked)?.patience)
        if (mode === "bypass" || !isKept(answer)) return answer
        const keep = (reply: ChatSchema.ChatReply) => cache.set(place.key, { ...answer, value: reply })
        return { ...answer, value: keepStream(answer.value, keep) }
      })

    const available = settings.steps.map(({ model }) => model.isAvailable ?? Effect.succeed(true))
    const isAvailable = Effect.map(Effect.all(available), (each) => each.some(identity))
    const asked = ChatModel.of<any>({
      name,
      isAvailable,
      complete: (request) => asking(request, complete),
      open: (request) => asking(request, open)
    })
    return { ...asked, cache }
  })

/**
 * The cascade as the chat model of the application.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = <R>(
  options: Effect.Effect<Options, never, R>
): Layer.Layer<ChatModel.ChatModel, never, R> => Layer.effect(ChatModel.ChatModel, Effect.flatMap(options, make))

/** The key of an answer in the cache, and the language of the caller; undefined where there are no sentences. */
interface Place {
  readonly key: string
  readonly language: string | undefined
}

/** An answer from the cache: no provider was asked. */
const fromCache = <A>(kept: ChatModel.Answer, value: A) => ({
  ...kept,
  value,
  step: "cache",
  failures: [],
  ...untried
})

/** The value of a sentence, as of an answer that a step gives. */
const answered = <A>(value: A): Answered<A> => ({
  value,
  step: "canned",
  degradation: "canned",
  failures: [],
  ...untried
})

// What a cascade inside has kept ages there: kept once more, it would be fresh for twice as long.
const isKept = ({ degradation, step }: Omit<ChatModel.Answer, "value">): boolean =>
  (degradation === "none" || degradation === "fallback") && !isCache(step)

const isWorthKeeping = (answer: ChatModel.Answer): boolean =>
  isKept(answer) &&
  answer.value.choices.length > 0 &&
  answer.value.choices.every(({ finish_reason }) => complete.has(finish_reason ?? ""))

const complete = new Set(["stop", "tool_calls", "function_call"])

/** A caller may change its answer, and that of no other. What failed before an answer is told once, and not kept. */
const copyOf = (answer: ChatModel.Answer, way: "in" | "out"): ChatModel.Answer => {
  const copy = copyJson(way === "in" ? { ...answer, failures: [] } : answer)
  ProviderFields.sameAuthor(answer.value, copy.value)
  samePayer(answer.value, copy.value)
  return copy
}

/** A call whose attempts are those of all who share it; undefined where it is made for its caller alone. */
const observed = <A, E, R>(call: Effect.Effect<A, E, R>, attempts: SharedAttempts | undefined) =>
  attempts === undefined ? call : Effect.provideService(call, CurrentAttemptObserver, attempts)

const unchanged = <A>(self: A): A => self
