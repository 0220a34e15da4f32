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
  /** The texts one after the other. Thousands of texts by themselves would be moved about by the garbage collector. */
  private texts = nothing
  private size = 0
  private events = 0

  constructor(frame: Frame) {
    this.frame = frame
    this.constants = frame.constants.map((constant) => new Constant(constant))
  }

  /** How many events are kept. */
  get kept(): number {
    return this.events
  }

  /** Whether so much is kept that it is to be read. */
  get isFull(): boolean {
    return this.events >= mostKept || this.size >= mostSize
  }

  /** Keeps the events if there is nothing else in the bytes, and each says something. */
  take(bytes: Uint8Array): boolean {
    const { events, size } = this
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    for (let at = 0; at < bytes.length;) {
      at = this.takeOne(bytes, view, at)
      if (at < 0) {
        this.events = events
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
        if (at === from || !this.keep(bytes, from, at)) return -1
      } else if (!isPlain(bytes, from, at)) return -1
    }
    return constants[last]!.isAt(view, at) ? at + constants[last]!.length : -1
  }

  /** Keeps a text as it is written, if it is UTF-8. */
  private keep(bytes: Uint8Array, from: number, end: number): boolean {
    if (!isPlain(bytes, from, end) && !isUtf8(bytes.subarray(from, end))) return false
    const size = this.size + end - from
    if (size > this.texts.length) {
      const more = new Uint8Array(Math.max(leastRoom, 2 * size))
      more.set(this.texts)
      this.texts = more
    }
    for (let at = from, to = this.size; at < end; at++, to++) this.texts[to] = bytes[at]!
    this.size = size
    this.events++
    return true
  }

  /** Gives the events that were kept as one, which says all of their texts, and keeps them no longer. */
  given(): string {
    const { constants, said } = this.frame
    const texts = decoder.decode(this.texts.subarray(0, this.size))
    let event = constants[0]!
    for (let i = 1; i < constants.length; i++) event += (i - 1 === said ? texts : "") + constants[i]!
    this.size = this.events = 0
    if (this.texts.length > mostRoom) this.texts = nothing
    return event
  }
}

const mostKept = 256
/** In bytes. */
const mostSize = 4096
const leastRoom = 256
/** A longer text than usual is not made room for in all that follows. */
const mostRoom = 2 * mostSize
const nothing = new Uint8Array(0)

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

const isUtf8 = (bytes: Uint8Array): boolean => !decoder.decode(bytes).includes("\uFFFD")

const utf8 = new TextEncoder()
const decoder = new TextDecoder("utf-8", { ignoreBOM: true })

const quote = 0x22
const backslash = 0x5c
const space = 0x20
const escaped: ReadonlyArray<number> = [..."\"\\/bfnrt"].map((char) => char.charCodeAt(0))
