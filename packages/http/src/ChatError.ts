/**
 * Everything that can go wrong between a request and a reply, as one flat union of tagged errors.
 *
 * Each error says whom to blame, whether trying the same model again can help, and how long the provider asks to wait.
 * What a cascade, a breaker and a key ring do with it is data too: `retries`, `movesOn`, `countsOnBreaker`, `parksKey`.
 *
 * | Error                 | Typical status          | Blame            | Same model again | Next model    | Counts on breaker  |
 * | --------------------- | ----------------------- | ---------------- | ---------------- | ------------- | ------------------ |
 * | `InvalidRequest`      | 400, 422, other 4xx     | caller           | no               | no (1)        | no                 |
 * | `ContextTooLong`      | 400                     | caller           | no               | larger window | no                 |
 * | `ContentBlocked`      | 400                     | caller           | no               | opt-in        | no                 |
 * | `Unauthorized`        | 401                     | account          | no               | yes           | no, parks the key  |
 * | `Forbidden`           | 403                     | account          | no               | opt-in        | no                 |
 * | `ModelNotFound`       | 404                     | account          | no               | yes           | no                 |
 * | `QuotaExhausted`      | 402, 429 with quota     | account          | no (2)           | yes           | no, parks the key  |
 * | `ProviderRateLimited` | 429, 498                | account          | after the wait   | yes           | no                 |
 * | `Overloaded`          | 503, 529                | provider         | once             | yes           | yes                |
 * | `ProviderFault`       | 408, 409, other 5xx     | provider         | yes (3)          | yes           | yes (3)            |
 * | `ConnectFailed`       | none                    | network          | yes (4, 6)       | yes           | yes                |
 * | `TimedOut`            | none                    | provider (5)     | no (5)           | yes           | yes                |
 * | `Truncated`           | 200                     | network          | yes (6)          | yes           | yes                |
 * | `MalformedReply`      | 200, 3xx                | provider         | once (6)         | yes           | yes                |
 *
 * (1) 413 moves on to a larger window; an unsupported parameter by opt-in. (2) Unless the provider says when. (3) 409
 * is retried and not counted; 501 and 505 are neither; 504 and 524 are counted and not retried, since the provider has
 * worked up to a time-out of its own and may bill it. (4) Not when a certificate is refused. (5) A connect timeout
 * blames the network and may be tried again, as nothing was executed; that of the reader of a stream blames the caller
 * and does not count. (6) Not when the call had lasted 5 seconds or
 * longer and may be billed: the model has worked, and would have to work again.
 *
 * **Gotchas**
 *
 * `detail` is the provider's own sentence: at most 300 characters, with keys and anything quoted from the prompt
 * removed. Match on `_tag`, `status` and `code`, never on its words.
 *
 * @since 0.1.0
 */
import { withoutStack } from "@switchgear/core/runtime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { classify, effectiveStatus, type ResponseTag } from "./chatError/classify.ts"
import * as ErrorBody from "./chatError/errorBody.ts"
import * as Redact from "./chatError/redact.ts"
import * as RetryAfter from "./chatError/retryAfter.ts"

/**
 * Who has to act: the caller, the owner of the account, the provider, or the operator of the network between.
 *
 * @category models
 * @since 0.1.0
 */
export type Blame = "caller" | "account" | "provider" | "network"

/**
 * The clocks a call can run out of. `reader` is that of the program that reads a stream; the others are the provider's.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Phase = Schema.Literals(["connect", "first-content", "idle", "total", "reader"])

/**
 * What the schema `Phase` decodes to.
 *
 * @category schemas
 * @since 0.1.0
 */
export type Phase = typeof Phase.Type

const common = {
  /** The name the client was given for the provider. */
  provider: Schema.String,
  /** The model that was asked. */
  model: Schema.String,
  /** The HTTP status; inside a 200, the status the error object names or means. */
  status: Schema.optional(Schema.Finite),
  /** The provider's id of the call, to quote to its support. */
  requestId: Schema.optional(Schema.String),
  /** The provider's own `code`. */
  code: Schema.optional(Schema.String),
  /** The provider's own `type`. */
  type: Schema.optional(Schema.String),
  /** The provider's own sentence, bounded and without secrets. */
  detail: Schema.optional(Schema.String),
  /** How long the provider asks to wait. */
  retryAfter: Schema.optional(Schema.Duration)
}

