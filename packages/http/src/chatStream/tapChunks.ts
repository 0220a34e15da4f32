/** Looks at the chunks of an answer on their way to its reader. */
import * as Stream from "effect/Stream"
import type { ChatError } from "../ChatError.ts"
import type * as ChatSchema from "../ChatSchema.ts"

export type Chunks = Stream.Stream<ChatSchema.ChatChunk, ChatError>

/** Passes the chunks on as they come, each after `note` was called with it. */
export const tapChunks = (chunks: Chunks, note: (chunk: ChatSchema.ChatChunk) => void): Chunks =>
  Stream.mapArray(chunks, (some) => {
    for (const chunk of some) note(chunk)
    return some
  })
