/**
 * Finds JSON that stands in an event stream without being an event, which the rules of event streams would pass over:
 * Gemini appends its errors like that, and an endpoint that does not stream answers with nothing else.
 *
 * Text goes through in pieces of any size; what is found does not depend on where they were cut, and a piece costs what
 * it is long, however much came before it.
 */
import * as Result from "effect/Result"
import { parseJson } from "../chatError/parseJson.ts"

export class UnframedJson {
  private readonly limit: number
  /** What came of the JSON. It is joined once: an expression makes one text of all it searches. */
  private parts: Array<string> | undefined
  private length = 0
  /** The last characters: what ends the JSON may have been cut in two. */
  private last = ""
  private atLineStart = true
  /** How many characters were parsed in vain. */
  private looked = 0

  constructor(limit: number) {
    this.limit = limit
  }

  /** Whether unframed JSON has begun. */
  get isOpen(): boolean {
    return this.parts !== undefined
  }

  /** Takes in what came: gives what is to be read as events, and the unframed JSON once it has ended. */
  push(piece: string): { readonly events: string; readonly json: string | undefined } {
    if (this.parts !== undefined) return { events: "", json: this.more(this.parts, piece) }
    const match = opener(piece, this.atLineStart)
    if (piece !== "") this.atLineStart = (this.atLineStart ? blankAtStart : blank).test(piece)
    if (match === null) return { events: piece, json: undefined }
    const at = match.index + match[0].length - 1
    return { events: piece.slice(0, at), json: this.more(this.parts = [], piece.slice(at)) }
  }

  /**
   * Whether what came of unframed JSON is whole, so that nothing more need come. It is no longer looked at when it was
   * found to be a part so often that looking costs more than reading.
   */
  isWhole(): boolean {
    const { last, parts } = this
    if (parts === undefined || this.looked > mostLooks * this.length) return false
    const piece = parts.at(-1)!
    if (!/[}\]]\s*$/.test(piece.length > last.length ? piece.slice(-longestEnd) : last)) return false
    this.looked += this.length
    const json = parts.join("")
    this.parts = [json]
    return Result.isSuccess(parseJson(json))
  }

  /** Unframed JSON that had not ended when the stream did. */
  end(): string | undefined {
    return this.parts?.join("")
  }

  private more(parts: Array<string>, text: string): string | undefined {
    parts.push(text)
    this.length += text.length
    const searched = this.last + text
    const match = closes.exec(searched)
    if (match !== null) return parts.join("").slice(0, this.length - searched.length + match.index)
    this.last = searched.slice(-longestClose)
    return this.length > this.limit ? parts.join("") : undefined
  }
}

/** Nearly no piece has one, and looking for two fixed texts is many times faster than for an expression. */
const opener = (piece: string, atLineStart: boolean): RegExpExecArray | null =>
  (atLineStart && startsJson.test(piece)) || piece.includes("\n{") || piece.includes("\n[") || piece.includes("\n ") ||
    piece.includes("\n\t") || piece.includes("\r")
    ? (atLineStart ? opensAtStart : opens).exec(piece)
    : null

/** Blanks may stand before it: gateways send them while they wait for the model. */
const opens = /[\r\n][ \t]*[{[]/
const opensAtStart = /(?:^|[\r\n])[ \t]*[{[]/
const startsJson = /^[ \t]*[{[]/

/** A line end before an empty line, a field of an event or a comment. */
const closes = /(?:\r\n|\n|\r(?!\n))(?=\r|\n|data:|event:|:)/
const longestClose = 8

/** White space after JSON, at most. */
const longestEnd = 1024

/** How often JSON is parsed before it is whole. Most of it comes in few pieces, of which hardly any ends with a bracket. */
const mostLooks = 8

/** Whether the last line has nothing but blanks so far. */
const blank = /[\r\n][ \t]*$/
const blankAtStart = /(?:^|[\r\n])[ \t]*$/
