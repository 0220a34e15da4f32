/** From the bytes of a stream to its chunks. */
import type { ChatChunk } from "../ChatSchema.ts"
import * as Answer from "./answer.ts"
import { eventOf } from "./chunkText.ts"
import { EventJson } from "./eventJson.ts"
import type { Repeats } from "./repeats.ts"
import { isFinish } from "../chatReply/finishReasons.ts"
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
  /**
   * Takes in whole events that say what the chunk before them said in other words, if that is all there is in the bytes.
   * They can be passed on as they are, and are told with what comes after them.
   */
  readonly keep: (bytes: Uint8Array, listener: Listener<ChatChunk>) => boolean
  /** Tells what is kept. */
  readonly tellKept: (listener: Listener<ChatChunk>) => void
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
  let repeats: Repeats | undefined
  /** How many events that were passed on are told as one; 0 where they are told as they come. */
  let passedOn = 0
  /** Whether the last chunk that was told was an event as it came, and ended no choice. */
  let isOpen = false
  const { end, isFinished, isWholeJson, progress, read } = Answer.make(
    head,
    (chunk) => {
      if (hasContent(chunk)) contentChunks++
      if (listener !== undefined) {
        isOpen = chunk === parsed && endsNothing(chunk)
        if (passedOn > 0) return listener.hear(chunk, "", passedOn)
        return listener.hear(chunk, chunk === parsed ? writtenOf(event) : undefined, 1)
      }
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

  const push = (bytes: Uint8Array): boolean =>
    progress() === "more" && read(utf8.decode(bytes, streaming)) && bytes.at(-1) === lf

  const finish = () => {
    if (progress() === "more") end(utf8.decode())
  }

  const tellKept = (hearing: Listener<ChatChunk>) => {
    if (repeats === undefined || repeats.kept === 0) return
    passedOn = repeats.kept
    contentChunks += passedOn - 1
    listener = hearing
    read(repeats.given())
    listener = undefined
    passedOn = 0
  }

  return {
    isFinished,
    isWholeJson: () => progress() === "more" && isWholeJson(),
    progress,
    contentChunks: () => contentChunks + (repeats?.kept ?? 0),
    tellKept,
    keep: (bytes, hearing) => {
      if (repeats?.take(bytes) !== true || progress() !== "more") return false
      if (repeats.isFull) tellKept(hearing)
      return true
    },
    push: (bytes) => {
      push(bytes)
      return taken()
    },
    end: () => {
      finish()
      return taken()
    },
    tell: (bytes, hearing) => {
      tellKept(hearing)
      listener = hearing
      isOpen = false
      const isPlain = push(bytes)
      listener = undefined
      repeats = isPlain && isOpen && progress() === "more" && !isFinished() ? json.repeatsOf(parsed) : undefined
    },
    tellEnd: (hearing) => {
      tellKept(hearing)
      listener = hearing
      finish()
      listener = undefined
    }
  }
}

const endsNothing = ({ choices }: ChatChunk): boolean => {
  for (const { finish_reason } of choices) if (isFinish(finish_reason)) return false
  return true
}

/** The event with this data, where that is one line. */
const writtenOf = (data: string): string | undefined => data.includes("\n") ? undefined : eventOf(data)

const lf = 10
const streaming = { stream: true }
const nothing: ReadonlyArray<ChatChunk> = []
