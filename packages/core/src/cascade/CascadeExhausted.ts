/** The error of a chain that has run out. */
import type * as Arr from "effect/Array"
import * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type { HttpServerResponse } from "effect/http/HttpServerResponse"
import * as Schema from "effect/Schema"
import { fieldOf } from "../internal/data/fieldOf.ts"
import { errorResponse, respond, respondable } from "../internal/runtime/errorResponse.ts"
import { withoutStack } from "../internal/runtime/rejection.ts"
import * as Outcome from "../Outcome.ts"
import type { Failure } from "./model.ts"

/**
 * No step of the chain had an answer. It has no stack trace.
 *
 * @since 0.1.0
 * @category errors
 */
export class CascadeExhausted<out E = unknown>
  extends Schema.TaggedError<CascadeExhausted<any>>("@switchgear/core/Cascade/CascadeExhausted")("CascadeExhausted", {
    failures: Schema.NonEmptyArray(Schema.Struct({ step: Schema.String, error: Schema.Unknown }))
  })
{
  declare readonly failures: Arr.NonEmptyReadonlyArray<Failure<E>>

  override get message(): string {
    return `${noAnswer(this)} Try again later, or end the cascade in a constant.`
  }

  /** Whether another try makes sense for any of the steps. */
  get isRetryable(): boolean {
    return this.failures.some(({ error }) => Outcome.isRetryable(error))
  }

  /** The shortest wait that any of the errors asks for. */
  get retryAfter(): Duration.Duration | undefined {
    return shortest(this.failures.map(({ error }) => Outcome.retryAfter(error)))
  }

  /** The blame of the errors where all have the same, otherwise the provider. */
  get blame(): Outcome.Blame {
    const [first, ...rest] = this.failures.map(({ error }) => Outcome.blame(error))
    return first !== undefined && rest.every((blame) => blame === first) ? first : "provider"
  }

  /**
   * The answer to an HTTP request: 503, `cascade_exhausted`. All steps have been tried, so that no client should try again
   * at once.
   */
  toResponse(): Outcome.ErrorResponse {
    // Its reader cannot change the cascade.
    const message = `${noAnswer(this)} Try again later.`
    return errorResponse({ message, isRetryable: false, retryAfter: this.retryAfter }, {
      status: 503,
      type: "service_unavailable_error",
      code: "cascade_exhausted"
    })
  }

  [respondable](): Effect.Effect<HttpServerResponse> {
    return respond(this.toResponse())
  }
}

/**
 * The error of a chain that can run out of steps; `never` for a chain that cannot.
 *
 * @since 0.1.0
 * @category errors
 */
export type RunsOut<Left> = [Left] extends [never] ? never : CascadeExhausted<Left>

/** The error of a chain whose steps have failed with these. There is at least one: the first step is never passed over. */
export const exhausted = (failures: ReadonlyArray<Failure<unknown>>): CascadeExhausted =>
  withoutStack(() => new CascadeExhausted({ failures: failures as Arr.NonEmptyReadonlyArray<Failure<unknown>> }))

/** The tag of an error, else its name, else the type of what has neither. It never throws. */
export const tagOf = (error: unknown): string =>
  ["_tag", "name"].map((field) => fieldOf(error, field)).find((told) => typeof told === "string") ?? typeof error

const noAnswer = ({ failures }: CascadeExhausted): string =>
  `No step of the cascade answered: ${failures.map(({ error, step }) => `${step} (${tagOf(error)})`).join(", ")}.`

const shortest = (waits: ReadonlyArray<Duration.Duration | undefined>): Duration.Duration | undefined =>
  waits.filter((wait) => wait !== undefined).sort(Duration.Order)[0]
