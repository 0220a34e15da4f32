/**
 * Reads the events of a stream. The platform's parser looks at every character; an event that is one line of data, as
 * nearly all are, is found in a fraction of the time, and only what is not so plain is left to the parser.
 *
 * Text goes through in pieces of any size; what is found does not depend on where they were cut.
 */
import * as Sse from "effect/encoding/Sse"

export interface EventReader {
  /** Takes in what came: whether the event that it belongs to is still of a size to be kept. */
  readonly push: (piece: string) => boolean
  /**
   * Takes in the plain event that begins at a place of a piece without a CR, and gives the place behind it; -1 where none
   * does, or where it does not end.
   */
  readonly pushPlain: (piece: string, from: number) => number
}

export const make = (onEvent: (data: string, name: string) => void, maxEventSize: number): EventReader => {
  // The parser looks at the size between two pieces only; an event that comes in one piece is as large.
  let tooLarge = false
  const take = (data: string, name: string) => {
    if (data.length > maxEventSize) tooLarge = true
    if (!tooLarge) onEvent(data, name)
  }
  const parser = Sse.makeParser((event) => {
    if (event._tag === "Event") take(event.data, event.event)
  }, { maxEventSize })
  /** Whether the parser holds nothing: it has seen the beginning of the stream, and last of all an empty line. */
  let between = false

  const pushPlain = (piece: string, from: number): number => {
    if (!between || tooLarge || !piece.startsWith(field, from)) return -1
    const end = piece.indexOf("\n", from)
    if (end < 0 || piece.charCodeAt(end + 1) !== 10 || end - from - field.length > maxEventSize) return -1
    take(piece.slice(from + field.length, end), "message")
    return end + 2
  }

  return {
    pushPlain,
    push: (piece) => {
      // Of the three line ends only one is plain.
      if (piece.includes("\r")) {
        between = false
        return parser.feed(piece) === undefined && !tooLarge
      }
      for (let at = 0; at < piece.length && !tooLarge;) {
        const end = pushPlain(piece, at)
        if (end >= 0) at = end
        else {
          const empty = piece.indexOf("\n\n", at)
          between = empty >= 0
          const next = between ? empty + 2 : piece.length
          if (parser.feed(piece.slice(at, next)) !== undefined) return false
          at = next
        }
      }
      return !tooLarge
    }
  }
}

const field = "data: "
