/** An error that says nothing, or cannot be read, is a lost connection. */
import type * as ChatError from "../ChatError.ts"
import * as TransportFailure from "../chatClient/transportFailure.ts"
import type { Where } from "./guardedCall.ts"

/** What an error means. What is thrown may be anything, so that its fields may throw when they are read. */
export const readSafely = (where: Where, read: () => ChatError.ChatError): ChatError.ChatError => {
  try {
    return read()
  } catch {
    return TransportFailure.beforeResponse({ ...where, host: where.provider }, undefined)
  }
}
