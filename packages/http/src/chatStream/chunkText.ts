/**
 * The JSON of a chunk as the provider wrote it, kept for as long as the chunk itself: who passes a stream on need not write
 * it again. It is kept where {@link CurrentChunkTexts} says so, and only of chunks that are an event as it came, on one line.
 */
import * as Context from "effect/Context"
import type { ChatChunk } from "../ChatSchema.ts"

export const CurrentChunkTexts = Context.Reference<"kept" | "dropped">(
  "@switchgear/http/chatStream/chunkText/CurrentChunkTexts",
  { defaultValue: () => "dropped" }
)

const texts = new WeakMap<object, string>()

export const noteText = (chunk: ChatChunk, data: string): void => {
  if (!data.includes("\n")) texts.set(chunk, data)
}

export const textOf = (chunk: ChatChunk): string | undefined => texts.get(chunk)
