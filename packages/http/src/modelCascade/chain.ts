/** The chain of a cascade: the models in their order, and after them the last good answer. */
import * as Cascade from "@switchgear/core/Cascade"
import * as Deadline from "@switchgear/core/Deadline"
import type * as Hedge from "@switchgear/core/Hedge"
import { Handler, monotonicMillis } from "@switchgear/core/runtime"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import * as ChatError from "../ChatError.ts"
import type * as ChatModel from "../ChatModel.ts"
import type * as ChatSchema from "../ChatSchema.ts"
import * as ChatStream from "../ChatStream.ts"
import { CurrentAcceptance, passes } from "../chatModel/acceptance.ts"
import { AttemptCounter, CurrentAttemptCounter } from "../chatModel/attemptCounter.ts"
import { CurrentAlternatives } from "../chatModel/retries.ts"
import type { Chunks } from "../chatStream/tapChunks.ts"
import { acceptanceOf } from "./accept.ts"
import { AlternativesTo, type Asking } from "./alternatives.ts"
import { AnswerTimes } from "./answerTimes.ts"
import { type Asked, type AskedStep, atHand, CurrentAsked, windowOf } from "./asked.ts"
import type { CallerError } from "./model.ts"
import type { Settings, StepSettings } from "./settings.ts"
import { type Share, shareOf } from "./share.ts"
import { againOf } from "./again.ts"
import { isLasting, type WaitingRoom } from "./waitingRoom.ts"

/** An answer of a step, with where it comes from. */
export type Answered<A> = Cascade.Served<A, ChatModel.ModelError> & ChatModel.Tried

/** How a cascade asks its models, and how it makes its answers of whole replies. */
export interface How<A, R> {
  readonly ask: (
    model: StepSettings["model"],
    request: ChatModel.Request
  ) => Effect.Effect<Answered<A>, StepError, R>
  readonly whole: (reply: ChatSchema.ChatReply) => A
}

type StepError = ChatModel.ModelError | Cascade.CascadeExhausted<ChatModel.ModelError>

export const asWhole: How<ChatSchema.ChatReply, never> = {
  ask: (model, request) => model.complete(request),
  whole: (reply) => reply
}

export const asStream: How<Chunks, Scope.Scope> = {
  ask: (model, request) => model.open(request),
  whole: ChatStream.fromReply
}

/** The models in their order and the last good answer, and how an answer is made of a whole reply. */
export interface Chain<A, R> {
  readonly chain: Cascade.Cascade<Answered<A>, ChatModel.ModelError, CallerError, R>
  readonly whole: (reply: ChatSchema.ChatReply) => A
}

export const chainOf = <A, R>(
  { deadline, hedge, share }: Pick<Settings, "deadline" | "share"> & { readonly hedge?: Hedge.Hedge | undefined },
  steps: ReadonlyArray<StepSettings>,
  how: How<A, R>,
  lastGood: (key: string) => Effect.Effect<ChatModel.Answer | undefined>,
  room: WaitingRoom | undefined
): Chain<A, R> => {
  const even = share === "none" ? Infinity : deadline / steps.length
  const asking = steps.map((step): AskedStep => ({ ...step, times: new AnswerTimes(step.share ?? even) }))
  type Models = Cascade.Cascade<Answered<A>, StepError, StepError, R>
  const stepAt = (i: number) => {
    const step = asking[i]!
    const later = asking.slice(i + 1)
    return [step.model.name, ask(how, step, i, later), {
      when: moves(step, later),
      overtakeAfter: step.share ?? timeFor(share, later),
      hedge,
      target: hedge && targetOf(step),
      provenance: (answer: Answered<A>) => answer
    }] as const
  }
  const models = asking.slice(1).reduce<Models>(
    (models, _, i) => Cascade.orElse(...stepAt(i + 1))(models),
    Cascade.first(...stepAt(0))
  )
  const rounds = room === undefined ? models : Cascade.orAgain(againOf(room, asking))(models)
  // `moves` holds back the errors of the caller only, and what a cascade has run out of is told by its steps.
  return withLastGood(rounds as unknown as Chain<A, R>["chain"], how, lastGood)
}

