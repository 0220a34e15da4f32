/** The errors of a call that got no answer, or none that is whole: of provider, network and client. One class each. */
import type * as Outcome from "@switchgear/core/Outcome"
import { formatDuration, respond, respondable } from "@switchgear/core/runtime"
import * as Effect from "effect/Effect"
import type { HttpServerResponse } from "effect/http/HttpServerResponse"
import * as Schema from "effect/Schema"
import { answer } from "./answer.ts"
import { isRefused, orWait, Phase, retryable, said, timeOutCodes } from "./fields.ts"

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
  /** See `Outcome.isOverload`. */
  get isOverload(): true {
    return true
  }
  override get message(): string {
    return `${this.model} at ${this.provider} is overloaded${said(this)}. Use another model${orWait(this.retryAfter)}.`
  }
  /** See `ChatError.toResponse`. */
  toResponse(): Outcome.ErrorResponse {
    return answer(this, 503, "service_unavailable_error", "overloaded")
  }
  [respondable](): Effect.Effect<HttpServerResponse> {
    return respond(this.toResponse())
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
  /** See `ChatError.toResponse`. */
  toResponse(): Outcome.ErrorResponse {
    return answer(this, 502, "server_error", "provider_fault")
  }
  [respondable](): Effect.Effect<HttpServerResponse> {
    return respond(this.toResponse())
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
  /** See `ChatError.toResponse`. */
  toResponse(): Outcome.ErrorResponse {
    return answer(this, 502, "server_error", "connect_failed")
  }
  [respondable](): Effect.Effect<HttpServerResponse> {
    return respond(this.toResponse())
  }
}

/**
 * The connections of the client are closed, because the scope of its layer was: nothing was sent, or the reply was cut. It
 * says nothing about the provider or the network.
 *
 * @category errors
 * @since 0.1.0
 */
export class ClientReleased extends Schema.TaggedError<ClientReleased>("@switchgear/http/ChatError/ClientReleased")(
  "ClientReleased",
  retryable(false)
) {
  get blame(): "application" {
    return "application"
  }
  override get message(): string {
    return `The client of ${this.provider} was released before the call to ${this.model} ended${
      said(this)
    }: its layer was provided to something that had ended, such as ChatModel.make alone. Give the layer to the model (ChatModel.make({ model, client })), or provide it to the whole program.`
  }
  /** See `ChatError.toResponse`. */
  toResponse(): Outcome.ErrorResponse {
    return answer(
      this,
      500,
      "server_error",
      "client_released",
      `This application has closed its connections to ${this.provider}.`
    )
  }
  [respondable](): Effect.Effect<HttpServerResponse> {
    return respond(this.toResponse())
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
  /** See `Outcome.isOverload`. A reader that stands still says nothing about the model. */
  get isOverload(): boolean {
    return this.phase !== "reader"
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
  /** See `ChatError.toResponse`. */
  toResponse(): Outcome.ErrorResponse {
    return answer(this, 504, "server_error", timeOutCodes[this.phase])
  }
  [respondable](): Effect.Effect<HttpServerResponse> {
    return respond(this.toResponse())
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
  /** See `ChatError.toResponse`. */
  toResponse(): Outcome.ErrorResponse {
    return answer(this, 502, "server_error", "truncated_reply")
  }
  [respondable](): Effect.Effect<HttpServerResponse> {
    return respond(this.toResponse())
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
    /** What was asked for. @default "a chat completion" */
    expected: Schema.optional(Schema.String),
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
    return `${this.provider} answered for ${this.model} with ${this.found} instead of ${
      this.expected ?? "a chat completion"
    }${said(this)}. ${this.advice}`
  }
  /** See `ChatError.toResponse`. */
  toResponse(): Outcome.ErrorResponse {
    return answer(this, 502, "server_error", "malformed_reply")
  }
  [respondable](): Effect.Effect<HttpServerResponse> {
    return respond(this.toResponse())
  }
}
