/**
 * The bytes of a body, which takes about as much memory as it has bytes, however small the pieces are in which it comes.
 * A piece kept by itself takes more than a hundred bytes beside its own.
 */
export class Bytes {
  size = 0
  /** Of pieces. */
  count = 0
  /** Most bodies come in one piece, which is kept as it is. Of more, it has room beyond `size`. */
  private kept = none

  take(bytes: Uint8Array): void {
    const size = this.size + bytes.length
    if (++this.count === 1) this.kept = bytes
    else this.append(bytes, size)
    this.size = size
  }

  get all(): Uint8Array {
    return this.kept.length === this.size ? this.kept : this.kept.subarray(0, this.size)
  }

  private append(bytes: Uint8Array, size: number): void {
    // The first piece, which is not ours to write to, has no room.
    if (size > this.kept.length) {
      const larger = new Uint8Array(Math.max(smallest, 2 * size))
      larger.set(this.all)
      this.kept = larger
    }
    this.kept.set(bytes, this.size)
  }
}

const none: Uint8Array = new Uint8Array(0)
const smallest = 4096
