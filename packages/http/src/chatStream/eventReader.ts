/**
 * Reads the events of a stream. The platform's parser looks at every character; an event that is one line of data, as
 * nearly all are, is found in a fraction of the time, and only what is not so plain is left to the parser. It is made
 * then: most streams need none.
 *
 * Text goes through in pieces of any size; what is found does not depend on where they were cut.
 */
import * as Sse from "effect/encoding/Sse"

export interface Events {
  /** Hears the data of an event, and its name. */
  readonly hear: (data: string, name: string) => void
}

export class EventReader {
  private readonly events: Events
  private readonly maxEventSize: number
  private parser: Sse.Parser | undefined
  /** Whether nothing of an event has been read: the stream begins, or last of all came an empty line. */
  private isBetween = true
  private hasBegun = false
  // The parser looks at the size between two pieces only; an event that comes in one piece is as large.
  private isTooLarge = false

  constructor(events: Events, maxEventSize: number) {
    this.events = events
    this.maxEventSize = maxEventSize
  }

  /**
   * Takes in the plain event that begins at a place of a piece without a CR, and gives the place behind it; -1 where none
   * does, or where it does not end.
   */
  pushPlain(piece: string, from: number): number {
    if (!this.isBetween || this.isTooLarge || !piece.startsWith(field, from)) return -1
    const end = piece.indexOf("\n", from)
    if (end < 0 || piece.charCodeAt(end + 1) !== 10 || end - from - field.length > this.maxEventSize) return -1
    this.hasBegun = true
    this.take(piece.slice(from + field.length, end), "message")
    return end + 2
  }

  /** Takes in what came: whether the event that it belongs to is still of a size to be kept. */
  push(piece: string): boolean {
    // Of the three line ends only one is plain.
    if (piece.includes("\r")) {
      this.isBetween = false
      return this.parse(piece)
    }
    for (let at = 0; at < piece.length && !this.isTooLarge;) {
      const end = this.pushPlain(piece, at)
      if (end >= 0) at = end
      else {
        const empty = piece.indexOf("\n\n", at)
        this.isBetween = empty >= 0
        const next = this.isBetween ? empty + 2 : piece.length
        if (!this.parse(piece.slice(at, next))) return false
        at = next
      }
    }
    return !this.isTooLarge
  }

  private parse(piece: string): boolean {
    return (this.parser ??= this.made()).feed(piece) === undefined && !this.isTooLarge
  }

  private made(): Sse.Parser {
    const parser = Sse.makeParser((event) => {
      if (event._tag === "Event") this.take(event.data, event.event)
    }, { maxEventSize: this.maxEventSize })
    // Only at the beginning of a stream is a byte order mark none of its characters.
    if (this.hasBegun) parser.feed("\n")
    return parser
  }

  private take(data: string, name: string): void {
    if (data.length > this.maxEventSize) this.isTooLarge = true
    if (!this.isTooLarge) this.events.hear(data, name)
  }
}

const field = "data: "
