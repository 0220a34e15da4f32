import type { Bytes } from "../../chatClient/bytes.ts"

/** The text of a body in UTF-8, without the mark of a byte order. */
export const utf8 = (bytes: Bytes): string => {
  const { all } = bytes
  const isMarked = all[0] === 0xef && all[1] === 0xbb && all[2] === 0xbf
  const buffer = Buffer.isBuffer(all) ? all : Buffer.from(all.buffer, all.byteOffset, all.length)
  return buffer.toString("utf8", isMarked ? 3 : 0)
}