/** A chain with the last good answer after it, unless the check of a cascade outside refuses that. */
export const withLastGood = <A, R>(
  models: Chain<A, R>["chain"],
  how: How<A, R>,
  lastGood: (key: string) => Effect.Effect<ChatModel.Answer | undefined>
): Chain<A, R> => {
  const kept = Effect.gen(function*() {
    const { key, readsCache } = (yield* CurrentAsked)!
    const answer = readsCache ? yield* lastGood(key) : undefined
    return answer !== undefined && (yield* passes(answer))
      ? { value: { ...answer, value: how.whole(answer.value) } }
      : undefined
  })
  return { chain: Cascade.orLastGood("cache", kept)(models) as Chain<A, R>["chain"], whole: how.whole }
}

const ask = <A, R>(
  how: How<A, R>,
  step: AskedStep,
  index: number,
  later: ReadonlyArray<AskedStep>
): Effect.Effect<Answered<A>, StepError, R> =>
  Effect.withFiber((fiber) => {
    const asked = fiber.getRef(CurrentAsked)!
    const { outgrown, request } = asked
    if (outgrown !== undefined && !(windowOf(step) > outgrown.window)) return Effect.fail(outgrown.error)
    const lasting = asked.lasting?.get(index)
    if (lasting !== undefined) return Effect.fail(lasting)
    const turn = fiber.getRef(Cascade.CurrentTurn)
    if (turn !== asked.around && turn?.isEarly === true) asked.early = { index, turn }
    else {
      asked.newest = index
      // In another round.
      if (asked.early !== undefined && asked.early.index >= index) asked.early = undefined
    }
    const around = fiber.getRef(CurrentAttemptCounter)
    // What the only model counts is what its cascade counts.
    const isOnly = around !== undefined && index === 0 && later.length === 0
    const call = new StepCall(step, index, later, asked, isOnly ? around : new AttemptCounter(around), fiber)
    const answer = limited(accepted(how, step, request, fiber), asked, call.begun, fiber)
    call.enter(fiber, call.within(fiber))
    return answer
  })

/** The guards of a model that a hedge looks at. */
const targetOf = ({ model }: AskedStep): Hedge.Target => {
  const { breaker, bulkhead, rateLimiter } = model as Partial<ChatModel.GuardedModel>
  return { isAvailable: model.isAvailable, breaker, bulkhead, rateLimiter }
}

/** A call to the model of a step, which tells what it took. */
class StepCall extends Handler implements Asking {
  readonly step: AskedStep
  readonly index: number
  readonly later: ReadonlyArray<AskedStep>
  readonly begun: number
  private readonly asked: Asked
  private readonly counter: AttemptCounter
  private readonly clock: Clock.Clock

  constructor(
    step: AskedStep,
    index: number,
    later: ReadonlyArray<AskedStep>,
    asked: Asked,
    counter: AttemptCounter,
    fiber: Fiber.Fiber<any, any>
  ) {
    super(fiber)
    this.step = step
    this.index = index
    this.later = later
    this.asked = asked
    this.counter = counter
    this.clock = fiber.getRef(Clock.Clock)
    this.begun = monotonicMillis(this.clock)
  }

  /** The context of the call. */
  within(fiber: Fiber.Fiber<any, any>): Context.Context<never> {
    const isOnly = fiber.getRef(CurrentAttemptCounter) === this.counter
    // Nobody's time ends before that of the only model, and nobody else can be asked: its alternatives allow everything.
    if (isOnly && this.asked.patience === undefined && fiber.getRef(CurrentAlternatives) === undefined)
      return fiber.context
    const counted = isOnly ? fiber.context : Context.add(fiber.context, CurrentAttemptCounter, this.counter)
    return Context.add(counted, CurrentAlternatives, new AlternativesTo(this, this.asked, fiber))
  }

  succeeded(answer: Answered<unknown>): Effect.Effect<Answered<unknown>> {
    const { asked, counter, index, step } = this
    counter.atLeast(answer)
    if (!isDegraded(answer)) asked.answeredBy ??= index
    // An answer without a call says nothing about the time that a call takes.
    if (answer.attempts > 0) step.times.add(this.millis)
    return Effect.succeed(answer)
  }

