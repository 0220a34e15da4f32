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
  private known: ReadonlyArray<Source> | undefined
  private room: Room | undefined

  constructor(texts: Iterable<string>) {
    this.texts = texts
  }

  get letters(): ReadonlyArray<Source> {
    if (this.known !== undefined) return this.known
    const room = this.room ??= new Room()
    return this.known = Array.from(this.texts, (text) => read(text, room))
  }

  /** Gives the memory back for other sources. The letters are read again if they are asked for. */
  release(): void {
    this.known = undefined
    this.room?.release()
    this.room = undefined
  }
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

/** Where letters are written to: blocks of memory, one after the other. */
class Room {
  block = emptyBlock
  /** Where the next letter is written to. */
  at = 0
  private readonly blocks: Array<Block> = []
  private first = 0

  /** Begins a piece of at most so many letters, with the last ones of another. */
  begin(most: number, before: Piece | undefined): void {
    if (this.at + most > this.block.bytes.length) {
      this.block = blockOf(most, this.block.bytes.length)
      this.blocks.push(this.block)
      this.at = 0
    }
    this.first = this.at
    if (before === undefined) return
    const letters = before.bytes.subarray(Math.max(before.begin, before.end - kept), before.end)
    this.block.bytes.set(letters, this.at)
    this.at += letters.length
  }

  end(): Piece {
    const piece = { bytes: this.block.bytes, words: this.block.words, begin: this.first, end: this.at }
    // What was written too far is no letter of the next piece.
    this.at = Math.ceil(this.at / wordLength) * wordLength
    return piece
  }

  release(): void {
    for (const block of this.blocks) {
      if (block.bytes.length === blockLength && released.length < mostReleased) released.push(block)
    }
  }
}

interface Block {
  readonly bytes: Uint8Array
  readonly words: Uint32Array
  readonly view: DataView
}

const newBlock = (length: number): Block => {
  const bytes = new Uint8Array(length)
  return { bytes, words: new Uint32Array(bytes.buffer), view: new DataView(bytes.buffer) }
}

const emptyBlock = newBlock(0)

/** A block for at least so many letters, after one of some length. Small prompts take little memory. */
const blockOf = (letters: number, before: number): Block => {
  const length = Math.max(2 * before, leastBlock, 2 ** Math.ceil(Math.log2(letters)))
  return length < blockLength ? newBlock(length) : released.pop() ?? newBlock(blockLength)
}

/**
 * Blocks to be written to again. An outage reads many long prompts at once: new memory for each of them would have the
 * garbage collector run meanwhile, which blocks the loop for longer than any search.
 */
const released: Array<Block> = []

/** In bytes. The letters of any piece have room in a block. */
const leastBlock = 2 ** 12
const blockLength = 2 ** 17
const mostReleased = 32

export const wordLength = 4

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
  const { view } = room.block
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
  const { view } = room.block
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
  for (let i = 0; i < one.length; i++) room.block.bytes[room.at++] = byteOf(one.codes[i]!)
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
