/** Estimates how many bytes a value takes in memory. */

const perNumber = 8
const perObject = 16
const perSlot = 8

/**
 * Estimates the bytes of a value with everything it refers to: 2 for each code unit of a text, 8 for a number, the length of
 * a buffer, 16 for an object and 8 for each of its fields, besides the text of the field's name. What is referred to twice
 * counts once. Functions and class internals count as an empty object.
 */
export const weigh = (value: unknown): number => new Scales().weigh(value)

class Scales {
  private readonly seen = new Set<object>()
  // A list instead of a recursion, since values may be nested deeply.
  private readonly open: Array<object> = []

  weigh(value: unknown): number {
    let bytes = this.put(value)
    for (let part = this.open.pop(); part !== undefined; part = this.open.pop()) bytes += this.contents(part)
    return bytes
  }

  /** The bytes of a part itself; what it holds is weighed later. */
  private put(part: unknown): number {
    if (typeof part === "string") return 2 * part.length
    if (typeof part === "function" || typeof part === "bigint") return perObject
    if (typeof part !== "object" || part === null) return perNumber
    if (this.seen.has(part)) return 0
    this.seen.add(part)
    this.open.push(part)
    return perObject
  }

  private contents(part: object): number {
    if (ArrayBuffer.isView(part)) return perSlot + this.put(part.buffer)
    if (isBuffer(part)) return part.byteLength
    let bytes = 0
    if (Array.isArray(part) || part instanceof Set) { for (const value of part) bytes += perSlot + this.put(value) }
    else if (part instanceof Map) {
      for (const [key, value] of part) bytes += 2 * perSlot + this.put(key) + this.put(value)
    } else {
      for (const name of Object.keys(part))
        bytes += perSlot + 2 * name.length + this.put((part as Record<string, unknown>)[name])
    }
    return bytes
  }
}

// A page in a browser may have no shared memory.
const isBuffer = (part: object): part is ArrayBufferLike =>
  part instanceof ArrayBuffer || (typeof SharedArrayBuffer !== "undefined" && part instanceof SharedArrayBuffer)
