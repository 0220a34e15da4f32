/**
 * The end of a stream, from the event with the usage on. It is kept back until all is known that is told in that event: what
 * an answer has cost is known after its end. All other bytes stay as they came.
 */
import { textOf } from "../../chatStream/chunkText.ts"
import { hasContent } from "../../chatStream/hasContent.ts"
import type { EventChunk } from "../../apis/eventDecoder.ts"

export class Ending {
  /** Begins with the event that has the usage, if there is any. */
  private kept: Array<string> = []

  /** Takes an event, and gives back what can be sent now. */
  push(event: EventChunk): string {
    const text = textOf(event)!
    if (event.closes) return this.keep(text)
    if (this.kept.length === 0) return text
    // It was not the end.
    if (hasContent(event) && !isGoodEnd(event) || this.kept.length === longestEnd) return this.keep() + text
    this.kept.push(text)
    return ""
  }

  /** What is left of a stream that breaks off. */
  rest(): string {
    return this.keep()
  }

  /** What is left of a stream that has ended, with these fields in the event that has the usage. */
  end(fields: Readonly<Record<string, string>>): string {
    const [first, ...others] = this.kept
    return first === undefined ? "" : withFields(first, fields) + others.join("")
  }

  /** Keeps these texts, and gives back those that were kept. */
  private keep(...texts: Array<string>): string {
    const before = this.kept.join("")
    this.kept = texts
    return before
  }
}

/** More events than any provider sends after the one with the usage: a stream of pings is not kept back, and not kept. */
const longestEnd = 100

const isGoodEnd = ({ choices }: EventChunk): boolean => choices.some(({ finish_reason }) => finish_reason === "stop")

/** An event with more fields in its object of JSON, at the beginning: those that the provider has given win. */
export const withFields = (event: string, fields: Readonly<Record<string, string>>): string =>
  event.replace(beginning, (begun) => begun + JSON.stringify(fields).slice(1, -1) + ",")

/** Up to the brace of the object, which is not empty. */
const beginning = /(?<=^|[\r\n])data:\s*\{/
