/** How an attempt has failed. To the guards it is an error; what the caller gets of it is decided when no attempt is left. */
import type * as Duration from "effect/Duration"
import * as ChatError from "../ChatError.ts"
import type { Exchange } from "./exchange.ts"

/** A response that came although the attempt has failed: it is the caller's if no other comes. */
export interface Answered {
  readonly response: Response
  /** What was read of its body. */
  readonly pieces: ReadonlyArray<Uint8Array>
  /** How the body ended; undefined where it goes on in the exchange. */
  readonly end: { readonly error: unknown } | "ended" | undefined
  readonly exchange: Exchange
}

export class Failure {
  readonly error: ChatError.ChatError
  /** Whether the request may be sent again. */
  readonly isRepeatable: boolean
  readonly answered: Answered | undefined
  /** What the `fetch` inside rejected with, or the body failed with. */
  readonly thrown: { readonly error: unknown } | undefined
  /** The body goes on, and is passed on although it has failed. */
  readonly goesOn: boolean

  constructor(
    error: ChatError.ChatError,
    more: {
      readonly isRepeatable?: boolean
      readonly answered?: Answered
      readonly thrown?: { readonly error: unknown }
      readonly goesOn?: boolean
    } = {}
  ) {
    this.error = error
    this.isRepeatable = more.isRepeatable ?? false
    this.answered = more.answered
    this.thrown = more.thrown
    this.goesOn = more.goesOn ?? false
  }

  get isRetryable(): boolean {
    return this.isRepeatable && this.error.isRetryable
  }

  get retryAfter(): Duration.Duration | undefined {
    return this.error.retryAfter
  }
}

/** Whether another attempt is worth it, after so many. */
export const isWorthRepeating = (error: unknown, attempts: number): boolean => {
  if (!(error instanceof Failure) || !error.isRepeatable) return false
  const retries = ChatError.retries(error.error)
  return retries === "yes" || retries === "once" && attempts === 1
}
