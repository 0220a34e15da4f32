/** A cascade of models that have been made: what is asked, who shares a call, and what is kept. */
import * as Attempts from "@switchgear/core/Attempts"
import * as Cascade from "@switchgear/core/Cascade"
import * as Deadline from "@switchgear/core/Deadline"
import * as Hedge from "@switchgear/core/Hedge"
import { CurrentReconsidering, monotonicMillis } from "@switchgear/core/runtime"
import * as StaleCache from "@switchgear/core/StaleCache"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import { identity } from "effect/Function"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as Canned from "../Canned.ts"
import * as ChatError from "../ChatError.ts"
import * as ChatModel from "../ChatModel.ts"
import type * as ChatSchema from "../ChatSchema.ts"
import * as ChatStream from "../ChatStream.ts"
import { sentenceLanguage } from "../canned/sentenceLanguage.ts"
import * as ProviderFields from "../chatRequest/providerFields.ts"
import { lengthOf, sameLength, sameText } from "../chatReply/replyText.ts"
import { speaks } from "../chatReply/speech.ts"
import { endingPrompt } from "../chatRequest/endOfCall.ts"
import { seal } from "../chatRequest/sealedRequest.ts"
import { CurrentTenant } from "../costLedger/currentTenant.ts"
import { cacheKey, keyOfTenant } from "./cacheKey.ts"
import { type Asked, CurrentAsked } from "./asked.ts"
import { ChainRun, type KeepAt } from "./chainRun.ts"
import { type Answered, asStream, asWhole, type Chain, chainOf, withLastGood } from "./chain.ts"
import { copyJson } from "./copyJson.ts"
import { KeptAnswer } from "./keptAnswer.ts"
import { keepStream } from "./keepStream.ts"
import { type Patience, Patiences, type Waits } from "./patience.ts"
import { type SharedAttempts, SharedCalls } from "./sharedAttempts.ts"
import type { Settings, StepSettings } from "./settings.ts"
import type { ModelCascade } from "./model.ts"
import { OperatorLog } from "./operatorLog.ts"
import { CurrentCacheMode } from "./cacheMode.ts"
import { SlotOfStream, WaitingRoom } from "./waitingRoom.ts"
import { CurrentAcceptance, passes } from "../chatModel/acceptance.ts"
import { isUnchanged, noteMade } from "../chatModel/unchanged.ts"
import { AttemptCounter, CurrentAttemptCounter, untried } from "../chatModel/attemptCounter.ts"
import { CurrentAttemptObserver } from "../chatModel/attemptObserver.ts"
import { notePaidElsewhere, samePayer } from "../chatReply/paidElsewhere.ts"
import { isCache } from "../chatModel/stepPath.ts"

