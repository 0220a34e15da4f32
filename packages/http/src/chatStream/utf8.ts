/**
 * Decodes UTF-8 that comes in pieces, cut anywhere. As long as no piece ends within a character, one decoder serves all
 * streams: each open stream would keep its own.
 */
export class Utf8 {
  private hasBegun = false
  /** Made for a piece that may end within a character. */
  private own: TextDecoder | undefined

  decode(bytes: Uint8Array): string {
    if (this.own === undefined) {
      const last = bytes.at(-1)
      if (last === undefined) return ""
      const { hasBegun } = this
      this.hasBegun = true
      if (last < 0x80) return (hasBegun ? within : atStart).decode(bytes)
      this.own = new TextDecoder("utf-8", { ignoreBOM: hasBegun })
    }
    return this.own.decode(bytes, streaming)
  }

  /** What is left of a character that was not whole. */
  end(): string {
    return this.own?.decode() ?? ""
  }
}

// A mark of the byte order is one at the beginning of the stream alone.
const atStart = new TextDecoder()
const within = new TextDecoder("utf-8", { ignoreBOM: true })
const streaming = { stream: true }
