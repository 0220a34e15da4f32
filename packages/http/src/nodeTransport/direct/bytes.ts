/** The bytes of a body. Most bodies come in one piece, which is kept as it is. */
export class Bytes {
  size = 0
  private first: Uint8Array | undefined
  private more: Array<Uint8Array> | undefined

  take(bytes: Uint8Array): void {
    this.size += bytes.length
    if (this.first === undefined) this.first = bytes
    else (this.more ??= [this.first]).push(bytes)
  }

  /** Of pieces. */
  get count(): number {
    return this.more?.length ?? (this.first === undefined ? 0 : 1)
  }

  /** As UTF-8, without the mark of a byte order. */
  get text(): string {
    const { first, more } = this
    if (first === undefined) return ""
    const all = more === undefined ? Buffer.from(first.buffer, first.byteOffset, first.length) : Buffer.concat(more)
    return all.toString("utf8", all[0] === 0xef && all[1] === 0xbb && all[2] === 0xbf ? 3 : 0)
  }
}