/** `isRetryable`: whether the same request to the same model can succeed later on. */
const retryable = (byDefault: boolean) => ({
  ...common,
  isRetryable: Schema.Boolean.pipe(Schema.withConstructorDefault(Effect.succeed(byDefault)))
})

/**
 * The provider cannot accept this request, and neither can another one: the caller has to correct it.
 *
 * @category errors
 * @since 0.1.0
 */
export class InvalidRequest extends Schema.TaggedError<InvalidRequest>("@switchgear/http/ChatError/InvalidRequest")(
  "InvalidRequest",
  retryable(false)
) {
  get blame(): "caller" {
    return "caller"
  }
  override get message(): string {
    return `${this.provider} refused the request to ${this.model}${
      said(this)
    }. Correct the request; repeating it cannot help.`
  }
}

/**
 * The conversation does not fit the model's context window.
 *
 * @category errors
 * @since 0.1.0
 */
export class ContextTooLong extends Schema.TaggedError<ContextTooLong>("@switchgear/http/ChatError/ContextTooLong")(
  "ContextTooLong",
  retryable(false)
) {
  get blame(): "caller" {
    return "caller"
  }
  override get message(): string {
    return `The conversation is too long for ${this.model} at ${this.provider}${
      said(this)
    }. Shorten it, or use a model with a larger context window.`
  }
}

/**
 * The provider's content policy stopped the request.
 *
 * @category errors
 * @since 0.1.0
 */
export class ContentBlocked extends Schema.TaggedError<ContentBlocked>("@switchgear/http/ChatError/ContentBlocked")(
  "ContentBlocked",
  retryable(false)
) {
  get blame(): "caller" {
    return "caller"
  }
  override get message(): string {
    return `${this.provider} blocked the content of a request to ${this.model}${
      said(this)
    }. Change the content, or use a model with another policy.`
  }
}

/**
 * The provider does not accept the key.
 *
 * @category errors
 * @since 0.1.0
 */
export class Unauthorized extends Schema.TaggedError<Unauthorized>("@switchgear/http/ChatError/Unauthorized")(
  "Unauthorized",
  retryable(false)
) {
  get blame(): "account" {
    return "account"
  }
  override get message(): string {
    return `${this.provider} did not accept the API key for ${this.model}${
      said(this)
    }. Check that the key is complete, belongs to this provider and has not been revoked.`
  }
}

/**
 * The key is good, and may not do this: the model, the region or the account is closed to it.
 *
 * @category errors
 * @since 0.1.0
 */
export class Forbidden extends Schema.TaggedError<Forbidden>("@switchgear/http/ChatError/Forbidden")(
  "Forbidden",
  retryable(false)
) {
  get blame(): "account" {
    return "account"
  }
  override get message(): string {
    return `${this.provider} does not let this key use ${this.model}${
      said(this)
    }. Check the permissions of the key, its project and its region.`
  }
}

/**
 * The provider knows no such model at this address.
 *
 * @category errors
 * @since 0.1.0
 */
export class ModelNotFound extends Schema.TaggedError<ModelNotFound>("@switchgear/http/ChatError/ModelNotFound")(
  "ModelNotFound",
  retryable(false)
) {
  get blame(): "account" {
    return "account"
  }
  override get message(): string {
    return `${this.provider} knows no model ${this.model} at this address${
      said(this)
    }. Check the name of the model and the base URL.`
  }
}

/**
 * The account has no credit or quota left. Waiting a little does not restore it.
 *
 * @category errors
 * @since 0.1.0
 */
export class QuotaExhausted extends Schema.TaggedError<QuotaExhausted>("@switchgear/http/ChatError/QuotaExhausted")(
  "QuotaExhausted",
  retryable(false)
) {
  get blame(): "account" {
    return "account"
  }
  override get message(): string {
    return `The account at ${this.provider} has no quota left for ${this.model}${said(this)}. ${
      this.retryAfter === undefined
        ? "Add credit or raise the limit; retrying does not restore it."
        : `Add credit, raise the limit, or wait ${Duration.format(this.retryAfter)}; retrying sooner does not help.`
    }`
  }
}

/**
 * The model is healthy and the account's share of it is used up for now.
 *
 * @category errors
 * @since 0.1.0
 */
