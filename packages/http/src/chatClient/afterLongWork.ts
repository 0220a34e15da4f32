/**
 * A call that was lost after the model had worked on it for long: the provider is likely to bill it, and the same
 * request is likely to be lost in the same way. So it is not asked of the same model again.
 */
import { withoutStack } from "@switchgear/core/runtime"
import * as ChatError from "../ChatError.ts"
import { sameReply } from "../pricing/failedReply.ts"

/** From here on a call counts as work. Most failures of a connection show sooner. */
const longWork = 5000

/** The error of a call that took this many milliseconds. */
export const afterLongWork = (error: ChatError.ChatError, millis: number): ChatError.ChatError => {
  if (millis < longWork || !error.isRetryable || !ChatError.possiblyBilled(error)) return error
  switch (error._tag) {
    case "ConnectFailed":
      return withoutStack(() => new ChatError.ConnectFailed({ ...error, advice, isRetryable: false }))
    case "Truncated":
      return sameReply(error, withoutStack(() => new ChatError.Truncated({ ...error, isRetryable: false })))
    case "MalformedReply":
      return sameReply(error, withoutStack(() => new ChatError.MalformedReply({ ...error, isRetryable: false })))
    default:
      return error
  }
}

const advice = "The connection was lost while the model may have been working, which may be billed: use another model."
