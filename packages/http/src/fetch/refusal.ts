/** What the caller is told when a guard has refused a call, or ended it. */
import * as Duration from "effect/Duration"
import { errorOf as anthropicErrorOf } from "../apis/anthropicError.ts"
import * as ChatError from "../ChatError.ts"
import { GuardedFetchError } from "./GuardedFetchError.ts"
import type { Route } from "./routes.ts"

/** An error of a client or a guard. */
export interface Told {
  readonly message: string
  readonly isRetryable: boolean
  readonly retryAfter?: Duration.Duration | undefined
  readonly toResponse: () => ReturnType<typeof ChatError.toResponse>
}

/** Stops the clients that ask by themselves whether to try again. */
export const notAgain = { "x-should-retry": "false" }

/** The response, in the words of the API that was asked. */
export const responseOf = (error: Told, words: Route["words"]): Response => {
  const { body, headers, status } = ChatError.toResponse(error)
  const text = words === "openai"
    ? body
    : anthropicErrorOf(status, (JSON.parse(body) as { readonly error: { readonly message: string } }).error.message, "")
  return new Response(text, { status, headers: { ...headers, ...notAgain } })
}

/** The same as an error. */
export const errorOf = (error: Told): GuardedFetchError => {
  const { body, status } = ChatError.toResponse(error)
  const { code, message } = (JSON.parse(body) as {
    readonly error: { readonly code: string; readonly message: string }
  }).error
  return new GuardedFetchError(message, {
    code,
    status,
    isRetryable: error.isRetryable,
    retryAfter: error.retryAfter && Math.ceil(Duration.toMillis(error.retryAfter))
  })
}