export class ProviderRateLimited
  extends Schema.TaggedError<ProviderRateLimited>("@switchgear/http/ChatError/ProviderRateLimited")(
    "ProviderRateLimited",
    retryable(true)
  )
{
  get blame(): "account" {
    return "account"
  }
  override get message(): string {
    return `${this.provider} limits the rate of requests to ${this.model}${said(this)}. Send fewer at once${
      orWait(this.retryAfter)
    }.`
  }
}

/**
 * The model has more to do than it can, for everybody.
 *
 * @category errors
 * @since 0.1.0
 */
export class Overloaded extends Schema.TaggedError<Overloaded>("@switchgear/http/ChatError/Overloaded")(
  "Overloaded",
  retryable(true)
) {
  get blame(): "provider" {
    return "provider"
  }
  override get message(): string {
    return `${this.model} at ${this.provider} is overloaded${said(this)}. Use another model${orWait(this.retryAfter)}.`
  }
}

/**
 * Something broke at the provider.
 *
 * @category errors
 * @since 0.1.0
 */
export class ProviderFault extends Schema.TaggedError<ProviderFault>("@switchgear/http/ChatError/ProviderFault")(
  "ProviderFault",
  retryable(true)
) {
  get blame(): "provider" {
    return "provider"
  }
  override get message(): string {
    return `${this.provider} failed while answering for ${this.model}${said(this)}. ${
      this.isRetryable ? "Try again, or use another model" : "Use another model"
    }.`
  }
}

/**
 * No answer began: unknown host, refused connection, refused certificate, or a connection lost before the answer.
 *
 * @category errors
 * @since 0.1.0
 */
export class ConnectFailed extends Schema.TaggedError<ConnectFailed>("@switchgear/http/ChatError/ConnectFailed")(
  "ConnectFailed",
  {
    ...retryable(true),
    /** The host and port that were meant. */
    host: Schema.String,
    /** What to do about it. */
    advice: Schema.String
  }
) {
  get blame(): "network" {
    return "network"
  }
  override get message(): string {
    return `Could not reach ${this.provider} for ${this.model} at ${this.host}${said(this)}. ${this.advice}`
  }
}

/**
 * One of the client's own clocks ran out.
 *
 * @category errors
 * @since 0.1.0
 */
export class TimedOut extends Schema.TaggedError<TimedOut>("@switchgear/http/ChatError/TimedOut")("TimedOut", {
  ...retryable(false),
  phase: Phase,
  /** The limit that was set for the phase, where it is known. */
  limit: Schema.optional(Schema.Duration)
}) {
  get blame(): "caller" | "network" | "provider" {
    return this.phase === "reader" ? "caller" : this.phase === "connect" ? "network" : "provider"
  }
  override get message(): string {
    const limit = this.limit === undefined ? "" : ` within ${Duration.format(this.limit)}`
    return this.phase === "reader"
      ? `The program that reads the answer of ${this.model} at ${this.provider} asked for nothing more${limit}, so the stream was ended. Read it faster, or raise the readerTimeout.`
      : this.phase === "connect"
      ? `No connection to ${this.provider} for ${this.model}${limit}. Check the network and the proxy, or raise the connect timeout.`
      : `${this.model} at ${this.provider} did not ${
        phases[this.phase]
      }${limit}. Use another model, or raise the ${this.phase} timeout.`
  }
}

const phases = {
  "first-content": "begin to answer",
  idle: "go on answering",
  total: "finish answering"
}

/**
 * The connection ended in the middle of the answer.
 *
 * @category errors
 * @since 0.1.0
 */
export class Truncated extends Schema.TaggedError<Truncated>("@switchgear/http/ChatError/Truncated")(
  "Truncated",
  retryable(true)
) {
  get blame(): "network" {
    return "network"
  }
  override get message(): string {
    return `The answer of ${this.model} at ${this.provider} broke off before its end${said(this)}. ${
      this.isRetryable
        ? "Try again; the provider may bill both attempts."
        : "Use another model; the provider may bill this attempt."
    }`
  }
}

/**
 * The provider answered, and the answer is not a chat completion.
 *
 * @category errors
 * @since 0.1.0
 */
