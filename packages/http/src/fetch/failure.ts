/** How an attempt has failed. To the guards it is an error; what the caller gets of it is decided when no attempt is left. */
import type * as Duration from "effect/Duration"
import { afterLongWork } from "../chatClient/afterLongWork.ts"
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
    more: Partial<Pick<Failure, "isRepeatable" | "answered" | "thrown" | "goesOn">> = {}
  ) {
    this.error = error
    this.isRepeatable = more.isRepeatable ?? false
    this.answered = more.answered
    this.thrown = more.thrown
    this.goesOn = more.goesOn ?? false
  }

  /** The same after so many milliseconds: what a model has worked on for long is not asked of it again. */
  after(millis: number): Failure {
    const error = afterLongWork(this.error, millis)
    return error === this.error ? this : new Failure(error, this)
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
