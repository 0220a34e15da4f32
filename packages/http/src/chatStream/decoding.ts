/** From the bytes of a stream to its chunks. */
import type { ChatChunk } from "../ChatSchema.ts"
import * as Answer from "./answer.ts"
import { EventJson } from "./eventJson.ts"

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

/** `onChunk` is told of each chunk that is an event as it came, with its data. */
export const make = (head: Answer.Head, onChunk: (chunk: ChatChunk, data: string) => void = () => {}): Decoder => {
  const utf8 = new TextDecoder()
  const json = new EventJson()
  let out: Array<ChatChunk> = []
  let event = ""
  let parsed: unknown
  const { end, isFinished, isWholeJson, progress, read } = Answer.make(
    head,
    (chunk) => {
      out.push(chunk)
      if (chunk === parsed) onChunk(chunk, event)
    },
    (data) => {
      event = data
      return parsed = json.readOwn(data)
    }
  )

  const taken = (): ReadonlyArray<ChatChunk> => {
    if (out.length === 0) return nothing
    const chunks = out
    out = []
    return chunks
  }

  return {
    isFinished,
    isWholeJson: () => progress() === "more" && isWholeJson(),
    progress,
    push: (bytes) => {
      if (progress() !== "more") return nothing
      read(utf8.decode(bytes, streaming))
      return taken()
    },
    end: () => {
      if (progress() !== "more") return nothing
      end(utf8.decode())
      return taken()
    }
  }
}

const streaming = { stream: true }
const nothing: ReadonlyArray<ChatChunk> = []
