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
  /** Takes in the plain events with which the piece begins, and gives the place behind them. */
  readonly pushPlain: (piece: string) => number
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

  const plain = (piece: string, from: number): number => {
    let at = from
    while (between) {
      const end = endOfPlain(piece, at)
      if (end < 0 || end - at > maxEventSize) break
      take(piece.slice(at + field.length, end), "message")
      at = end + 2
    }
    return at
  }

  return {
    // Of the three line ends only one is plain.
    pushPlain: (piece) => between && !tooLarge && !piece.includes("\r") ? plain(piece, 0) : 0,
    push: (piece) => {
      if (piece.includes("\r")) {
        between = false
        return parser.feed(piece) === undefined && !tooLarge
      }
      for (let at = plain(piece, 0); at < piece.length; at = plain(piece, at)) {
        const empty = piece.indexOf("\n\n", at)
        between = empty >= 0
        const next = between ? empty + 2 : piece.length
        if (parser.feed(piece.slice(at, next)) !== undefined || tooLarge) return false
        at = next
      }
      return !tooLarge
    }
  }
}

const field = "data: "

/** Where the line ends that is a whole event, or -1 if there is none at this place. */
const endOfPlain = (piece: string, at: number): number => {
  if (!piece.startsWith(field, at)) return -1
  const end = piece.indexOf("\n", at)
  return end >= 0 && piece.charCodeAt(end + 1) === 10 ? end : -1
}
