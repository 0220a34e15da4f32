/** Reads the size of an image from the first bytes of its file: PNG, GIF, JPEG, WebP. */

export interface Size {
  readonly width: number
  readonly height: number
}

/** The size, or undefined where the bytes do not tell it. Total: any text of bytes gives one or the other. */
export const imageSize = (bytes: string): Size | undefined => {
  const size = bytes.startsWith("\x89PNG\r\n\x1a\n")
    ? sizeAt(bytes, 16, 20, big32)
    : bytes.startsWith("GIF8")
    ? sizeAt(bytes, 6, 8, little16)
    : bytes.startsWith("\xff\xd8")
    ? ofJpeg(bytes)
    : bytes.startsWith("RIFF") && bytes.startsWith("WEBP", 8)
    ? ofWebp(bytes)
    : undefined
  return size !== undefined && size.width > 0 && size.height > 0 ? size : undefined
}

type Read = (bytes: string, at: number) => number

const sizeAt = (bytes: string, width: number, height: number, read: Read): Size => ({
  width: read(bytes, width),
  height: read(bytes, height)
})

/** Goes from segment to segment up to the frame header, which holds the size. */
const ofJpeg = (bytes: string): Size | undefined => {
  for (let at = 2; at + 9 < bytes.length;) {
    if (bytes.charCodeAt(at) !== 0xff) return undefined
    const marker = bytes.charCodeAt(at + 1)
    // Fill bytes, and markers without a segment.
    if (marker === 0xff) at++
    else if (marker === 0x01 || (marker >= 0xd0 && marker <= 0xd7)) at += 2
    else if (marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc) {
      return sizeAt(bytes, at + 7, at + 5, big16)
    } else at += 2 + Math.max(big16(bytes, at + 2), 2)
  }
  return undefined
}

const ofWebp = (bytes: string): Size | undefined => {
  switch (bytes.slice(12, 16)) {
    case "VP8 ":
      return { width: little16(bytes, 26) & 0x3fff, height: little16(bytes, 28) & 0x3fff }
    case "VP8L":
      return {
        width: 1 + (little16(bytes, 21) & 0x3fff),
        height: 1 + ((little24(bytes, 22) >> 6) & 0x3fff)
      }
    case "VP8X":
      return { width: 1 + little24(bytes, 24), height: 1 + little24(bytes, 27) }
    default:
      return undefined
  }
}

const byte: Read = (bytes, at) => at < bytes.length ? bytes.charCodeAt(at) : 0
const big16: Read = (bytes, at) => byte(bytes, at) * 256 + byte(bytes, at + 1)
const big32: Read = (bytes, at) => big16(bytes, at) * 65536 + big16(bytes, at + 2)
const little16: Read = (bytes, at) => byte(bytes, at) + byte(bytes, at + 1) * 256
const little24: Read = (bytes, at) => little16(bytes, at) + byte(bytes, at + 2) * 65536
