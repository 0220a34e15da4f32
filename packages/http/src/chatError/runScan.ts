/**
 * Reads a source past the runs that are looked for, without writing its letters anywhere.
 *
 * A run of eight letters has four groups of five in it. So it is enough to look at the last group after every fourth byte,
 * or more often: any run has a group that is looked at. Where that is a group of a run that is looked for, the runs around
 * it are looked at. Only hashes are compared: what is passed by has no such run in it, and where the scan stops there may
 * be one.
 */
import * as Characters from "./characters.ts"
import { addLetters, isEscape, letterOf, type Letters, lettersOfOne, none, other } from "./letters.ts"
import * as RunHash from "./runHash.ts"
import type { RunTable } from "./runTable.ts"
import { shortRun } from "./searchedText.ts"

/** Where a run that is looked for may be. */
export const found = -1

export class RunScan {
  /** So many zeros must stand after the bytes of a source. */
  static readonly after = 4

  private readonly table: RunTable
  private readonly bytes: Uint8Array
  private readonly view: DataView
  /** Of the last letters. */
  private hash = 0
  private isAtGroup = false

  constructor(table: RunTable, bytes: Uint8Array) {
    this.table = table
    this.bytes = bytes
    this.view = new DataView(bytes.buffer)
    if (!isFilled) fill()
  }

  /** Begins after some letters. */
  begin({ codes, length }: Letters): void {
    this.hash = 0
    for (let i = Math.max(0, length - shortRun); i < length; i++) this.hash = RunHash.next(this.hash, codes[i]!)
  }

  /**
   * Reads on, from one place to another, and returns where it stopped: at `end`, or up to three bytes after it; or
   * {@link found}.
   */
  read(begin: number, end: number): number {
    // A run may end up to three letters after the group of it that was looked at, which may be before `begin`.
    this.isAtGroup = true
    for (let at = begin;;) {
      if (this.isAtGroup && this.isNear(at, end)) return found
      if (at >= end) return at
      const lead = this.bytes[at]!
      at = lead >= 0xe0 && lead < 0xf0
        ? this.readTriples(at, end)
        : lead >= 0xf0 || isEscape(lead)
        ? this.readOther(at)
        : this.readPairs(at, end)
    }
  }

  // The loops are methods of their own, without calls: they run twice as fast so.

  /** Reads characters of one byte and of two. */
  private readPairs(begin: number, end: number): number {
    const { table: { groups: { bits, shift } }, view } = this
    let { hash } = this
    let at = begin
    this.isAtGroup = false
    while (at < end) {
      const four = view.getUint32(at, true)
      const first = ofPair[four & 0xffff]!
      const second = ofPair[four >>> 16]!
      if (first >= 0 && second >= 0) {
        hash = hash << first | first >>> shiftBits
        hash = hash << second | second >>> shiftBits
        at += 4
      } else if (first >= 0) {
        hash = hash << first | first >>> shiftBits
        at += 2
      } else {
        const single = ofSingle[four & 0xff]!
        if (single < 0) break
        hash = hash << single | single >>> shiftBits
        at += 1
      }
      const bit = RunHash.ofGroup(hash) >>> shift
      if ((bits[bit >>> 5]! & 1 << bit) !== 0) {
        this.isAtGroup = true
        break
      }
    }
    this.hash = hash
    return at
  }

  /** Reads characters of three bytes. */
  private readTriples(begin: number, end: number): number {
    const { table: { groups: { bits, shift } }, view } = this
    let { hash } = this
    let at = begin
    this.isAtGroup = false
    while (at < end) {
      const four = view.getUint32(at, true)
      if ((four & 0xf0) !== 0xe0) break
      const codePoint = (four & 0xf) << 12 | (four >>> 2 & 0xfc0) | (four >>> 16 & 0x3f)
      const one = ofTriple[codePoint] ||
        (ofTriple[codePoint] = addedBy(Characters.kindOf(codePoint), codePoint) | isKnown)
      hash = hash << one | one >>> shiftBits & 0xfff
      at += 3
      const bit = RunHash.ofGroup(hash) >>> shift
      if ((bits[bit >>> 5]! & 1 << bit) !== 0) {
        this.isAtGroup = true
        break
      }
    }
    this.hash = hash
    return at
  }