export class MalformedReply extends Schema.TaggedError<MalformedReply>("@switchgear/http/ChatError/MalformedReply")(
  "MalformedReply",
  {
    ...retryable(true),
    /** What was there instead. */
    found: Schema.String
  }
) {
  get blame(): "provider" {
    return "provider"
  }
  override get message(): string {
    return `${this.provider} answered for ${this.model} with ${this.found} instead of a chat completion${
      said(this)
    }. Check that the base URL is that of a chat-completions API.`
  }
}

/**
 * Every way in which a chat call fails.
 *
 * @category schemas
 * @since 0.1.0
 */
export const ChatError = Schema.Union([
  InvalidRequest,
  ContextTooLong,
  ContentBlocked,
  Unauthorized,
  Forbidden,
  ModelNotFound,
  QuotaExhausted,
  ProviderRateLimited,
  Overloaded,
  ProviderFault,
  ConnectFailed,
  TimedOut,
  Truncated,
  MalformedReply
])

/**
 * What the schema `ChatError` decodes to.
 *
 * @category schemas
 * @since 0.1.0
 */
export type ChatError = typeof ChatError.Type

/**
 * Whether a value is one of the errors of a chat call.
 *
 * @category predicates
 * @since 0.1.0
 */
export const isChatError: (u: unknown) => u is ChatError = Schema.is(ChatError)

/**
 * How often the same model is worth another attempt. `once` is for a struggling provider, where more attempts make it
 * worse.
 *
 * @category predicates
 * @since 0.1.0
 */
export const retries = (error: ChatError): "yes" | "once" | "no" =>
  !error.isRetryable ? "no" : error._tag === "Overloaded" || error._tag === "MalformedReply" ? "once" : "yes"

/**
 * Whether the next model of a cascade is asked: always, never, only one with a larger window, or only where the step
 * opted in to it.
 *
 * @category predicates
 * @since 0.1.0
 */
export const movesOn = (error: ChatError): "yes" | "no" | "larger-window" | "opt-in" => {
  switch (error._tag) {
    case "InvalidRequest":
      return error.status === 413 ? "larger-window" : modelSpecific.has(error.code ?? "") ? "opt-in" : "no"
    case "ContextTooLong":
      return "larger-window"
    case "ContentBlocked":
    case "Forbidden":
      return "opt-in"
    default:
      return "yes"
  }
}

/** Codes by which a model refuses what another model may accept. */
const modelSpecific = new Set(["invalid_prompt", "unsupported_parameter", "unsupported_value", "unknown_parameter"])

/**
 * Whether the error speaks of the model's health. A spent quota, a wrong key or a bad request does not.
 *
 * @category predicates
 * @since 0.1.0
 */
export const countsOnBreaker = (error: ChatError): boolean => {
  switch (error._tag) {
    case "ProviderFault":
      return error.status !== 409 && !notImplemented(error.status)
    case "TimedOut":
      return error.phase !== "reader"
    case "Overloaded":
    case "ConnectFailed":
    case "Truncated":
    case "MalformedReply":
      return true
    default:
      return false
  }
}

/**
 * Whether the key is of no use for a while, so that another key of the same provider should be taken.
 *
 * @category predicates
 * @since 0.1.0
 */
export const parksKey = (error: ChatError): boolean => error._tag === "Unauthorized" || error._tag === "QuotaExhausted"

/**
 * Whether the provider may have worked on the call, and may bill it although no answer came of it: it was cut, took too
 * long, was answered with something else, or broke off. What is refused before the work is not billed.
 *
 * @category predicates
 * @since 0.1.0
 */
export const possiblyBilled = (error: ChatError): boolean => {
  switch (error._tag) {
    case "ProviderFault":
      return !notImplemented(error.status)
    case "TimedOut":
      return error.phase !== "connect"
    case "ConnectFailed":
      return lostCodes.has(error.code ?? "")
    case "Truncated":
    case "MalformedReply":
      return true
    default:
      return false
  }
}

/** A connection that was there and was lost may have carried the request. */
const lostCodes = new Set(["ECONNRESET", "EPIPE", "UND_ERR_SOCKET"])

/**
 * A failed response, as it came.
 *
 * @category models
 * @since 0.1.0
 */
export interface FailedResponse {
  readonly provider: string
  readonly model: string
  readonly status: number
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly body: string
  /**
   * The time now in milliseconds since 1970, from which a `retry-after` date is counted. Dates are ignored without it.
   */
  readonly now?: number | undefined
  /** What must not be seen in the error: the key and the texts that were sent. */
  readonly secrets?: Redact.Secrets | undefined
}

