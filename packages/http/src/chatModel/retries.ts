/** Which errors are worth another attempt at the same model. */
import type * as Retry from "@switchgear/core/Retry"
import { monotonicMillis } from "@switchgear/core/runtime"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Fiber from "effect/Fiber"
import * as ChatError from "../ChatError.ts"
import type { ModelError } from "./model.ts"

/** A wait before the same model is asked again. */
export interface Waiting {
  /** Milliseconds that the provider asks for; undefined when it asks for none. */
  readonly asked: number | undefined
  /** The longest wait by the model's own retry policy, in milliseconds. */
  readonly own: number
  /** The model has too much to do: a rate limit, or an overload. */
  readonly isBusy: boolean
  readonly error: ChatError.ChatError
}

/** What asking a model takes when that is not known: more than a first retry waits, and less than most answers. */
export const assumedTime = 1000

/** Whether the wait is longer than asking another model, which usually takes so many milliseconds if that is known. */
export const isLongerThan = ({ asked, isBusy, own }: Waiting, takes: number | undefined): boolean =>
  isBusy
    // A model that is busy and does not say until when is not asked again beside another.
    ? asked === undefined || takes === undefined || asked >= takes
    : Math.max(own, asked ?? 0) >= (takes ?? assumedTime)

/** What a cascade knows of the other models and of its callers, which the model that is asked does not. */
export interface Alternatives {
  /** Whether to wait and ask the same model again. `now` is in monotonic milliseconds. */
  readonly allowsWait: (waiting: Waiting, now: number) => boolean
  /**
   * Whether a call that is ended now has had its time: as long as the model's answers usually take, and its share of a time
   * in which another model has answered, or the time of all of its callers.
   */
  readonly hasLost: (now: number) => boolean
}

/** The alternatives of a model that a cascade asks; undefined for one that is asked alone. */
export const CurrentAlternatives = Context.Reference<Alternatives | undefined>(
  "@switchgear/http/chatModel/retries/CurrentAlternatives",
  { defaultValue: () => undefined }
)

/**
 * A time-out on this model is likely to be the next one, too; a struggling model is asked once more and then let be.
 * Beside another model, no wait is begun that is longer than asking that one. The user's predicate can only forbid more.
 */
export const isWorthRetrying = (
  { baseDelay = "200 millis", factor = 2, maxDelay = Infinity, while: also }: Retry.Options<ModelError>
): (error: ModelError, attempts: number) => boolean => {
  const [base, longest] = [millisOf(baseDelay), millisOf(maxDelay)]
  return (error, attempts) => {
    if (!ChatError.isChatError(error)) return false
    const retries = ChatError.retries(error)
    if (retries === "no" || retries === "once" && attempts !== 1) return false
    const own = Math.min(longest, base * factor ** (attempts - 1))
    return allowsWait(error, own) && (also === undefined || also(error, attempts))
  }
}

// The predicate of a retry is asked in the fiber of the call.
const allowsWait = (error: ChatError.ChatError, own: number): boolean => {
  const fiber = Fiber.getCurrent()
  const alternatives = fiber?.getRef(CurrentAlternatives)
  const asked = error.retryAfter && Duration.toMillis(error.retryAfter)
  // A wait without an end is none, beside whomever.
  if (fiber === undefined || alternatives === undefined) return asked !== Infinity
  const isBusy = error._tag === "ProviderRateLimited" || error._tag === "Overloaded" || error._tag === "QuotaExhausted"
  return alternatives.allowsWait({ asked, own, isBusy, error }, monotonicMillis(fiber.getRef(Clock.Clock)))
}

/** Whether a call that was interrupted has had its time. Asked in the fiber of the call. */
export const hasLost = (): boolean => {
  const fiber = Fiber.getCurrent()
  return fiber?.getRef(CurrentAlternatives)?.hasLost(monotonicMillis(fiber.getRef(Clock.Clock))) === true
}

// Options out of range are refused by `Retry.make`.
const millisOf = (input: Duration.Input): number => {
  const duration = Duration.fromInput(input)
  return duration._tag === "None" ? 0 : Duration.toMillis(duration.value)
}
