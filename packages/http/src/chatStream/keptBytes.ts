/** Bytes that are kept until it is known what becomes of them. Many small pieces take no more space than one large one. */
export class KeptBytes {
  private bytes = empty
  length = 0

  add(more: Uint8Array): void {
    const length = this.length + more.length
    if (length > this.bytes.length) {
      const bytes = new Uint8Array(Math.max(length, 2 * this.bytes.length, smallest))
      bytes.set(this.bytes.subarray(0, this.length))
      this.bytes = bytes
    }
    this.bytes.set(more, this.length)
    this.length = length
  }

  /** Gives the first of the bytes away, and keeps none of the others. */
  take(count: number): Uint8Array {
    const taken = this.bytes.subarray(0, count)
    this.bytes = empty
    this.length = 0
    return taken
  }
}

const empty = new Uint8Array(0)
const smallest = 512
