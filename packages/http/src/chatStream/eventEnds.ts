/**
 * Where the events of a stream end: behind each empty line, whichever of the three line ends it is written with.
 *
 * Text goes through in pieces of any size; the places do not depend on where they were cut.
 */
export class EventEnds {
  private atLineStart = true
  /** Whether the last character was a CR: an LF behind it belongs to it. */
  private afterReturn = false
  /** Whether the last line was empty. */
  private behindEmpty = false
  /** Whether the piece has no line end but LF. */
  private isPlain = true

  /** Begins a piece: whether it has no line end but LF. The pieces come in order. */
  begin(piece: string): boolean {
    return this.isPlain = !this.afterReturn && !piece.includes("\r")
  }

  /**
   * The place behind the next empty line, or -1 if there is none in the rest of the piece. A piece is searched from its
   * beginning, and then from each place that was found. An event that begins and ends behind an empty line may be left
   * out.
   */
  next(piece: string, from: number): number {
    if (!this.isPlain) return this.nextOfAny(piece, from)
    if (from === piece.length) return -1
    const isEmpty = this.atLineStart && piece.charCodeAt(from) === lf
    const at = isEmpty ? from : piece.indexOf("\n\n", from)
    this.behindEmpty = at >= 0
    this.atLineStart = at >= 0 || piece.charCodeAt(piece.length - 1) === lf
    return at < 0 ? -1 : isEmpty ? at + 1 : at + 2
  }

  private nextOfAny(piece: string, from: number): number {
    for (let at = from; at < piece.length; at++) {
      const code = piece.charCodeAt(at)
      if (this.afterReturn && code === lf) {
        this.afterReturn = false
        // The other half of the end of an empty line, which may have come apart from it.
        if (this.behindEmpty) return at + 1
        continue
      }
      this.afterReturn = code === cr
      if (code !== lf && code !== cr) {
        this.atLineStart = this.behindEmpty = false
        continue
      }
      this.behindEmpty = this.atLineStart
      this.atLineStart = true
      if (this.behindEmpty) return at + 1
    }
    return -1
  }
}

/**
 * The place in the bytes of a piece of the place in its text behind a line end. The two have the same line ends,
 * whatever else of the bytes is no UTF-8.
 */
export const placeInBytes = (bytes: Uint8Array, text: string, place: number): number => {
  if (place === 0) return 0
  let behind = 0
  for (let i = place; i < text.length; i++) if (isLineEnd(text.charCodeAt(i))) behind++
  let at = bytes.length
  while (at > 0 && !(isLineEnd(bytes[at - 1]!) && behind-- === 0)) at--
  return at
}

const lf = 10
const cr = 13

const isLineEnd = (code: number): boolean => code === lf || code === cr