export const cascadeOf = (
  settings: Settings,
  steps: ReadonlyArray<StepSettings>
): Effect.Effect<ModelCascade<any>> =>
  Effect.gen(function*() {
    const { canned, name } = settings
    // What others are given is an answer like any other.
    const keepsText = settings.cache.store === undefined && settings.cache.sizeOf === undefined
    const cache = yield* StaleCache.make<ChatModel.Answer>({
      sizeOf: (answer, key) =>
        2 * (key.length + (answer instanceof KeptAnswer ? answer.text.length : lengthOf(answer.value))),
      ...settings.cache,
      storeWhen: isWorthKeeping,
      copy: (answer, way) => {
        if (answer instanceof KeptAnswer) return answer.copy
        const isWritten = steps.every(({ model }) => isUnchanged(model))
        const kept = way === "in" && isWritten && keepsText ? KeptAnswer.of(answer) : undefined
        return kept ?? copyOf(answer, way, isWritten ? sameText : sameLength)
      }
    })
    const keepAt = (key: string, answer: ChatModel.Answer): Effect.Effect<void> => cache.set(key, answer)
    const answers = yield* Cascade.make({ name })
    const operatorLog = new OperatorLog(name)
    const keyOf = settings.cacheKey ?? cacheKey
    const attempts = settings.attempts === undefined ? unchanged : Attempts.within(settings.attempts)
    const patiences = new Patiences()
    const calls = new SharedCalls()

    /** Asks with the key of the answer, and with the language of the sentence at the end if there is one. */
    const askIn = <A, E, R>(
      language: string | undefined,
      request: ChatModel.Request,
      ask: (request: ChatModel.Request, place: Place, fiber: AnyFiber) => Effect.Effect<A, E, R>
    ): Effect.Effect<A, E | ChatError.InvalidRequest, R> =>
      Effect.withFiber<A, E | ChatError.InvalidRequest, R>((fiber) => {
        let key: unknown
        try {
          key = keyOf(request)
        } catch {
          return refused("it has no key in the cache")
        }
        if (typeof key !== "string") return refused("its cacheKey is not a text")
        // Callers of different languages must not share a flight that may end in a sentence.
        const place = language === undefined ? key : `${language}:${key}`
        return ask(request, { key: keyOfTenant(fiber.getRef(CurrentTenant), place), language }, fiber)
      })

    /** What is asked is what is given now, whatever the caller changes before the call runs, or while it runs. */
    const asking = <A, E, R>(
      request: ChatModel.Request,
      ask: (request: ChatModel.Request, place: Place, fiber: AnyFiber) => Effect.Effect<A, E, R>
    ): Effect.Effect<A, E | ChatError.InvalidRequest, R> => {
      const sealed = seal(request)
      if (Result.isFailure(sealed)) return refused(sealed.failure)
      if (!sealed.success.hasMessages) return refused("messages must be a list")
      const { plain } = sealed.success
      const call = canned === undefined
        ? askIn(undefined, plain, ask)
        : Effect.flatMap(
          Canned.languageOf(plain),
          (language) => askIn(sentenceLanguage(canned, language), plain, ask)
        )
      return endingPrompt(call, sealed.success, request)
    }

    const refused = (detail: string) =>
      Effect.suspend(() => Effect.fail(new ChatError.InvalidRequest({ provider: name, model: name, detail })))

    const lastGood = (key: string) => Effect.map(cache.lastGood(key), (kept) => kept?.value)
    const room = settings.queue > 0 ? new WaitingRoom(settings.queue, settings.maxWait) : undefined
    const hedge = settings.hedge && (yield* Hedge.make(settings.hedge))
    // Of a whole answer nobody sees the first token.
    const ofWhole = settings.hedge?.on === "result" ? hedge : undefined
    const forWhole = chainOf({ ...settings, hedge: ofWhole }, steps, asWhole, lastGood, room)
    const forStream = chainOf({ ...settings, hedge }, steps, asStream, lastGood, room)

    /** Asks the models, then the cache, then says the sentence. */
    const run = <A extends object, R>(
      chain: Chain<A, R>,
      request: ChatModel.Request,
      place: Place,
      mode: StaleCache.Mode,
      patience: Waits | undefined,
      begun?: (tried: ChatModel.Tried) => void
    ): Effect.Effect<Answered<A>, any, R> =>
      Effect.withFiber((fiber) => begin(fiber, chain, request, place, mode, patience, begun))

    /** The same, as what the fiber evaluates next. */
    const begin = <A extends object, R>(
      fiber: AnyFiber,
      { chain, whole }: Chain<A, R>,
      request: ChatModel.Request,
      { key, language }: Place,
      mode: StaleCache.Mode,
      patience: Waits | undefined,
      begun?: (tried: ChatModel.Tried) => void,
      keep?: KeepAt<A>
    ): Effect.Effect<Answered<A>, any, R> => {
      const clock = fiber.getRef(Clock.Clock)
      const now = clock.currentTimeMillisUnsafe()
      const steps = language === undefined
        ? chain
        : Cascade.orConstant("canned", answered(whole(Canned.reply(canned!, language, now))))(chain)
      const counter = new AttemptCounter(fiber.getRef(CurrentAttemptCounter))
      begun?.(counter)
      const deadline = settings.deadline === Infinity ? Infinity : monotonicMillis(clock) + settings.deadline
      const asked: Asked = {
        request,
        key,
        readsCache: mode !== "bypass",
        deadline,
        patience,
        outgrown: undefined,
        newest: 0,
        early: undefined,
        around: fiber.getRef(Cascade.CurrentTurn),
        answeredBy: undefined,
        place: undefined,
        lasting: undefined
      }
      const run = new ChainRun({ clock, counter, key, keep, now, operatorLog }, fiber)
      run.enter(fiber, Context.add(Context.add(fiber.context, CurrentAttemptCounter, counter), CurrentAsked, asked))
      const rounds = attempts(answers.run(steps as typeof chain)) as Effect.Effect<any, any, R>
      return room === undefined ? rounds : Effect.onExitPrimitive(rounds, (exit) => {
        const { place } = asked
        room.leave(place)
        const hadSlot = counter.attempts > 0 || Exit.hasInterrupts(exit)
        const holdsIt = chain === forStream.chain && counter.attempts > 0 && Exit.isSuccess(exit)
        // Who was woken and leaves without a slot hands it on.
        if (!holdsIt && (hadSlot || place?.isWoken === true)) room.freed()
        return undefined
      })
    }

    /** Shares the call with those who ask for the same. */
    const completeShared = (request: ChatModel.Request, place: Place): Effect.Effect<ChatModel.Answer, any> =>
      Effect.withFiber((fiber) => {
        const mode = fiber.getRef(CurrentCacheMode)
        let waiting: Patience | undefined
        const call = patiences.waiting(place.key, fiber.getRef(CurrentAsked)?.patience, fiber, (patience) => {
          waiting = patience
          const asked = Effect.provideService(
            run(forWhole, request, place, mode, patience, (tried) => patience.tried = tried),
            CurrentReconsidering,
            patience.reconsidering
          )
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

    /** Asks for an answer of its own: one that is judged, or where no fresh answer may be served. */
    const completeAlone = (
      request: ChatModel.Request,
      place: Place,
      fiber: AnyFiber
    ): Effect.Effect<ChatModel.Answer, any> => {
      const mode = fiber.getRef(CurrentCacheMode)
      const patience = fiber.getRef(CurrentAsked)?.patience
      const keep = mode === "bypass" ? undefined : keepAt
      if (mode !== "use" || !settings.isShared) {
        return begin(fiber, forWhole, request, place, mode, patience, undefined, keep)
      }
      const asked = Effect.withFiber((fiber) => begin(fiber, forWhole, request, place, mode, patience, undefined, keep))
      return Effect.flatMap(freshAt(place.key), (fresh) =>
        fresh === undefined
          ? asked
          : Effect.flatMap(passes(fresh), (does) => does ? Effect.succeed(fromCache(fresh, fresh.value)) : asked))
    }

    const freshAt = (key: string): Effect.Effect<ChatModel.Answer | undefined> =>
      settings.isShared
        ? Effect.map(cache.lastGood(key), (kept) => kept?.freshness === "fresh" ? kept.value : undefined)
        : Effect.undefined

    const complete = (
      request: ChatModel.Request,
      place: Place,
      fiber: AnyFiber
    ): Effect.Effect<ChatModel.Answer, any> =>
      settings.isShared && fiber.getRef(CurrentAcceptance) === undefined
        ? completeShared(request, place)
        : completeAlone(request, place, fiber)

    const open = (
      request: ChatModel.Request,
      place: Place
    ): Effect.Effect<ChatModel.OpenAnswer, any, Scope.Scope> =>
      Effect.withFiber((fiber) => {
        const mode = fiber.getRef(CurrentCacheMode)
        const slot = room && new SlotOfStream(room)
        const opened = run(forStream, request, place, mode, fiber.getRef(CurrentAsked)?.patience, slot?.begun)
        const asked = Effect.map(
          slot === undefined ? opened : Effect.andThen(slot.whenFreed, opened),
          (answer) => {
            if (mode === "bypass" || !isKept(answer)) return answer
            const { value, ...told } = answer
            return { ...told, value: keepStream(value, keeping(cache, place.key, told)) }
          }
        )
        return mode === "use" && settings.isShared
          ? Effect.flatMap(
            freshAt(place.key),
            (fresh): typeof asked =>
              fresh === undefined ? asked : Effect.succeed(fromCache(fresh, ChatStream.fromReply(fresh.value)))
          )
          : asked
      })

    const available = steps.map(({ model }) => model.isAvailable ?? Effect.succeed(true))
    const isAvailable = Effect.map(Effect.all(available), (each) => each.some(identity))
    const asked = ChatModel.of<any>({
      name,
      isAvailable,
      complete: (request) => asking(request, complete),
      open: (request) => asking(request, open)
    })
    return noteMade({ ...asked, cache }, steps.map(({ model }) => model))
  })

// A function of its own: a stream keeps it to its end, and with it nothing of how it was asked for.
const keeping = (
  cache: StaleCache.StaleCache<ChatModel.Answer>,
  key: string,
  told: Omit<ChatModel.Answer, "value">
) =>
(value: ChatSchema.ChatReply) => cache.set(key, { ...told, value })

type AnyFiber = Fiber.Fiber<any, any>

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
  answer.value.choices.every(({ finish_reason }) => complete.has(finish_reason ?? "")) &&
  !(answer.value.choices.length > 1 && isPartlyEmpty(answer.value.choices))

/** Of several choices some say nothing. Where none does, nothing was asked for. */
const isPartlyEmpty = (choices: ChatSchema.ChatReply["choices"]): boolean => {
  const said = choices.filter(({ message }) => Object.entries(message).some(([field, value]) => speaks(field, value)))
  return said.length > 0 && said.length < choices.length
}

const complete = new Set(["stop", "tool_calls", "function_call"])

/** A caller may change its answer, and that of no other. What failed before an answer is told once, and not kept. */
const copyOf = (
  answer: ChatModel.Answer,
  way: "in" | "out",
  note: (reply: ChatSchema.ChatReply, copy: ChatSchema.ChatReply) => void
): ChatModel.Answer => {
  const copy = copyJson(way === "in" ? { ...answer, failures: [] } : answer)
  ProviderFields.sameAuthor(answer.value, copy.value)
  samePayer(answer.value, copy.value)
  note(answer.value, copy.value)
  return copy
}

/** A call whose attempts are those of all who share it; undefined where it is made for its caller alone. */
const observed = <A, E, R>(call: Effect.Effect<A, E, R>, attempts: SharedAttempts | undefined) =>
  attempts === undefined ? call : Effect.provideService(call, CurrentAttemptObserver, attempts)

const unchanged = <A>(self: A): A => self
