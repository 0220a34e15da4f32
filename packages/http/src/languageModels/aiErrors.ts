/**
 * What went wrong, in the words of the platform: an `AiError` with the nearest reason there is. It says of itself what
 * the original said: whether another try makes sense, when, and whether it is a rejection, which no circuit counts.
 */
import * as Cascade from "@switchgear/core/Cascade"
import * as Deadline from "@switchgear/core/Deadline"
import * as Outcome from "@switchgear/core/Outcome"
import * as RateLimiter from "@switchgear/core/RateLimiter"
import * as AiError from "effect/ai/AiError"
import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as ChatError from "../ChatError.ts"
import { AnswerRefused } from "../chatModel/AnswerRefused.ts"
import { BudgetExceeded } from "../costLedger/errors.ts"

/** Fails with the error as an `AiError`. One that is an `AiError` already stays as it is. */
export const failAs = (method: string) => (error: unknown): Effect.Effect<never, AiError.AiError> =>
  AiError.isAiError(error)
    ? Effect.fail(error)
    : Effect.flatMap(Clock.currentTimeMillis, (now) => Effect.fail(aiErrorOf(method, error, now)))

/** An `AiError` of our own. */
export const aiError = (method: string, reason: AiError.AiErrorReason): AiError.AiError =>
  AiError.make({ module: "LanguageModels", method, reason })

/** What an `AiError` was before it became one; undefined if it was always one. */
export const originalOf = (error: AiError.AiError): unknown =>
  Predicate.hasProperty(error.reason, "cause") ? error.reason.cause : undefined

/** A short name of what went wrong, fit for a span or a label. */
export const nameOf = (error: unknown): string => {
  if (!AiError.isAiError(error)) return tagOf(error)
  const original = originalOf(error)
  return original === undefined ? error.reason._tag : tagOf(original)
}

/** What failed in a cascade, by short names. What a step has run out of is told by its own steps. */
export const namesOf = (
  failures: ReadonlyArray<Cascade.Failure<unknown>>
): Array<{ readonly step: string; readonly error: string }> =>
  failures.flatMap(({ error, step }) => {
    // A cascade inside has told the names already.
    if (typeof error === "string") return [{ step, error }]
    const original = AiError.isAiError(error) ? originalOf(error) : error
    return original instanceof Cascade.CascadeExhausted
      ? namesOf(original.failures.map((inner) => ({ ...inner, step: `${step}/${inner.step}` })))
      : [{ step, error: nameOf(error) }]
  })

/** What is said of an error that is none of the platform, at a time in milliseconds since 1970. */
export const aiErrorOf = (method: string, error: unknown, now: number): AiError.AiError => {
  const reason = reasonOf(error, now)
  const retryAfter = Outcome.retryAfter(error)
  // An `AiError` reads these from its reason, whichever it is.
  Object.defineProperties(reason, {
    isRetryable: { value: Outcome.isRetryable(error) },
    ...retryAfter && { retryAfter: { value: retryAfter, enumerable: true } },
    cause: { value: error },
    ...ChatError.isChatError(error) && readLater(reason, error)
  })
  const failure = aiError(method, reason)
  if (Outcome.isOverload(error)) Object.defineProperty(failure, "isOverload", { value: true })
  return Outcome.isRejection(error) ? Object.defineProperty(failure, Outcome.RejectionTypeId, { value: true }) : failure
}

const reasonOf = (error: unknown, now: number): AiError.AiErrorReason => {
  if (ChatError.isChatError(error)) return reasonOfChat(error, unread, now)
  const described = { description: messageOf(error), metadata: { switchgear: factsOf(error) } }
  if (error instanceof AnswerRefused) return new AiError.InvalidOutputError(described)
  if (error instanceof BudgetExceeded && error.reason === "exceeded") {
    return new AiError.QuotaExhaustedError({ metadata: described.metadata, resetAt: after(error.retryAfter, now) })
  }
  if (error instanceof RateLimiter.RateLimited) {
    // Without a wait, the call is larger than the limit will ever be.
    return error.isRetryable
      ? new AiError.RateLimitError({ metadata: described.metadata, retryAfter: error.retryAfter })
      : new AiError.InvalidRequestError(described)
  }
  return Outcome.isRejection(error) || error instanceof Deadline.DeadlineExceeded ||
      error instanceof Cascade.CascadeExhausted
    ? new AiError.InternalProviderError(described)
    : new AiError.UnknownError(described)
}

