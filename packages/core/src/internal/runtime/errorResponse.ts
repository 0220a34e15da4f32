/** How an error of a guard answers an HTTP request: status, a body in OpenAI's shape, and headers that say when to retry. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { symbol } from "effect/http/HttpServerRespondable"
import type { HttpServerResponse } from "effect/http/HttpServerResponse"

/**
 * An HTTP response to a request that failed with an error.
 *
 * @since 0.1.0
 * @category models
 */
export interface ErrorResponse {
  readonly status: number
  /** `content-type`, and `retry-after`, `retry-after-ms` and `x-should-retry` where they apply. Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  /** JSON in OpenAI's shape: `{ "error": { "message", "type", "param", "code" } }`. */
  readonly body: string
}

/**
 * What an error says of itself.
 *
 * @since 0.1.0
 * @category errors
 */
export interface Told {
  readonly message: string
  readonly isRetryable: boolean
  readonly retryAfter?: Duration.Duration | undefined
}

/**
 * By what clients know the kind of an error.
 *
 * @since 0.1.0
 * @category errors
 */
export interface ErrorKind {
  readonly status: number
  readonly type: string
  readonly code: string | null
}

/**
 * The key of Effect's `HttpServerRespondable`: importing that module costs as much time as the rest of core.
 *
 * @since 0.1.0
 * @category errors
 */
export const respondable: typeof symbol = "~effect/http/HttpServerRespondable"

/** Clients do not believe in a longer wait. */
const longest = Duration.toMillis("31 days")

/** The official clients ignore a hint above a minute, and would come back within seconds. */
const believed = 60_000

/**
 * The response to a request that failed with such an error.
 *
 * @since 0.1.0
 * @category errors
 */
export const errorResponse = (
  { isRetryable, message, retryAfter }: Told,
  { code, status, type }: ErrorKind
): ErrorResponse => {
  const headers: Record<string, string> = { "content-type": "application/json" }
  const millis = retryAfter === undefined ? NaN : Math.ceil(Math.min(longest, Duration.toMillis(retryAfter)))
  if (millis >= 0) {
    headers["retry-after"] = String(Math.max(1, Math.ceil(millis / 1000)))
    headers["retry-after-ms"] = String(millis)
  }
  if (!isRetryable || millis > believed) headers["x-should-retry"] = "false"
  return { status, headers, body: JSON.stringify({ error: { message, type, param: null, code } }) }
}

/**
 * The response as one of an Effect server.
 *
 * @since 0.1.0
 * @category errors
 */
export const respond = ({ body, headers, status }: ErrorResponse): Effect.Effect<HttpServerResponse> =>
  Effect.map(
    Effect.promise(() => import("effect/http/HttpServerResponse")),
    ({ text }) => text(body, { status, headers })
  )