  failed(cause: Cause.Cause<StepError>): Effect.Effect<never, StepError> {
    const { asked, counter, index, step } = this
    if (counter.attempts > 0 && asked.early?.index === index) asked.early.turn.begins()
    for (const reason of cause.reasons) {
      if (!Cause.isFailReason(reason)) continue
      const { error } = reason
      if (isLasting(error)) (asked.lasting ??= new Map()).set(index, error as ChatModel.ModelError)
      if (wantsLargerWindow(error)) asked.outgrown = { window: windowOf(step), error }
      if (isTimeout(error)) step.times.addAtLeast(this.millis)
    }
    return Effect.failCause(cause)
  }

  private get millis(): number {
    return monotonicMillis(this.clock) - this.begun
  }
}

/**
 * A call that ends with an error when the time is over, of the cascade or of its caller, whatever the model does: the last
 * good answer and the sentence come after it.
 */
const limited = <A, E, R>(
  call: Effect.Effect<A, E, R>,
  { deadline }: Asked,
  now: number,
  fiber: Fiber.Fiber<any, any>
): Effect.Effect<A, E | Deadline.DeadlineExceeded, R> =>
  deadline < Infinity
    ? Deadline.within(deadline - now)(call)
    : fiber.getRef(Deadline.CurrentDeadline) === undefined
    ? call
    : Effect.flatMap(Deadline.remaining, (left) => Deadline.within(left!)(call))

/** The answer of a model, if it passes the checks. */
const accepted = <A, R>(
  how: How<A, R>,
  { checks, model }: AskedStep,
  request: ChatModel.Request,
  fiber: Fiber.Fiber<any, any>
): Effect.Effect<Answered<A>, StepError, R> => {
  const around = fiber.getRef(CurrentAcceptance)
  const acceptance = acceptanceOf(checks, request, around)
  if (acceptance === undefined) return how.ask(model, request)
  // Only a whole answer can be judged.
  return model.complete(request).pipe(
    Effect.tap(({ degradation, value }) =>
      degradation === "canned" ? Effect.void : acceptance.judge(value, model.name)
    ),
    Effect.provideService(CurrentAcceptance, acceptance),
    Effect.map((answer) => ({ ...answer, value: how.whole(answer.value) }))
  )
}

/** The time after which the next model is asked as well. */
const timeFor = (share: Share, later: ReadonlyArray<AskedStep>) =>
  share === "none" || later.length === 0
    ? undefined
    : Effect.flatMap(Deadline.remaining, (remaining) =>
      Effect.withFiber((fiber) => {
        const asked = fiber.getRef(CurrentAsked)!
        const now = monotonicMillis(fiber.getRef(Clock.Clock))
        const left = Math.min(
          remaining === undefined ? Infinity : Duration.toMillis(remaining),
          Math.min(asked.deadline, asked.patience?.shortest ?? Infinity) - now
        )
        if (left === Infinity) return Effect.undefined
        const p95s = atHand(later, asked, fiber).map(({ times }) => times.quantiles?.p95)
        const millis = shareOf(share, left, p95s)
        // Whole milliseconds, so that calls under one deadline share their timers.
        return Effect.succeed(millis === Infinity ? undefined : Duration.millis(Math.ceil(millis)))
      }))

const moves = (step: AskedStep, later: ReadonlyArray<AskedStep>) => (error: StepError): boolean => {
  // The refusals of guards and their time-outs say nothing about the other models.
  if (!ChatError.isChatError(error)) return true
  switch (ChatError.movesOn(error)) {
    case "yes":
      return true
    case "no":
      return false
    case "opt-in":
      return (step.optIn as ReadonlyArray<string> | undefined)?.includes(error._tag) ?? false
    case "larger-window":
      return later.some((next) => windowOf(next) > windowOf(step))
  }
}

const wantsLargerWindow = (error: StepError): error is ChatError.ChatError =>
  ChatError.isChatError(error) && ChatError.movesOn(error) === "larger-window"

// A call that was not begun has taken no time.
const isTimeout = (error: StepError): boolean =>
  error._tag === "TimedOut" || error._tag === "DeadlineExceeded" && Duration.toMillis(error.after) > 0

const isDegraded = ({ degradation }: Answered<unknown>): boolean => degradation === "stale" || degradation === "canned"