  /** Reads an escape, or a character of four bytes. */
  private readOther(begin: number): number {
    one.length = 0
    const at = addLetters(this.bytes, begin, begin + 1, one)
    for (let i = 0; i < one.length; i++) this.hash = RunHash.next(this.hash, one.codes[i]!)
    // A run does not end among the letters of one character, except after the first: any two of them are of that only.
    this.isAtGroup = this.table.groups.has(RunHash.ofGroup(this.hash))
    return at
  }

  /** Whether a run that is looked for may end here, or with one of the next letters. */
  private isNear(begin: number, end: number): boolean {
    const { bytes, table } = this
    let { hash } = this
    if (table.mayHave(hash, bytes, begin, end)) return true
    for (let at = begin, letters = 0; letters < lettersAfter && at < end;) {
      const letter = letterOf[bytes[at]!]!
      if (letter === none) at++
      else if (letter !== other) {
        at++
        letters++
        hash = RunHash.next(hash, letter)
        if (table.mayHave(hash, bytes, at, end)) return true
      } else {
        ahead.length = 0
        at = addLetters(bytes, at, at + 1, ahead)
        letters += ahead.length
        for (let i = 0; i < ahead.length; i++) {
          hash = RunHash.next(hash, ahead.codes[i]!)
          // Within a character there is no place from which the letters before it could be read.
          if (table.mayHave(hash, bytes, i === ahead.length - 1 ? at : 0, end)) return true
        }
      }
    }
    return false
  }
}

/** The most letters of a run after a group of it. */
const lettersAfter = shortRun - RunHash.groupLength

// Searching is one synchronous step, so all share these.
const one = lettersOfOne()
const ahead = lettersOfOne()

/**
 * What characters add to a hash: the bits it is shifted by, and above these what is put there. Of one byte, of two bytes
 * as two characters or as one, and by code points. Negative where the bytes are anything else.
 */
const ofSingle = new Int16Array(2 ** 8).fill(-1)
const ofPair = new Int16Array(2 ** 16).fill(-1)

/** Zero where nobody has looked yet. */
const ofTriple = new Int32Array(2 ** 16)

const shiftBits = 5
const isKnown = 2 ** 20

const addedBy = (kind: number, codePoint: number): number =>
  kind === Characters.none
    ? 0
    : kind === Characters.dense
    ? RunHash.nextDense(0, codePoint) << shiftBits | 3 * RunHash.bitsOfLetter
    : RunHash.next(0, kind) << shiftBits | RunHash.bitsOfLetter

/** What the second adds after the first. */
const joined = (first: number, second: number): number =>
  (first >>> shiftBits << second | second >>> shiftBits) << shiftBits | (first + second) % 2 ** shiftBits

/** Done when it is first needed: it takes about as long as reading a page. */
let isFilled = false
const fill = (): void => {
  isFilled = true
  for (let byte = 0; byte < 0x80; byte++) {
    if (letterOf[byte] !== other) ofSingle[byte] = addedBy(letterOf[byte] || Characters.none, byte)
  }
  for (let first = 0; first < 0x80; first++) {
    for (let second = 0; second < 0x80; second++) {
      const [one, two] = [ofSingle[first]!, ofSingle[second]!]
      if (one >= 0 && two >= 0) ofPair[first | second << 8] = joined(one, two)
    }
  }
  for (let codePoint = 0x80; codePoint < 0x800; codePoint++) {
    const kind = Characters.kindOf(codePoint)
    ofPair[0xc0 | codePoint >>> 6 | (0x80 | codePoint & 0x3f) << 8] = addedBy(kind, codePoint)
  }
}
