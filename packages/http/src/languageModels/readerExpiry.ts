/** The option of streams for readers that stand still, and the error that such a reader is told. */
import { formatDuration } from "@switchgear/core/runtime"
import * as AiError from "effect/ai/AiError"
import type * as Duration from "effect/Duration"
import * as ReaderTimeout from "../chatStream/readerTimeout.ts"
import { aiError } from "./aiErrors.ts"

export interface StreamOptions {
  /**
   * How long a stream waits for its reader once 64 parts have been read ahead. A reader that takes nothing for this long
   * ends the call: its slot is free, and the provider's connection is closed. The reader gets what was read ahead and
   * then an `AiError` with the reason `UnknownError`, which no circuit with `classify` counts. `Infinity` waits for ever.
   * @default "5 minutes"
   */
  readonly readerTimeout?: Duration.Input | undefined
}

/** How long a reader may stand still, and the error that it is told then. */
export interface ReaderExpiry {
  readonly readerTimeout: Duration.Duration
  readonly expired: () => AiError.AiError
}

export const of = (owner: string, options: StreamOptions = {}): ReaderExpiry => {
  const readerTimeout = ReaderTimeout.limitOf(owner, options.readerTimeout)
  return {
    readerTimeout,
    // The reason says nothing about the health of the provider.
    expired: () =>
      aiError(
        "streamText",
        new AiError.UnknownError({
          description: `The program that reads the answer took nothing for ${
            formatDuration(readerTimeout)
          }, so the stream was ended. Read it faster, or raise the readerTimeout.`,
          metadata: { switchgear: { error: "TimedOut", phase: "reader" } }
        })
      )
  }
}
