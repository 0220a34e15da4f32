/**
 * Recognises events by their bytes that differ from the one before in one text alone, as nearly all events of an answer do,
 * and keeps the texts. They are read with the next event that is another one: to read each where it comes costs many times
 * more, since between two events of one stream come those of all others, and nothing is at hand any more.
 */

/** What is the same in all of the events: what stands before the text, up to its quote, and behind it, from its quote on. */
export interface Frame {
  readonly before: string
  readonly behind: string
}

export class Repeats {
  private readonly frame: Frame
  private readonly before: Uint8Array
  private readonly behind: Uint8Array
  private texts: Array<string> = []
  private size = 0

  constructor(frame: Frame) {
    this.frame = frame
    this.before = utf8.encode(frame.before)
    this.behind = utf8.encode(frame.behind)
  }

  /** How many events are kept. */
  get kept(): number {
    return this.texts.length
  }

  /** Whether so much is kept that it is to be read. */
  get isFull(): boolean {
    return this.texts.length >= mostKept || this.size >= mostSize
  }

  /** Keeps the events if there is nothing else in the bytes. None of their texts is empty. */
  take(bytes: Uint8Array): boolean {
    const { before, behind, texts } = this
    const known = texts.length
    for (let at = 0; at < bytes.length;) {
      const from = at + before.length
      const end = isAt(before, bytes, at) ? endOfText(bytes, from) : from
      const text = end > from && isAt(behind, bytes, end) ? textOf(bytes, from, end) : undefined
      if (text === undefined) {
        texts.length = known
        return false
      }
      texts.push(text)
      this.size += text.length
      at = end + behind.length
    }
    return true
  }

  /** Gives the events that were kept as one, which says all of their texts, and keeps them no longer. */
  given(): string {
    const { before, behind } = this.frame
    const event = before + this.texts.join("") + behind
    this.texts = []
    this.size = 0
    return event
  }
}

const mostKept = 256
const mostSize = 4096

const isAt = (searched: Uint8Array, bytes: Uint8Array, at: number): boolean => {
  if (at + searched.length > bytes.length) return false
  for (let i = 0; i < searched.length; i++) if (searched[i] !== bytes[at + i]) return false
  return true
}

/** Where the quote is that ends a text, or -1 where there is none before something that needs a closer look. */
const endOfText = (bytes: Uint8Array, from: number): number => {
  for (let at = from; at < bytes.length; at++) {
    const byte = bytes[at]!
    if (byte === quote) return at
    if (byte < space) return -1
    if (byte === backslash && !isEscaped(bytes[++at])) return -1
  }
  return -1
}

/** What may stand behind a backslash, but for the numbers of characters. */
const isEscaped = (byte: number | undefined): boolean => byte !== undefined && escaped.includes(byte)

/** The text as it is written; undefined where it is no UTF-8. */
const textOf = (bytes: Uint8Array, from: number, end: number): string | undefined => {
  if (end - from > longestSpelled) return decoded(bytes.subarray(from, end))
  let text = ""
  for (let at = from; at < end; at++) {
    const byte = bytes[at]!
    if (byte > 0x7f) return decoded(bytes.subarray(from, end))
    text += String.fromCharCode(byte)
  }
  return text
}

const decoded = (bytes: Uint8Array): string | undefined => {
  const text = decoder.decode(bytes)
  return text.includes("\uFFFD") ? undefined : text
}

/** To decode so few characters one by one takes less time than to ask the decoder. */
const longestSpelled = 32

const utf8 = new TextEncoder()
const decoder = new TextDecoder("utf-8", { ignoreBOM: true })

const quote = 0x22
const backslash = 0x5c
const space = 0x20
const escaped: ReadonlyArray<number> = [..."\"\\/bfnrt"].map((char) => char.charCodeAt(0))
