/**
 * Recognises events by their bytes that differ from the one before in one text alone, as nearly all events of an answer do,
 * and keeps the texts. They are read with the next event that is another one: to read each where it comes costs many times
 * more, since between two events of one stream come those of all others, and nothing is at hand any more.
 */
import { roomFor, roomOf } from "./room.ts"

/** What is the same in all of the events. */
export interface Frame {
  /** What stands before each of the texts, up to its quote, and behind the last one, from its quote on. */
  readonly constants: ReadonlyArray<string>
  /** Which of the texts is said. The others are padding against eavesdroppers. */
  readonly said: number
}

export class Repeats {
  private readonly frame: Frame
  /** The constants one after the other, and where each of them ends: an open stream has one of each. */
  private readonly constants: DataView
  private readonly ends: ReadonlyArray<number>
  /** The texts one after the other. Thousands of texts by themselves would be moved about by the garbage collector. */
  private texts: Uint8Array = nothing
  private size = 0
  private events = 0

  constructor(frame: Frame) {
    this.frame = frame
    const text = frame.constants.join("")
    this.constants = roomOf(text)
    const isAscii = this.constants.byteLength === text.length
    let end = 0
    this.ends = frame.constants.map((constant) => end += isAscii ? constant.length : utf8.encode(constant).length)
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
    const { constants, ends, frame: { said } } = this
    const last = ends.length - 1
    let at = start
    let from = 0
    for (let i = 0; i < last; i++) {
      const end = ends[i]!
      if (!isAt(view, at, constants, from, end)) return -1
      const textAt = at + end - from
      at = endOfText(bytes, textAt)
      if (at < 0) return -1
      if (i === said) {
        if (at === textAt || !this.keep(bytes, textAt, at)) return -1
      } else if (!isPlain(bytes, textAt, at)) return -1
      from = end
    }
    return isAt(view, at, constants, from, ends[last]!) ? at + ends[last]! - from : -1
  }

  /** Keeps a text as it is written, if it is UTF-8. */
  private keep(bytes: Uint8Array, from: number, end: number): boolean {
    if (!isPlain(bytes, from, end) && !isUtf8(bytes.subarray(from, end))) return false
    const size = this.size + end - from
    if (size > this.texts.length) {
      const more = roomFor(Math.max(leastRoom, 2 * size))
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

/** Whether a part of the constants stands at a place. They are compared four bytes at once. */
const isAt = (view: DataView, place: number, constants: DataView, from: number, end: number): boolean => {
  if (place + end - from > view.byteLength) return false
  let at = place
  let i = from
  for (; i + 4 <= end; i += 4, at += 4) if (view.getInt32(at) !== constants.getInt32(i)) return false
  for (; i < end; i++, at++) if (view.getUint8(at) !== constants.getUint8(i)) return false
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