interface Described {
  readonly description: string
  readonly metadata: { readonly switchgear?: Facts }
}

/** What stands in the place of the words of a provider until they are read. */
const unread: Described = { description: "", metadata: {} }

/** The words of a provider are searched for the prompt when they are read, which most errors never are. */
const readLater = (reason: AiError.AiErrorReason, error: ChatError.ChatError): PropertyDescriptorMap => {
  let metadata: Described["metadata"] | undefined
  return {
    metadata: { get: () => metadata ??= { switchgear: factsOf(error) }, enumerable: true },
    ..."description" in reason && { description: { get: () => messageOf(error), enumerable: true } }
  }
}

const reasonOfChat = (error: ChatError.ChatError, described: Described, now: number): AiError.AiErrorReason => {
  const { retryAfter, status } = error
  const known = Number.isInteger(status)
    ? { ...described, http: { response: { status: status!, headers: {} } } }
    : described
  switch (error._tag) {
    case "Unauthorized":
      return new AiError.AuthenticationError({ ...known, kind: "InvalidKey" })
    case "Forbidden":
      return new AiError.AuthenticationError({ ...known, kind: "InsufficientPermissions" })
    case "QuotaExhausted":
      return new AiError.QuotaExhaustedError({ ...known, resetAt: retryAfter && after(retryAfter, now) })
    case "ProviderRateLimited":
      return new AiError.RateLimitError({ ...known, retryAfter })
    case "ContentBlocked":
      return new AiError.ContentPolicyError(known)
    case "InvalidRequest":
    case "ContextTooLong":
    case "ModelNotFound":
      return new AiError.InvalidRequestError(known)
    case "ConnectFailed":
      return new AiError.NetworkError({
        reason: "TransportError",
        method: "POST",
        url: error.host,
        description: described.description
      })
    case "MalformedReply":
      return new AiError.InvalidOutputError(described)
    case "ClientReleased":
    case "Overloaded":
    case "ProviderFault":
    case "TimedOut":
    case "Truncated":
      return new AiError.InternalProviderError(known)
  }
}

const after = (wait: Duration.Duration, now: number): DateTime.Utc => DateTime.makeUnsafe(now + Duration.toMillis(wait))

type Facts = { [fact: string]: string | number | boolean | Array<{ step: string; error: string }> }

/** What a machine can use of an error: names and numbers, no sentence. */
const factsOf = (error: unknown): Facts => {
  const facts: Facts = { error: tagOf(error) }
  if (error instanceof Cascade.CascadeExhausted) {
    facts["failures"] = namesOf(error.failures)
  }
  if (!Predicate.isObject(error)) return facts
  const fields: Readonly<Record<string, unknown>> = error as never
  for (const name of [...chatFacts, ...guardFacts]) {
    const value = fields[name]
    if (typeof value === "string" || Number.isFinite(value)) facts[name] = value as string | number
  }
  const retryAfter = Outcome.retryAfter(error)
  if (retryAfter !== undefined) facts["retryAfterMillis"] = Duration.toMillis(retryAfter)
  return facts
}

const chatFacts = ["provider", "model", "status", "requestId", "code", "type", "phase", "blame"]
const guardFacts = ["breaker", "state", "bulkhead", "reason", "limiter", "bucket", "limit", "budget"]

const messageOf = (error: unknown): string => {
  if (error instanceof Cascade.CascadeExhausted) {
    const steps = namesOf(error.failures).map(({ error, step }) => `${step} (${error})`)
    return `No step of the cascade answered: ${steps.join(", ")}. Try again later, or add another model.`
  }
  return error instanceof Error && error.message !== "" ? error.message : tagOf(error)
}

const tagOf = (error: unknown): string =>
  Predicate.hasProperty(error, "_tag") && typeof error._tag === "string"
    ? error._tag
    : error instanceof Error
    ? error.name
    : typeof error
