/** From the bytes of a stream to its chunks. */
import { constVoid } from "effect/Function"
import type { ChatChunk } from "../ChatSchema.ts"
import * as Answer from "./answer.ts"
import { eventOf } from "./chunkText.ts"
import { EventJson } from "./eventJson.ts"
import type { Repeats } from "./repeats.ts"
import { isFinish } from "../chatReply/finishReasons.ts"
import { hasContent } from "./hasContent.ts"
import type { Listener } from "./source.ts"
import { Utf8 } from "./utf8.ts"

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

type OnChunk = (chunk: ChatChunk, data: string) => void

/** `onChunk` is called with each chunk that is given and is an event as it came, with its data. */
export const make = (head: Answer.Head, onChunk: OnChunk = constVoid): Telling => new Telling(head, onChunk)

/** A decoder whose chunks can also be told, in the place of being given. */
export class Telling implements Decoder, Answer.Hearer {
  private readonly utf8 = new Utf8()
  private readonly json = new EventJson()
  private readonly answer: Answer.Answer
  private readonly onChunk: OnChunk
  private out: Array<ChatChunk> | undefined
  private listener: Listener<ChatChunk> | undefined
  private known = 0
  private event = ""
  private parsed: unknown
  private repeats: Repeats | undefined
  /** How many events that were passed on are told as one; 0 where they are told as they come. */
  private passedOn = 0
  /** Whether the last chunk that was told was an event as it came, and ended no choice. */
  private isOpen = false

  constructor(head: Answer.Head, onChunk: OnChunk) {
    this.onChunk = onChunk
    this.answer = new Answer.Answer(head, this)
  }

  progress(): Answer.Progress {
    return this.answer.progress
  }

  isFinished(): boolean {
    return this.answer.isFinished
  }

  isWholeJson(): boolean {
    return this.answer.progress === "more" && this.answer.isWholeJson()
  }

  /** How many chunks with content came. */
  contentChunks(): number {
    return this.known + (this.repeats?.kept ?? 0)
  }

  push(bytes: Uint8Array): ReadonlyArray<ChatChunk> {
    this.read(bytes)
    return this.taken()
  }

  end(): ReadonlyArray<ChatChunk> {
    this.finish()
    return this.taken()
  }

  /** Takes in bytes, cut anywhere, and tells the chunks they complete. */
  tell(bytes: Uint8Array, listener: Listener<ChatChunk>): void {
    this.tellKept(listener)
    this.listener = listener
    this.isOpen = false
    const isPlain = this.read(bytes)
    this.listener = undefined
    this.repeats = isPlain && this.isOpen && this.answer.progress === "more" && !this.answer.isFinished
      ? this.json.repeatsOf(this.parsed)
      : undefined
    this.forget()
  }

  /**
   * Takes in whole events that say what the chunk before them said in other words, if that is all there is in the bytes.
   * They can be passed on as they are, and are told with what comes after them.
   */
  keep(bytes: Uint8Array, listener: Listener<ChatChunk>): boolean {
    if (this.repeats?.take(bytes) !== true || this.answer.progress !== "more") return false
    if (this.repeats.isFull) this.tellKept(listener)
    return true
  }

  /** Tells what is kept. */
  tellKept(listener: Listener<ChatChunk>): void {
    if (this.repeats === undefined || this.repeats.kept === 0) return
    this.passedOn = this.repeats.kept
    this.known += this.passedOn - 1
    this.listener = listener
    this.answer.read(this.repeats.given())
    this.listener = undefined
    this.passedOn = 0
    this.forget()
  }

  /** Takes in that no more bytes come, and tells a chunk that was waiting for its end. */
  tellEnd(listener: Listener<ChatChunk>): void {
    this.tellKept(listener)
    this.listener = listener
    this.finish()
    this.listener = undefined
  }

  hearChunk(chunk: ChatChunk): void {
    const { event, listener, passedOn } = this
    const isEvent = chunk === this.parsed
    if (hasContent(chunk)) this.known++
    if (listener === undefined) {
      ;(this.out ??= []).push(chunk)
      if (isEvent) this.onChunk(chunk, event)
      return
    }
    this.isOpen = isEvent && endsNothing(chunk)
    if (passedOn > 0) listener.hear(chunk, "", passedOn)
    else listener.hear(chunk, isEvent ? writtenOf(event) : undefined, 1)
  }

  parse(data: string): unknown {
    this.event = data
    // What is given is the reader's own.
    return this.parsed = this.listener === undefined ? this.json.readOwn(data) : this.json.read(data)
  }

  private read(bytes: Uint8Array): boolean {
    return this.answer.progress === "more" && this.answer.read(this.utf8.decode(bytes)) &&
      bytes.at(-1) === lf
  }

  private finish(): void {
    if (this.answer.progress === "more") this.answer.end(this.utf8.end())
  }

  private taken(): ReadonlyArray<ChatChunk> {
    const { out = nothing } = this
    this.out = undefined
    this.forget()
    return out
  }

  /** The data of an event keeps the whole piece in memory that it came in. */
  private forget(): void {
    this.event = ""
    this.parsed = undefined
  }
}

const endsNothing = ({ choices }: ChatChunk): boolean => {
  for (const { finish_reason } of choices) if (isFinish(finish_reason)) return false
  return true
}

/** The event with this data, where that is one line. */
const writtenOf = (data: string): string | undefined => data.includes("\n") ? undefined : eventOf(data)

const lf = 10
const nothing: ReadonlyArray<ChatChunk> = []
