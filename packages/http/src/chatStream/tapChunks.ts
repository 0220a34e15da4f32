/** Looks at the chunks of an answer on their way to its reader. */
import * as Stream from "effect/Stream"
import type { ChatError } from "../ChatError.ts"
import type * as ChatSchema from "../ChatSchema.ts"
import * as Source from "./source.ts"

export type Chunks = Stream.Stream<ChatSchema.ChatChunk, ChatError>

/** Passes the chunks on as they come, each after it was noted. Nothing of a chunk may be kept. */
export const tapChunks = (chunks: Chunks, notes: Source.Notes<ChatSchema.ChatChunk>): Chunks =>
  Source.told(
    () =>
      Stream.mapArray(chunks, (some) => {
        for (const chunk of some) notes.note(chunk, false, 1)
        return some
      }),
    Source.tellOf(chunks, Source.noting(notes))
  )
