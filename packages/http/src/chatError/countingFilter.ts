/**
 * A counting Bloom filter of one function: it knows which hashes were added and not removed again. It may take a hash that
 * was not added for one that was, and never one that was added for another.
 */
export class CountingFilter {
  /** A bit for each hash, small enough for the processor's cache. */
  readonly bits: Int32Array
  /** What a hash is shifted by to become the place of its bit. */
  readonly shift: number
  private readonly counts: Uint8Array

  /** For about so many hashes. */
  constructor(hashes: number) {
    const size = Math.min(Math.ceil(Math.log2(hashes)) + 8, largest)
    this.bits = new Int32Array(2 ** (size - 5))
    this.counts = new Uint8Array(2 ** size)
    this.shift = 32 - size
  }

  has(hash: number): boolean {
    const bit = hash >>> this.shift
    return (this.bits[bit >>> 5]! & (1 << bit)) !== 0
  }

  add(hash: number): void {
    const bit = hash >>> this.shift
    if (this.counts[bit] === uncounted) return
    this.counts[bit]!++
    this.bits[bit >>> 5]! |= 1 << bit
  }

  remove(hash: number): void {
    const bit = hash >>> this.shift
    if (this.counts[bit] === uncounted) return
    this.counts[bit]!--
    if (this.counts[bit] === 0) this.bits[bit >>> 5]! &= ~(1 << bit)
  }

  /** Forgets all hashes, and takes no others. */
  clear(): void {
    this.counts.fill(uncounted)
    this.bits.fill(0)
  }
}

/** In bits of a place. */
const largest = 20

/** So many are not counted any more, and stay. */
const uncounted = 0xff
