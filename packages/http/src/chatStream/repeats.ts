/**
 * Recognises events by their bytes that differ from the one before in one text alone, as nearly all events of an answer do,
 * and keeps the texts. They are read with the next event that is another one: to read each where it comes costs many times
 * more, since between two events of one stream come those of all others, and nothing is at hand any more.
 */

/** What is the same in all of the events. */
export interface Frame {
  /** What stands before each of the texts, up to its quote, and behind the last one, from its quote on. */
  readonly constants: ReadonlyArray<string>
  /** Which of the texts is said. The others are padding against eavesdroppers. */
  readonly said: number
}

export class Repeats {
  private readonly frame: Frame
  private readonly constants: ReadonlyArray<Constant>
  private texts: Array<string> = []
  private size = 0

  constructor(frame: Frame) {
    this.frame = frame
    this.constants = frame.constants.map((constant) => new Constant(constant))
  }

  /** How many events are kept. */
  get kept(): number {
    return this.texts.length
  }

  /** Whether so much is kept that it is to be read. */
  get isFull(): boolean {
    return this.texts.length >= mostKept || this.size >= mostSize
  }

  /** Keeps the events if there is nothing else in the bytes, and each says something. */
  take(bytes: Uint8Array): boolean {
    const { size, texts } = this
    const known = texts.length
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    for (let at = 0; at < bytes.length;) {
      at = this.takeOne(bytes, view, at)
      if (at < 0) {
        texts.length = known
        this.size = size
        return false
      }
    }
    return true
  }

  /** Keeps the event that begins at a place, and gives the place behind it; -1 where there is none. */
  private takeOne(bytes: Uint8Array, view: DataView, start: number): number {
    const { constants, frame: { said } } = this
    const last = constants.length - 1
    let at = start
    for (let i = 0; i < last; i++) {
      const constant = constants[i]!
      if (!constant.isAt(view, at)) return -1
      const from = at + constant.length
      at = endOfText(bytes, from)
      if (at < 0) return -1
      if (i === said) {
        const text = at > from ? textOf(bytes, from, at) : undefined
        if (text === undefined) return -1
        this.texts.push(text)
        this.size += text.length
      } else if (!isPlain(bytes, from, at)) return -1
    }
    return constants[last]!.isAt(view, at) ? at + constants[last]!.length : -1
  }

  /** Gives the events that were kept as one, which says all of their texts, and keeps them no longer. */
  given(): string {
    const { constants, said } = this.frame
    let event = constants[0]!
    for (let i = 1; i < constants.length; i++) event += (i - 1 === said ? this.texts.join("") : "") + constants[i]!
    this.texts = []
    this.size = 0
    return event
  }
}

const mostKept = 256
const mostSize = 4096

/** Bytes that are looked for four at once. */
class Constant {
  readonly length: number
  private readonly words: Int32Array
  private readonly rest: ReadonlyArray<number>

  constructor(text: string) {
    const bytes = utf8.encode(text)
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    const whole = bytes.length - bytes.length % 4
    this.length = bytes.length
    this.words = Int32Array.from({ length: whole / 4 }, (_, i) => view.getInt32(4 * i))
    this.rest = Array.from(bytes.subarray(whole))
  }

  isAt(view: DataView, from: number): boolean {
    const { length, rest, words } = this
    if (from + length > view.byteLength) return false
    let at = from
    for (let i = 0; i < words.length; i++, at += 4) if (view.getInt32(at) !== words[i]) return false
    for (let i = 0; i < rest.length; i++) if (view.getUint8(at + i) !== rest[i]) return false
    return true
  }
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

const isPlain = (bytes: Uint8Array, from: number, end: number): boolean => {
  for (let at = from; at < end; at++) if (bytes[at]! > 0x7f) return false
  return true
}

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
