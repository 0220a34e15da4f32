/** The errors of a request that was refused: by what it asks for, by the account, by a rate. One class each. */
import type * as Outcome from "@switchgear/core/Outcome"
import { formatDuration, respond, respondable } from "@switchgear/core/runtime"
import * as Effect from "effect/Effect"
import type { HttpServerResponse } from "effect/http/HttpServerResponse"
import * as Schema from "effect/Schema"
import { answer } from "./answer.ts"
import { keyParked, orWait, retryable, said } from "./fields.ts"

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
  /** See `ChatError.toResponse`. */
  toResponse(): Outcome.ErrorResponse {
    return answer(
      this,
      this.status === 413 ? 413 : 400,
      "invalid_request_error",
      this.status === 413 ? "request_too_large" : null
    )
  }
  [respondable](): Effect.Effect<HttpServerResponse> {
    return respond(this.toResponse())
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
  /** See `ChatError.toResponse`. */
  toResponse(): Outcome.ErrorResponse {
    return answer(this, 400, "invalid_request_error", "context_length_exceeded")
  }
  [respondable](): Effect.Effect<HttpServerResponse> {
    return respond(this.toResponse())
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
  /** See `ChatError.toResponse`. */
  toResponse(): Outcome.ErrorResponse {
    return answer(this, 400, "invalid_request_error", "content_policy_violation")
  }
  [respondable](): Effect.Effect<HttpServerResponse> {
    return respond(this.toResponse())
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
    const parked = parkedOf(this)
    if (parked !== undefined) return parked
    return `${this.provider} did not accept the API key for ${this.model}${
      said(this)
    }. Check that the key is set and complete, belongs to this provider and has not been revoked.`
  }
  /** See `ChatError.toResponse`. */
  toResponse(): Outcome.ErrorResponse {
    return answer(this, 401, "authentication_error", "invalid_api_key", parkedOf(this))
  }
  [respondable](): Effect.Effect<HttpServerResponse> {
    return respond(this.toResponse())
  }
}

/** What is said where the provider was not asked, without a word of anybody else: clients are told it as it is. */
const parkedOf = ({ code, model, provider, status }: Unauthorized): string | undefined =>
  status === undefined && code === keyParked
    ? `No request for ${model} was sent to ${provider}, because an operator of this application has parked the API key. It is used again once it is unparked, or its time is over.`
    : undefined

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
  /** See `ChatError.toResponse`. */
  toResponse(): Outcome.ErrorResponse {
    return answer(this, 403, "permission_error", "permission_denied")
  }
  [respondable](): Effect.Effect<HttpServerResponse> {
    return respond(this.toResponse())
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
  /** See `ChatError.toResponse`. */
  toResponse(): Outcome.ErrorResponse {
    return answer(this, 404, "invalid_request_error", "model_not_found")
  }
  [respondable](): Effect.Effect<HttpServerResponse> {
    return respond(this.toResponse())
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
  /** See `ChatError.toResponse`. */
  toResponse(): Outcome.ErrorResponse {
    return answer(this, 429, "insufficient_quota", "insufficient_quota")
  }
  [respondable](): Effect.Effect<HttpServerResponse> {
    return respond(this.toResponse())
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
  /** See `ChatError.toResponse`. */
  toResponse(): Outcome.ErrorResponse {
    return answer(this, 429, "requests", "rate_limit_exceeded")
  }
  [respondable](): Effect.Effect<HttpServerResponse> {
    return respond(this.toResponse())
  }
}
