/**
 * The events of a stream, each with its text as it came. Nothing of an event that fails is passed on, and nothing after
 * the good end. That has its blank line, also where the stream ends without it: clients drop an event that has none.
 */
import * as Sse from "effect/encoding/Sse"
import type { HeadOf } from "../chatClient/calls.ts"
import * as ChatError from "../ChatError.ts"
import { isError } from "../chatError/inBand.ts"
import { maxEventSize, maxReplyBytes } from "../chatReply/limits.ts"
import type { ChatChunk } from "../ChatSchema.ts"
import { noteText } from "../chatStream/chunkText.ts"
import { EventEnds } from "../chatStream/eventEnds.ts"
import { hasContent } from "../chatStream/hasContent.ts"
import type { Api } from "./model.ts"
import { objectIn } from "./objectIn.ts"

/** An event in the form in which guards and ledgers read it. */
export interface EventChunk extends ChatChunk {
  readonly sequence?: number | undefined
  readonly closes?: true | undefined
}

/** How the events of an API are read. */
export type Readable = Pick<Api, "event" | "expected">

export type Progress = "more" | "whole" | ChatError.ChatError

export class EventDecoder {
  progress: Progress = "more"
  private readonly api: Readable
  private readonly head: HeadOf
  private readonly utf8 = new TextDecoder("utf-8", { ignoreBOM: true })
  private readonly ends = new EventEnds()
  private readonly parser = Sse.makeParser((event) => {
    if (event._tag === "Event") this.data = event.data
  }, { maxEventSize })
  private data: string | undefined
  /** The beginning of an event whose end has not come. */
  private pending = ""
  /** Characters before the first content. */
  private silent = 0
  private hasBegun = false
  private hasContent = false

  constructor(api: Readable, head: HeadOf) {
    this.api = api
    this.head = head
  }

  push(bytes: Uint8Array): ReadonlyArray<EventChunk> {
    const text = this.utf8.decode(bytes, streaming)
    const chunks: Array<EventChunk> = []
    this.ends.begin(text)
    let from = 0
    while (this.progress === "more") {
      const end = this.ends.next(text, from)
      if (end < 0) break
      this.take(this.pending + text.slice(from, end), chunks)
      this.pending = ""
      from = end
    }
    this.pending += text.slice(from)
    if (this.progress === "more" && this.pending.length > maxEventSize) this.malformed("an event without an end")
    return chunks
  }

  /** Nothing more comes. */
  end(): ReadonlyArray<EventChunk> {
    const chunks: Array<EventChunk> = []
    const last = this.pending + this.utf8.decode()
    if (this.progress !== "more") return chunks
    const { head } = this
    // Some providers answer a stream with JSON, to tell an error.
    const json = this.hasBegun ? undefined : objectIn(last)
    if (json !== undefined) {
      const error = ChatError.fromReply({ ...head, body: last }, json)
      if (error === undefined) this.malformed("JSON without events")
      else this.progress = error
      return chunks
    }
    if (last !== "") this.take(last, chunks, "\n\n")
    if (this.progress !== "more") return chunks
    if (this.silent > 0 || last !== "") this.progress = new ChatError.Truncated(this.where)
    else this.malformed("an empty body")
    // An event that was cut is passed on only if it is the last.
    return []
  }

  /** Takes in the text of an event. What ends it may be missing at the end of a stream. */
  private take(text: string, chunks: Array<EventChunk>, missing = ""): void {
    this.data = undefined
    const tooLarge = this.parser.feed(text + missing) !== undefined
    if (tooLarge) return this.malformed("an event that is too large")
    const chunk = this.data === undefined ? { choices: [] } : this.read(this.data, missing !== "")
    if (chunk === undefined) return
    if (!this.hasContent && (this.silent += text.length) > maxReplyBytes) {
      return this.malformed(`more than ${maxReplyBytes / 2 ** 20} MiB that are no answer`)
    }
    this.hasContent ||= hasContent(chunk)
    noteText(chunk, this.progress === "whole" ? text + (missing || halfMissing(text)) : text)
    chunks.push(chunk)
  }

  private read(data: string, mayBeCut: boolean): EventChunk | undefined {
    this.hasBegun = true
    if (data === "" || data === "[DONE]") return { choices: [] }
    const json = objectIn(data)
    if (json === undefined) {
      if (!mayBeCut) this.malformed("an event that is not JSON")
      return undefined
    }
    const { closes, delta, is, model, sequence, usage } = this.api.event!(json)
    if (is === "error" || isError(json["error"])) {
      this.progress = ChatError.fromReply({ ...this.head, body: data }, json) ?? new ChatError.ProviderFault(this.where)
      return undefined
    }
    if (is === "good end") this.progress = "whole"
    return {
      choices: is === "good end"
        ? [{ index: 0, delta: {}, finish_reason: "stop" }]
        : delta === undefined
        ? []
        : [{ index: 0, delta }],
      ...model !== undefined && { model },
      ...usage !== undefined && { usage },
      ...sequence !== undefined && { sequence },
      ...closes !== undefined && { closes }
    } as EventChunk
  }

  private malformed(found: string): void {
    const { expected } = this.api
    this.progress = new ChatError.MalformedReply({ ...this.where, found, expected, advice: otherApi })
  }

  private get where() {
    const { model, provider, status } = this.head
    return { model, provider, status }
  }
}

/** The other half of the line end of the last event may come apart from it, and is not waited for. */
const halfMissing = (text: string): string => text.endsWith("\r\n\r") ? "\n" : ""

const streaming = { stream: true }

export const otherApi = "Check which APIs the provider speaks."
