/** The errors of a chat call, one class each. */
import { formatDuration } from "@switchgear/core/runtime"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { isRefused, orWait, Phase, retryable, said } from "./fields.ts"

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
 * The account has no credit or quota left, or none for this model (`scope: "model"`). Waiting a little does not restore
 * it.
 *
 * @category errors
 * @since 0.1.0
 */
export class QuotaExhausted extends Schema.TaggedError<QuotaExhausted>("@switchgear/http/ChatError/QuotaExhausted")(
  "QuotaExhausted",
  {
    ...retryable(false),
    /** Whose quota is spent: that of the account for all models, or that of this one model. */
    scope: Schema.Literals(["account", "model"]).pipe(Schema.withConstructorDefault(Effect.succeed("account" as const)))
  }
) {
  get blame(): "account" {
    return "account"
  }
  override get message(): string {
    return `The account at ${this.provider} has no quota left for ${this.model}${said(this)}. ${
      this.retryAfter === undefined
        ? "Add credit or raise the limit; retrying does not restore it."
        : `Add credit, raise the limit, or wait ${formatDuration(this.retryAfter)}; retrying sooner does not help.`
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
    return `${this.provider} limits the rate of requests to ${this.model}${said(this)}. ${
      this.isRetryable ? `Send fewer at once${orWait(this.retryAfter)}` : "Send smaller ones, or use another model"
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
 * Something broke at the provider, or it refused the request without a reason that is known.
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
    return isRefused(this.status)
      ? `${this.provider} refused the request to ${this.model} for a reason that is not known to be the request's${
        said(this)
      }. Use another model, or correct the request.`
      : `${this.provider} failed while answering for ${this.model}${said(this)}. ${
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
 * A time-out of the client, or of the reader of a stream (`phase`).
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
    const limit = this.limit === undefined ? "" : ` within ${formatDuration(this.limit)}`
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
 * The provider answered, and the answer is none: no chat completion, an empty one, or a tool call whose arguments
 * cannot be read. With the code `length` the limit of tokens of the request cut it off.
 *
 * @category errors
 * @since 0.1.0
 */
export class MalformedReply extends Schema.TaggedError<MalformedReply>("@switchgear/http/ChatError/MalformedReply")(
  "MalformedReply",
  {
    ...retryable(true),
    /** What was there instead. */
    found: Schema.String,
    /** What to do about it. */
    advice: Schema.String.pipe(
      Schema.withConstructorDefault(Effect.succeed("Check that the base URL is that of a chat-completions API."))
    )
  }
) {
  get blame(): "provider" {
    return "provider"
  }
  override get message(): string {
    return `${this.provider} answered for ${this.model} with ${this.found} instead of a chat completion${
      said(this)
    }. ${this.advice}`
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
