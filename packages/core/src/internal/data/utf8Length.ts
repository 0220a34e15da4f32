/** The bytes of a text as UTF-8, counted without writing them: by Node where the program runs on it. */

interface Runtime {
  readonly Buffer?: { readonly byteLength?: (text: string) => number } | undefined
}

const native = (globalThis as Runtime).Buffer?.byteLength

export const utf8Length = (text: string): number => native === undefined ? portable(text) : native(text)

export const portable = (text: string): number => {
  let length = text.length
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit < 0x80) continue
    length += unit < 0x800 ? 1 : 2
    // Both halves of a surrogate pair together are four bytes.
    if (unit >= 0xd800 && unit <= 0xdbff && text.charCodeAt(i + 1) >= 0xdc00 && text.charCodeAt(i + 1) <= 0xdfff) {
      i++
    }
  }
  return length
}
