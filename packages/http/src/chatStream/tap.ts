/**
 * Lets the bytes of a stream through as they came, and judges them on their way.
 *
 * The judgement is that of the decoder, which hears the same text. What is told here is where in the bytes each event
 * ends: only whole events go on, and none of an event that fails.
 */
import { maxReplyBytes } from "../chatReply/limits.ts"
import type * as ChatSchema from "../ChatSchema.ts"
import { largest } from "./accumulator.ts"
import * as Answer from "./answer.ts"
import { EventEnds, placeInBytes } from "./eventEnds.ts"
import { EventJson } from "./eventJson.ts"
import { hasContent } from "./hasContent.ts"
import { KeptBytes } from "./keptBytes.ts"
import { Utf8 } from "./utf8.ts"

/**
 * A streamed answer whose bytes are passed on. Once `progress` is no longer `more`, it stays as it is and further bytes
 * are ignored.
 *
 * @category models
 * @since 0.1.0
 */
export interface Tap {
  /**
   * Takes in bytes, cut anywhere, and gives those that may be passed on now, as they came and in their order: whole
   * events, from the first content on. What is given may be a part of the pieces, which must not be written to after.
   */
  readonly push: (bytes: Uint8Array) => ReadonlyArray<Uint8Array>
  /** Takes in that no more bytes come, and gives those that may still be passed on. */
  readonly end: () => ReadonlyArray<Uint8Array>
  /** How the answer stands after what came so far. */
  readonly progress: () => Answer.Progress
  /** Whether every choice that was seen is finished, so that only usage and `[DONE]` may be missing. */
  readonly isFinished: () => boolean
  /** Whether content has come, or the answer is whole. Until then no byte was given, and another call may answer. */
  readonly isDecided: () => boolean
  /** How many chunks with content came. A piece by which it grew had content, which begins the idle time again. */
  readonly contentChunks: () => number
  /** The reason for which each choice ended, by its index. */
  readonly finishReasons: () => ReadonlyMap<number, string>
  /** Of each number of the usage the largest that was told, or `undefined` while none was. */
  readonly usage: () => ChatSchema.Usage | undefined
  /** Whether the body is the JSON of a whole reply, which no reader of events understands. */
  readonly isUnframed: () => boolean
}

export const make = (head: Answer.Head): Tap => {
  const utf8 = new Utf8()
  const ends = new EventEnds()
  const json = new EventJson()
  const kept = new KeptBytes()
  /** How many of the kept bytes are those of whole events. */
  let keptWhole = 0
  let contentChunks = 0
  let usage: ChatSchema.Usage | undefined

  const answer = new Answer.Answer(head, {
    hearChunk: (chunk) => {
      if (hasContent(chunk)) contentChunks++
      if (chunk.usage !== undefined && chunk.usage !== null) {
        usage = largest(usage, chunk.usage) as ChatSchema.Usage
      }
    },
    parse: (data) => json.read(data)
  })

  const isWhole = () => answer.progress === "whole"
  /** An end before anything was said is held back, as the decoder does. */
  const mayPass = () => isWhole() || (contentChunks > 0 && !answer.holdsEnds)

  const keep = (bytes: Uint8Array): void => {
    if (kept.length + bytes.length <= maxReplyBytes) return kept.add(bytes)
    kept.take(0)
    answer.refuse(`more than ${maxReplyBytes / 2 ** 20} MiB that are no answer`)
  }

  /** Judges the text of a piece event by event, and gives the place behind the last one that is good. */
  const judge = (text: string): number => {
    const isPlain = ends.begin(text)
    for (let good = 0;;) {
      let end = isPlain ? answer.readPlain(text, good) : -1
      if (end < 0) {
        end = ends.next(text, good)
        answer.read(end < 0 ? text.slice(good) : text.slice(good, end))
      }
      if (answer.progress !== "more") {
        return !isWhole() || answer.leavesOutLast ? good : end < 0 ? text.length : end
      }
      if (end < 0) return good
      good = end
      if (good === text.length) return good
    }
  }

  /** Gives the whole events, of which the last ones are the first bytes of the piece. */
  const passed = (piece: Uint8Array): ReadonlyArray<Uint8Array> => {
    if (keptWhole === 0) return piece.length === 0 ? nothing : [piece]
    const before = kept.take(keptWhole)
    keptWhole = 0
    return piece.length === 0 ? [before] : [before, piece]
  }

  return {
    isDecided: () => contentChunks > 0 || isWhole(),
    isFinished: () => answer.isFinished,
    isUnframed: () => answer.isUnframed,
    progress: () => answer.progress,
    finishReasons: () => answer.finishReasons(),
    contentChunks: () => contentChunks,
    usage: () => usage,
    push: (bytes) => {
      if (answer.progress !== "more") return nothing
      const text = utf8.decode(bytes)
      const place = placeInBytes(bytes, text, judge(text))
      if (place > 0) keptWhole = kept.length
      if (answer.progress !== "more") {
        const last = mayPass() ? passed(bytes.subarray(0, place)) : nothing
        kept.take(0)
        return last
      }
      if (mayPass()) {
        if (place === bytes.length) return passed(bytes)
        const whole = passed(bytes.subarray(0, place))
        keep(bytes.subarray(place))
        return whole
      }
      if (place > 0) keptWhole += place
      keep(bytes)
      return nothing
    },
    end: () => {
      if (answer.progress !== "more") return nothing
      answer.end(utf8.end())
      if (isWhole() && !answer.leavesOutLast) keptWhole = kept.length
      const last = mayPass() ? passed(nothingMore) : nothing
      kept.take(0)
      return last
    }
  }
}

const nothing: ReadonlyArray<Uint8Array> = []
const nothingMore = new Uint8Array(0)
