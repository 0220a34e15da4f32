/** Looks at the chunks of an answer on their way to its reader. */
import * as Stream from "effect/Stream"
import type { ChatError } from "../ChatError.ts"
import type * as ChatSchema from "../ChatSchema.ts"
import * as Source from "./source.ts"

export type Chunks = Stream.Stream<ChatSchema.ChatChunk, ChatError>

/** Passes the chunks on as they come, each after `note` was called with it. Nothing of a chunk may be kept. */
export const tapChunks = (chunks: Chunks, note: Source.Note<ChatSchema.ChatChunk>): Chunks =>
  Source.noteTell(
    Stream.mapArray(chunks, (some) => {
      for (const chunk of some) note(chunk, false, 1)
      return some
    }),
    Source.tellOf(chunks, Source.noting(note))
  )
