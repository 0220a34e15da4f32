/** The fields that all errors have, and what their messages have in common. */
import type * as Outcome from "@switchgear/core/Outcome"
import { formatDuration } from "@switchgear/core/runtime"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

/**
 * Who has to act: the caller, the owner of the account, the provider, the operator of the network between, or the operator
 * of this application.
 *
 * @category models
 * @since 0.1.0
 */
export type Blame = Outcome.Blame

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

/** The codes by which time-outs are told to other programs. */
export const timeOutCodes: Readonly<Record<Phase, string>> = {
  connect: "connect_timeout",
  "first-content": "first_content_timeout",
  idle: "idle_timeout",
  total: "total_timeout",
  reader: "reader_timeout"
}

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
export const retryable = (byDefault: boolean) => ({
  ...common,
  isRetryable: Schema.Boolean.pipe(Schema.withConstructorDefault(Effect.succeed(byDefault)))
})

/** A status by which a request is refused before anything is done for it. 408, 409 and 424 come after that. */
export const isRefused = (status: number | undefined): boolean =>
  status !== undefined && status >= 400 && status <= 499 && status !== 408 && status !== 409 && status !== 424

/** A status by which a provider says that it cannot do what is asked. */
export const isNotImplemented = (status: number | undefined): boolean => status === 501 || status === 505

/** The code of a call that was not made, because an operator has parked the key. */
export const keyParked = "key_parked"

/** What the provider said, in brackets: ` (429 rate_limit_exceeded: Slow down)`. */
export const said = (error: {
  readonly status?: number | undefined
  readonly code?: string | undefined
  readonly type?: string | undefined
  readonly detail?: string | undefined
}): string => {
  const head = [error.status, error.code ?? error.type].filter((part) => part !== undefined).join(" ")
  const all = [head, error.detail].filter((part) => part !== undefined && part !== "").join(": ")
  return all === "" ? "" : ` (${all})`
}

export const orWait = (retryAfter: Duration.Duration | undefined): string =>
  retryAfter === undefined ? "" : ` or wait ${formatDuration(retryAfter)}`
