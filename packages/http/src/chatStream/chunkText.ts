/**
 * What a provider wrote of a chunk, kept for as long as the chunk itself: who passes a stream on need not write it again. Of
 * chat completions it is the JSON; it is kept where {@link CurrentChunkTexts} says so, and only of chunks that are an
 * event as it came, on one line. Of other APIs it is the whole event.
 */
import * as Context from "effect/Context"
import type { ChatChunk } from "../ChatSchema.ts"

export const CurrentChunkTexts = Context.Reference<"kept" | "dropped">(
  "@switchgear/http/chatStream/chunkText/CurrentChunkTexts",
  { defaultValue: () => "dropped" }
)

const texts = new WeakMap<object, string>()

export const noteText = (chunk: ChatChunk, text: string): void => {
  texts.set(chunk, text)
}

/** Notes the data of an event, if it can be sent as one line. */
export const noteData = (chunk: ChatChunk, data: string): void => {
  if (!data.includes("\n")) noteText(chunk, data)
}

export const textOf = (chunk: ChatChunk): string | undefined => texts.get(chunk)

/** The event of a chunk of which the JSON is kept, as it can be sent on. */
export const writtenOf = (chunk: ChatChunk): string | undefined => {
  const text = texts.get(chunk)
  return text === undefined ? undefined : eventOf(text)
}

/** The event with this data, which is one line. */
export const eventOf = (data: string): string => `data: ${data}\n\n`
