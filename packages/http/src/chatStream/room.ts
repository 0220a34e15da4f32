/**
 * Memory for the few hundred bytes that an open stream keeps. Many streams share a buffer: V8 looks after each buffer by
 * itself, which takes longer than to fill a small one. No part is given twice, and a buffer goes with the last of its parts.
 */

/** Bytes that are zero. */
export const roomFor = (length: number): Uint8Array => {
  if (length > largest) return new Uint8Array(length)
  reserve(length)
  const bytes = buffer.subarray(used, used + length)
  used += length
  return bytes
}

/** A text as UTF-8. */
export const roomOf = (text: string): DataView => {
  const most = 3 * text.length
  if (most > largest) {
    const { buffer, byteLength, byteOffset } = utf8.encode(text)
    return new DataView(buffer, byteOffset, byteLength)
  }
  reserve(most)
  const { written } = utf8.encodeInto(text, buffer.subarray(used))
  const view = new DataView(buffer.buffer, used, written)
  used += written
  return view
}

const reserve = (length: number): void => {
  if (used + length <= buffer.length) return
  buffer = new Uint8Array(size)
  used = 0
}

/** A stream that lasts may keep a buffer when all others have gone. */
const size = 16_384
/** Whatever is larger has a buffer of its own. */
const largest = 2048

let buffer = new Uint8Array(0)
let used = 0

const utf8 = new TextEncoder()