/**
 * The error that a failed response means. Total: every status and every body gives an error, and none throws.
 *
 * ```ts
 * import * as ChatError from "@switchgear/http/ChatError"
 *
 * const error = ChatError.fromResponse({
 *   provider: "openai",
 *   model: "gpt-4.1",
 *   status: 429,
 *   headers: { "retry-after": "20" },
 *   body: JSON.stringify({ error: { message: "You exceeded your quota", type: "insufficient_quota", code: "insufficient_quota" } })
 * })
 *
 * error._tag // => "QuotaExhausted"
 * error.isRetryable // => false
 * ChatError.movesOn(error) // => "yes"
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromResponse = (response: FailedResponse): ChatError =>
  fromSays(response, ErrorBody.read(response.body), response.status)

/**
 * The error inside the JSON of a reply that claims to be a success, or `undefined` when there is none.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromReply = (response: FailedResponse, json: unknown): ChatError | undefined => {
  const says = ErrorBody.within(json)
  return says === undefined ? undefined : fromSays(response, says, effectiveStatus(response.status, says))
}

const fromSays = (response: FailedResponse, says: ErrorBody.ProviderSays, status: number): ChatError => {
  const secrets = response.secrets ?? Redact.none
  const header = headerReader(response.headers)
  const retryAfter = RetryAfter.parse({
    header,
    retryDelay: says.retryDelay,
    text: says.text,
    limit: says.type,
    isRateLimit: status === 429 || status === 498,
    now: response.now ?? Number.NaN
  })
  const tag = classify(status, says, retryAfter !== undefined && Duration.toMillis(retryAfter) >= hour)
  const fields = {
    provider: response.provider,
    model: response.model,
    status,
    requestId: Redact.redact(header("x-request-id") ?? header("request-id") ?? header("x-generation-id"), secrets, 100),
    code: Redact.redact(says.code ?? says.grpcStatus, secrets, 100),
    type: Redact.redact(says.type, secrets, 100),
    detail: Redact.redact(says.text, secrets, 300),
    retryAfter
  }
  if (tag === "MalformedReply") {
    return new MalformedReply({ ...fields, found: "a redirect", isRetryable: false })
  }
  const forbidsRetry = header("x-should-retry")?.trim().toLowerCase() === "false"
  // OpenRouter's 402 for a budget in flight names the moment at which it is free again.
  const sayWhen = tag === "QuotaExhausted" && status === 402 && header("retry-after") !== undefined
  const Class: { new(props: typeof fields & { readonly isRetryable?: boolean }): ChatError } = classes[tag]
  return withoutStack(() =>
    forbidsRetry || notImplemented(status) || gaveUp(status)
      ? new Class({ ...fields, isRetryable: false })
      : sayWhen && retryAfter !== undefined
      ? new Class({ ...fields, isRetryable: true })
      : new Class(fields)
  )
}

const hour = 3_600_000

const notImplemented = (status: number | undefined): boolean => status === 501 || status === 505

/** A gateway waited for the model as long as it waits for anything. */
const gaveUp = (status: number): boolean => status === 504 || status === 524

const classes: Record<Exclude<ResponseTag, "MalformedReply">, { new(props: any): ChatError }> = {
  InvalidRequest,
  ContextTooLong,
  ContentBlocked,
  Unauthorized,
  Forbidden,
  ModelNotFound,
  QuotaExhausted,
  ProviderRateLimited,
  Overloaded,
  ProviderFault
}

const headerReader = (headers: FailedResponse["headers"]): (name: string) => string | undefined => {
  const lower = new Map(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
  return (name) => lower.get(name)
}

/** What the provider said, in brackets: ` (429 rate_limit_exceeded: Slow down)`. */
const said = (error: {
  readonly status?: number | undefined
  readonly code?: string | undefined
  readonly type?: string | undefined
  readonly detail?: string | undefined
}): string => {
  const head = [error.status, error.code ?? error.type].filter((part) => part !== undefined).join(" ")
  const all = [head, error.detail].filter((part) => part !== undefined && part !== "").join(": ")
  return all === "" ? "" : ` (${all})`
}

const orWait = (retryAfter: Duration.Duration | undefined): string =>
  retryAfter === undefined ? "" : ` or wait ${Duration.format(retryAfter)}`
