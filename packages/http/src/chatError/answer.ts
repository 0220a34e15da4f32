/** How an error of a chat call answers an HTTP request. */
import type * as Outcome from "@switchgear/core/Outcome"
import { errorResponse } from "@switchgear/core/runtime"
import type * as Duration from "effect/Duration"

interface Failed {
  readonly message: string
  readonly isRetryable: boolean
  readonly retryAfter?: Duration.Duration | undefined
}

/** Fields in words of others, or of the network of the application: nothing of them leaves it. */
const withheld = {
  code: { value: undefined },
  type: { value: undefined },
  detail: { value: undefined },
  reason: { value: undefined },
  host: { value: "its address" },
  found: { value: "something else" },
  advice: { value: "Use another model." }
}

const withoutWords = (error: Failed): string => {
  const { message }: Failed = Object.create(error, withheld)
  return message
}

/** The response. Without a message of its own it has that of the error, without the words of the provider. */
export const answer = (
  error: Failed,
  status: number,
  type: string,
  code: string | null,
  message = withoutWords(error)
): Outcome.ErrorResponse =>
  errorResponse({ message, isRetryable: error.isRetryable, retryAfter: error.retryAfter }, { status, type, code })
