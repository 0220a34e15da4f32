/**
 * Finds JSON that stands in an event stream without being an event, which the rules of event streams would pass over:
 * Gemini appends its errors like that, and an endpoint that does not stream answers with nothing else.
 *
 * Text goes through in pieces of any size; what is found does not depend on where they were cut.
 */
import * as Result from "effect/Result"
import { parseJson } from "../chatError/parseJson.ts"

export interface UnframedJson {
  /** Takes in what came: gives what is to be read as events, and the unframed JSON once it has ended. */
  readonly push: (piece: string) => { readonly events: string; readonly json: string | undefined }
  /** Whether what came of unframed JSON is whole, so that nothing more need come. */
  readonly isWhole: () => boolean
  /** Unframed JSON that had not ended when the stream did. */
  readonly end: () => string | undefined
}

export const make = (limit: number): UnframedJson => {
  let json: string | undefined
  let atLineStart = true

  const more = (text: string): string | undefined => {
    // What ends it may have been cut in two, so the search begins a little before the new text.
    closes.lastIndex = Math.max(0, (json ?? "").length - longestClose)
    json = (json ?? "") + text
    const match = closes.exec(json)
    return match !== null ? json.slice(0, match.index) : json.length > limit ? json : undefined
  }

  return {
    push: (piece) => {
      if (json !== undefined) return { events: "", json: more(piece) }
      const match = opener(piece, atLineStart)
      if (piece !== "") atLineStart = endsLine(piece)
      if (match === null) return { events: piece, json: undefined }
      const at = match.index + match[0].length - 1
      return { events: piece.slice(0, at), json: more(piece.slice(at)) }
    },
    isWhole: () => json !== undefined && /[}\]]\s*$/.test(json.slice(-longestEnd)) && Result.isSuccess(parseJson(json)),
    end: () => json
  }
}

/** Nearly no piece has one, and looking for two fixed texts is many times faster than for an expression. */
const opener = (piece: string, atLineStart: boolean): RegExpExecArray | null =>
  (atLineStart && (piece.startsWith("{") || piece.startsWith("["))) || piece.includes("\n{") || piece.includes("\n[") ||
    piece.includes("\r")
    ? (atLineStart ? opensAtStart : opens).exec(piece)
    : null

const opens = /[\r\n][{[]/
const opensAtStart = /(?:^|[\r\n])[{[]/

/** A line end before an empty line, a field of an event or a comment. */
const closes = /(?:\r\n|\n|\r(?!\n))(?=\r|\n|data:|event:|:)/g
const longestClose = 8

/** White space after JSON, at most. */
const longestEnd = 1024

const endsLine = (text: string): boolean => {
  const last = text.charCodeAt(text.length - 1)
  return last === 10 || last === 13
}
