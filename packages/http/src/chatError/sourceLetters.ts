/**
 * The letters of texts that may be quoted, a byte each. They are read when they are first needed, and once: what is looked
 * for in the texts later is looked for in their letters, which takes a fraction of the time.
 */
import { addLetters, byteOf, isEscape, letterOf, lettersOfOne, longestEscape, mostLetters, other } from "./letters.ts"
import { longRun } from "./searchedText.ts"

/** Letters that follow each other in a source. The bytes begin at a multiple of four, and may be read four at once. */
export interface Piece {
  readonly bytes: Uint8Array
  readonly words: Uint32Array
  readonly begin: number
  readonly end: number
}

/** The letters of one source in pieces. A piece begins with the last letters of the one before it. */
export type Source = ReadonlyArray<Piece>

/** Letters that a piece has of the one before: a run across the border is found in the one or in the other. */
const kept = longRun

export class Sources {
  private readonly texts: Iterable<string>
  private read: ReadonlyArray<Source> | undefined

  constructor(texts: Iterable<string>) {
    this.texts = texts
  }

  get letters(): ReadonlyArray<Source> {
    return this.read ??= readAll(this.texts)
  }
}

const readAll = (texts: Iterable<string>): ReadonlyArray<Source> => {
  const room = new Room()
  const sources: Array<Source> = []
  for (const text of texts) sources.push(read(text, room))
  return sources
}

/** Reads a source piece by piece, so that its bytes take no memory of its length. */
const read = (source: string, room: Room): Source => {
  const pieces: Array<Piece> = []
  let rest = 0
  for (let at = 0; at < source.length;) {
    const last = pieces.at(-1)
    const end = endOfPiece(source, at)
    const into = rest === 0 ? bytes : bytes.subarray(rest)
    const written = rest + encoder.encodeInto(source.slice(at, end), into).written
    bytes.fill(0, written, written + after)
    room.begin(kept + Math.ceil(mostLetters * (written + after)), last)
    // An escape is not cut: what may be the beginning of one is read with the next piece.
    const stop = readPiece(room, end < source.length ? written - longestEscape : written)
    pieces.push(room.end())
    rest = written - stop
    if (rest > 0) bytes.copyWithin(0, stop, written)
    at = end
  }
  return pieces
}

/** Where letters are written to. */
class Room {
  bytes = new Uint8Array(0)
  view = new DataView(this.bytes.buffer)
  /** Where the next letter is written to. */
  at = 0
  private words = new Uint32Array(0)
  private first = 0

  /** Begins a piece of at most so many letters, with the last ones of another. */
  begin(most: number, before: Piece | undefined): void {
    if (this.at + most > this.bytes.length) {
      const length = Math.max(most, Math.min(2 * this.bytes.length, mostRoom), leastRoom)
      this.bytes = new Uint8Array(Math.ceil(length / wordLength) * wordLength)
      this.view = new DataView(this.bytes.buffer)
      this.words = new Uint32Array(this.bytes.buffer)
      this.at = 0
    }
    this.first = this.at
    if (before === undefined) return
    const letters = before.bytes.subarray(Math.max(before.begin, before.end - kept), before.end)
    this.bytes.set(letters, this.at)
    this.at += letters.length
  }

  end(): Piece {
    const piece = { bytes: this.bytes, words: this.words, begin: this.first, end: this.at }
    // What was written too far is no letter of the next piece.
    this.at = Math.ceil(this.at / wordLength) * wordLength
    return piece
  }
}

export const wordLength = 4

/** In bytes. */
const leastRoom = 2 ** 12
const mostRoom = 2 ** 18

/** Reads a piece up to a place and returns where it stopped: there, or up to three bytes after it. */
const readPiece = (room: Room, end: number): number => {
  let at = 0
  while (at < end) {
    const lead = bytes[at]!
    at = lead >= 0xe0 && lead < 0xf0
      ? readTriples(room, at, end)
      : lead >= 0xf0 || isEscape(lead)
      ? readOther(room, at)
      : readPairs(room, learn(at), end)
  }
  return at
}

// The loops are functions of their own, without calls: they run twice as fast so. They write more than they count, as a
// branch would cost more.

