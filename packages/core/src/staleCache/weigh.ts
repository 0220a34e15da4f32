/** Estimates the bytes of a value in memory. */

const perNumber = 8
const perObject = 16
const perSlot = 8

/**
 * Estimates the bytes of a value and everything it refers to: 2 for each code unit of a string, 8 for a number, the
 * length of a buffer, 16 for an object and 8 for each of its fields, plus the name of the field. An object that is
 * referred to twice counts once. A function or a class with private state counts as an empty object.
 */
export const weigh = (value: unknown): number => new Scales().weigh(value)

class Scales {
  private readonly seen = new Set<object>()
  // A list instead of recursion, because values may be nested deeply.
  private readonly open: Array<object> = []

  weigh(value: unknown): number {
    let bytes = this.put(value)
    for (let part = this.open.pop(); part !== undefined; part = this.open.pop()) bytes += this.contents(part)
    return bytes
  }

  /** The bytes of a part itself. Its contents are added later. */
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

// A browser page may have no `SharedArrayBuffer`.
const isBuffer = (part: object): part is ArrayBufferLike =>
  part instanceof ArrayBuffer || (typeof SharedArrayBuffer !== "undefined" && part instanceof SharedArrayBuffer)
