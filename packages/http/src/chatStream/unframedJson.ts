/**
 * Finds JSON that stands in an event stream without being an event, which the rules of event streams would pass over:
 * Gemini appends its errors like that, and an endpoint that does not stream answers with nothing else.
 *
 * Text goes through in pieces of any size; what is found does not depend on where they were cut, and a piece costs what
 * it is long, however much came before it.
 */
import * as Result from "effect/Result"
import { parseJson } from "../chatError/parseJson.ts"

export interface UnframedJson {
  /** Takes in what came: gives what is to be read as events, and the unframed JSON once it has ended. */
  readonly push: (piece: string) => { readonly events: string; readonly json: string | undefined }
  /** Whether unframed JSON has begun. */
  readonly isOpen: () => boolean
  /**
   * Whether what came of unframed JSON is whole, so that nothing more need come. It is no longer looked at when it was
   * found to be a part so often that looking costs more than reading.
   */
  readonly isWhole: () => boolean
  /** Unframed JSON that had not ended when the stream did. */
  readonly end: () => string | undefined
}

export const make = (limit: number): UnframedJson => {
  /** What came of the JSON. It is joined once: an expression makes one text of all it searches. */
  let parts: Array<string> | undefined
  let length = 0
  /** The last characters: what ends the JSON may have been cut in two. */
  let last = ""
  let atLineStart = true
  /** How many characters were parsed in vain. */
  let looked = 0

  const more = (known: Array<string>, text: string): string | undefined => {
    known.push(text)
    length += text.length
    const searched = last + text
    const match = closes.exec(searched)
    if (match !== null) return known.join("").slice(0, length - searched.length + match.index)
    last = searched.slice(-longestClose)
    return length > limit ? known.join("") : undefined
  }

  return {
    isOpen: () => parts !== undefined,
    push: (piece) => {
      if (parts !== undefined) return { events: "", json: more(parts, piece) }
      const match = opener(piece, atLineStart)
      if (piece !== "") atLineStart = (atLineStart ? blankAtStart : blank).test(piece)
      if (match === null) return { events: piece, json: undefined }
      const at = match.index + match[0].length - 1
      return { events: piece.slice(0, at), json: more(parts = [], piece.slice(at)) }
    },
    isWhole: () => {
      if (parts === undefined || looked > mostLooks * length) return false
      const piece = parts.at(-1)!
      if (!/[}\]]\s*$/.test(piece.length > last.length ? piece.slice(-longestEnd) : last)) return false
      looked += length
      const json = parts.join("")
      parts = [json]
      return Result.isSuccess(parseJson(json))
    },
    end: () => parts?.join("")
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
