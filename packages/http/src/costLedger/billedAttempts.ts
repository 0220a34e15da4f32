/**
 * The attempts of one call that a provider may bill beside the answer: those that were cut, lost or left, and answers
 * that were not taken. What an attempt that failed may cost is spent at once, so that no other call takes it meanwhile.
 */
import * as Outcome from "@switchgear/core/Outcome"
import * as Cause from "effect/Cause"
import * as Predicate from "effect/Predicate"
import type { Attempt, AttemptObserver } from "../chatModel/attemptObserver.ts"
import * as ChatError from "../ChatError.ts"
import type * as ChatModel from "../ChatModel.ts"
import type * as ChatSchema from "../ChatSchema.ts"
import { type FailedReply, replyOf } from "../pricing/failedReply.ts"

/**
 * What an attempt may have cost: its prompt, its prompt with the longest answer, what its reply tells, or what was told
 * in a reply that failed.
 */
export type Spending =
  | { readonly extent: "prompt" | "answer"; readonly asked: Asked | undefined }
  | { readonly extent: "reply"; readonly asked: Asked; readonly reply: ChatSchema.ChatReply }
  | { readonly extent: "failure"; readonly asked: Asked; readonly reply: FailedReply }

/** The model that was asked, and the name of its step. */
export type Asked = Pick<Attempt, "model" | "name">

/** Who is told what an attempt may have cost. */
export interface Spender {
  readonly spend: (spending: Spending) => void
}

export class BilledAttempts implements AttemptObserver {
  private readonly spender: Spender
  private running: ReadonlyArray<Attempt> = none
  private answered: ReadonlyArray<Spending> = none
  private isCounted = false
  private isClosed = false

  constructor(spender: Spender) {
    this.spender = spender
  }

  asked(): void {
    this.isCounted = true
  }

  began(attempt: Attempt): ReturnType<AttemptObserver["began"]> {
    const { delivery } = attempt
    // An object of its own for each attempt.
    const running = { ...attempt }
    this.running = withAlso(this.running, running)
    return (exit, mayBeBilled) => {
      if (this.isClosed || !this.running.includes(running)) return
      this.running = without(this.running, running)
      if (!mayBeBilled) return
      if (exit._tag === "Failure") {
        const reply = failedReply(exit.cause)
        this.spender.spend(
          wasWritten(delivery, exit.cause)
            ? { extent: "answer", asked: attempt }
            : reply !== undefined
            ? { extent: "failure", asked: attempt, reply }
            : { extent: "prompt", asked: attempt }
        )
      } else {
        this.answered = withAlso(
          this.answered,
          isReply(exit.value)
            ? { extent: "reply", asked: attempt, reply: exit.value }
            : { extent: "prompt", asked: attempt }
        )
      }
    }
  }

  /** The model that answered last, by the name that it was asked by. */
  get model(): string | undefined {
    return this.answered.at(-1)?.asked?.model
  }

  /**
   * There is an answer, after these failures: one of the attempts made it, unless none had to. Of a model that does not
   * tell of its attempts, the failures have to say what may be billed.
   */
  answer(from: "model" | "elsewhere", failures: ChatModel.Answer["failures"]): void {
    if (!this.isClosed && !this.isCounted) this.spendPrompts(attemptsBefore(failures))
    this.close(from)
  }

  private close(answer: "model" | "elsewhere"): void {
    if (this.isClosed) return
    this.isClosed = true
    const { answered } = this
    this.answered = none
    const besides = answer === "model" ? answered.length - 1 : answered.length
    for (let i = 0; i < besides; i++) this.spender.spend(answered[i]!)
    for (const asked of this.running) this.spender.spend({ extent: "prompt", asked })
  }

  /** There is no answer. Of a model that does not tell of its attempts, the cause has to say what may be billed. */
  fail(cause: Cause.Cause<unknown>): void {
    if (!this.isClosed && !this.isCounted) this.spendPrompts(billedBy(cause))
    this.close("elsewhere")
  }

  private spendPrompts(attempts: number): void {
    for (let left = attempts; left > 0; left--) this.spender.spend({ extent: "prompt", asked: undefined })
  }
}

// Nearly every call has one attempt. A list that grows begins with 17 places, and two of them would be made in each call.
const none: ReadonlyArray<never> = []

const withAlso = <A>(list: ReadonlyArray<A>, one: A): ReadonlyArray<A> => list.length === 0 ? [one] : [...list, one]

const without = <A>(list: ReadonlyArray<A>, one: A): ReadonlyArray<A> =>
  list.length === 1 ? none : list.filter((each) => each !== one)

/** A whole reply that broke off had been written to its end, and nobody knows how long it was. */
const wasWritten = (delivery: Attempt["delivery"], cause: Cause.Cause<unknown>): boolean =>
  delivery === "reply" &&
  cause.reasons.some((reason) => Cause.isFailReason(reason) && Predicate.isTagged(reason.error, "Truncated"))

const failedReply = (cause: Cause.Cause<unknown>): FailedReply | undefined => {
  for (const reason of cause.reasons) {
    const reply = Cause.isFailReason(reason) && Predicate.isObject(reason.error) ? replyOf(reason.error) : undefined
    if (reply !== undefined) return reply
  }
  return undefined
}

const isReply = (value: unknown): value is ChatSchema.ChatReply =>
  Predicate.isReadonlyObject(value) && Array.isArray(value["choices"])

const billedBy = (cause: Cause.Cause<unknown>): number =>
  Math.max(...cause.reasons.map((reason) => Cause.isFailReason(reason) ? attemptsIn(reason.error) : 1), 0)

/** Only a refusal surely costs nothing. */
const attemptsIn = (error: unknown): number => {
  if (ChatError.isChatError(error)) return ChatError.possiblyBilled(error) ? 1 : 0
  if (Outcome.isRejection(error)) return 0
  return Predicate.isTagged(error, "CascadeExhausted") && Predicate.hasProperty(error, "failures") &&
      Array.isArray(error.failures)
    ? attemptsBefore(error.failures)
    : 1
}

const attemptsBefore = (failures: ReadonlyArray<{ readonly error: unknown }>): number =>
  failures.reduce((sum, { error }) => sum + attemptsIn(error), 0)