/** Reads characters of one byte and of two. */
const readPairs = (room: Room, begin: number, end: number): number => {
  const { view } = room
  let to = room.at
  let at = begin
  while (at < end) {
    const four = input.getUint32(at, true)
    const first = ofPair[four & 0xffff]!
    const second = ofPair[four >>> 16]!
    if (first >= 0 && second >= 0) {
      view.setUint16(to, first, true)
      to += first >>> 16
      view.setUint16(to, second, true)
      to += second >>> 16
      at += 4
    } else if (first >= 0) {
      view.setUint16(to, first, true)
      to += first >>> 16
      at += 2
    } else {
      const single = ofSingle[four & 0xff]!
      if (single < 0 || first === unknown) break
      view.setUint8(to, single)
      to += single >>> 16
      at += 1
    }
  }
  room.at = to
  return at
}

/** Reads characters of three bytes. */
const readTriples = (room: Room, begin: number, end: number): number => {
  const { view } = room
  let to = room.at
  let at = begin
  while (at < end) {
    const four = input.getUint32(at, true)
    if ((four & 0xf0) !== 0xe0) break
    const codePoint = (four & 0xf) << 12 | (four >>> 2 & 0xfc0) | (four >>> 16 & 0x3f)
    const letters = ofTriple[codePoint] || (ofTriple[codePoint] = lettersOfTriple(codePoint))
    view.setUint32(to, letters, true)
    to += letters >>> 24 & 3
    at += 3
  }
  room.at = to
  return at
}

/** Reads an escape, or a character of four bytes. */
const readOther = (room: Room, begin: number): number => {
  one.length = 0
  const at = addLetters(bytes, begin, begin + 1, one)
  for (let i = 0; i < one.length; i++) room.bytes[room.at++] = byteOf(one.codes[i]!)
  return at
}

/** Looks up the letters of the two bytes at a place, so that they are read. */
const learn = (at: number): number => {
  const pair = input.getUint16(at, true)
  if (ofPair[pair] === unknown) ofPair[pair] = lettersOfPair(pair & 0xff, pair >>> 8)
  return at
}

/** Stands in {@link ofPair} where nobody has looked yet. */
const unknown = -2

/**
 * Letters, the first one in the low bits, and from the seventeenth bit on how many they are. Of one byte, and of two bytes as
 * two characters or as one. Negative where the bytes are anything else, and where nobody has looked yet: to look all of
 * them up takes longer than to read a long source.
 */
const ofSingle = Int32Array.from(letterOf, (letter) => letter === other ? -1 : letter === 0 ? 0 : letter | 1 << 16)
const ofPair = new Int32Array(2 ** 16).fill(unknown)

const lettersOfPair = (first: number, second: number): number => {
  if (first >= 0x80) return lettersOf((first & 0x1f) << 6 | second & 0x3f, 16)
  const [one, two] = [ofSingle[first]!, ofSingle[second]!]
  if (one < 0 || two < 0) return -1
  const count = one >>> 16
  return one & 0xff | (two & 0xff) << 8 * count | count + (two >>> 16) << 16
}

/** By code points, from the twenty-fifth bit on how many they are. Zero where nobody has looked yet. */
const ofTriple = new Int32Array(2 ** 16)
const isKnown = 1 << 26

const lettersOfTriple = (codePoint: number): number => lettersOf(codePoint, 24) | isKnown

const lettersOf = (codePoint: number, shift: number): number => {
  one.length = 0
  addLetters(encoder.encode(`${String.fromCharCode(codePoint)}\0`), 0, 1, one)
  let letters = one.length << shift
  for (let i = 0; i < one.length; i++) letters |= byteOf(one.codes[i]!) << 8 * i
  return letters
}

/** Where the next piece ends. No character is cut. */
const endOfPiece = (source: string, begin: number): number => {
  const end = begin + pieceLength
  if (end >= source.length) return source.length
  return (source.charCodeAt(end - 1) & 0xfc00) === 0xd800 ? end - 1 : end
}

/** So many units of a string are read at once. */
const pieceLength = 2 ** 12

/** So many zeros stand after the bytes of a piece. */
const after = 4

// Reading is one synchronous step, so all share these.
const encoder = new TextEncoder()
const bytes = new Uint8Array(longestEscape + 3 * pieceLength + after)
const input = new DataView(bytes.buffer)
const one = lettersOfOne()
