/** From the bytes of a stream to its chunks. */
import type { ChatChunk } from "../ChatSchema.ts"
import * as Answer from "./answer.ts"
import { eventOf } from "./chunkText.ts"
import { EventJson } from "./eventJson.ts"
import { hasContent } from "./hasContent.ts"
import type { Listener } from "./source.ts"

/** A streamed answer being read. Once `progress` is no longer `more`, it stays as it is and further bytes are ignored. */
export interface Decoder {
  /** Takes in bytes, cut anywhere, and gives the chunks they complete. */
  readonly push: (bytes: Uint8Array) => ReadonlyArray<ChatChunk>
  /** Takes in that no more bytes come, and gives a chunk that was waiting for its end. */
  readonly end: () => ReadonlyArray<ChatChunk>
  /** How the answer stands after what came so far. */
  readonly progress: () => Answer.Progress
  /** Whether every choice that was seen is finished, so that only usage and `[DONE]` may be missing. */
  readonly isFinished: () => boolean
  /** Whether the body up to now is one whole JSON text instead of events, so that nothing but its end may be missing. */
  readonly isWholeJson: () => boolean
}

/** A decoder whose chunks can also be told, in the place of being given. */
export interface Telling extends Decoder {
  /** Takes in bytes, cut anywhere, and tells the chunks they complete. */
  readonly tell: (bytes: Uint8Array, listener: Listener<ChatChunk>) => void
  /** Takes in that no more bytes come, and tells a chunk that was waiting for its end. */
  readonly tellEnd: (listener: Listener<ChatChunk>) => void
  /** How many chunks with content came. */
  readonly contentChunks: () => number
}

/** `onChunk` is called with each chunk that is given and is an event as it came, with its data. */
export const make = (head: Answer.Head, onChunk: (chunk: ChatChunk, data: string) => void = () => {}): Telling => {
  const utf8 = new TextDecoder()
  const json = new EventJson()
  let out: Array<ChatChunk> = []
  let listener: Listener<ChatChunk> | undefined
  let contentChunks = 0
  let event = ""
  let parsed: unknown
  const { end, isFinished, isWholeJson, progress, read } = Answer.make(
    head,
    (chunk) => {
      if (hasContent(chunk)) contentChunks++
      if (listener !== undefined) return listener.hear(chunk, chunk === parsed ? writtenOf(event) : undefined)
      out.push(chunk)
      if (chunk === parsed) onChunk(chunk, event)
    },
    (data) => {
      event = data
      // What is given is the reader's own.
      return parsed = listener === undefined ? json.readOwn(data) : json.read(data)
    }
  )

  const taken = (): ReadonlyArray<ChatChunk> => {
    if (out.length === 0) return nothing
    const chunks = out
    out = []
    return chunks
  }

  const push = (bytes: Uint8Array) => {
    if (progress() === "more") read(utf8.decode(bytes, streaming))
  }

  const finish = () => {
    if (progress() === "more") end(utf8.decode())
  }

  return {
    isFinished,
    isWholeJson: () => progress() === "more" && isWholeJson(),
    progress,
    contentChunks: () => contentChunks,
    push: (bytes) => {
      push(bytes)
      return taken()
    },
    end: () => {
      finish()
      return taken()
    },
    tell: (bytes, hearing) => {
      listener = hearing
      push(bytes)
      listener = undefined
    },
    tellEnd: (hearing) => {
      listener = hearing
      finish()
      listener = undefined
    }
  }
}

/** The event with this data, where that is one line. */
const writtenOf = (data: string): string | undefined => data.includes("\n") ? undefined : eventOf(data)

const streaming = { stream: true }
const nothing: ReadonlyArray<ChatChunk> = []
