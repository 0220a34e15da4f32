/**
 * The runs of letters of some texts in a table. The letters of a source are read past it, and the table notes which runs the
 * source has, too. One that was found is not looked for in the rest of the source, so that a source that repeats itself
 * costs no more than another one.
 *
 * A run of eight letters has four in it that begin at a multiple of four. So it is enough to look at every fourth place of
 * a source: where four letters stand that a run has, the runs around them are looked up.
 */
import { CountingFilter } from "./countingFilter.ts"
import * as RunHash from "./runHash.ts"
import { longRun, type SearchedText, shortRun } from "./searchedText.ts"
import { type Piece, type Source, wordLength } from "./sourceLetters.ts"

export class RunTable {
  /** The letters of all texts, with a gap before, between and after them, which no letter of a source is equal to. */
  private readonly letters: Uint8Array
  private readonly offsets: ReadonlyArray<number>
  private readonly hidden: Uint8Array
  /** For each place whether the run there has letters of a word that says something. */
  private readonly isTelling: Uint8Array
  /** For each place the first place with the same run, and the next one. */
  private readonly first: Int32Array
  private readonly next: Int32Array
  private readonly hashes: Int32Array
  /** First places by their hashes, plus one. */
  private readonly slots: Int32Array
  private readonly slotShift: number
  /** The hashes of any four letters of the runs that are looked for. */
  private readonly groups: CountingFilter
  /** For each first place, plus one, the first of its marks, and for each mark the next one. Zero is none. */
  private readonly marks: Int32Array
  private readonly nextMark: Int32Array
  /** For each first place the last source that has the run. */
  private readonly source: Int32Array
  /** For each place the last source whose quotation was extended over the run there. */
  private readonly extended: Int32Array
  private sources = 0
  private readonly found: Array<number> = []
  private effort = 0

  constructor(texts: ReadonlyArray<SearchedText>) {
    const offsets: Array<number> = []
    let length = gap
    for (const { bytes } of texts) {
      offsets.push(length)
      length += bytes.length + gap
    }
    this.offsets = offsets
    this.letters = new Uint8Array(length)
    this.hidden = new Uint8Array(length)
    this.isTelling = new Uint8Array(length)
    this.first = new Int32Array(length).fill(-1)
    this.next = new Int32Array(length).fill(-1)
    this.hashes = new Int32Array(length)
    this.marks = new Int32Array(length)
    this.nextMark = new Int32Array(length)
    this.source = new Int32Array(length)
    this.extended = new Int32Array(length)
    this.groups = new CountingFilter(length)
    const bits = Math.ceil(Math.log2(length)) + 3
    this.slots = new Int32Array(2 ** bits)
    this.slotShift = 32 - bits
    // Nothing is to be hidden between the texts.
    this.hidden[0] = 1
    texts.forEach((text, i) => this.put(text, offsets[i]!))
  }

  /** Hides letters of a text, counted from its first one. */
  hide(text: number, first: number, last: number): void {
    const offset = this.offsets[text]!
    this.hidden.fill(1, offset + first, offset + last + 1)
  }

  /** For each letter of a text whether it is hidden. */
  hiddenOf(text: number): Uint8Array {
    return this.hidden.subarray(this.offsets[text])
  }

  /** Reads a source, and hides the runs that it has and that say something. */
  read(source: Source): void {
    this.sources++
    for (const piece of source) this.readPiece(piece)
    for (const first of this.found) {
      for (let at = first; at >= 0; at = this.next[at]!) {
        if (this.isTelling[at] === 1 && this.extended[at] !== this.sources) this.hideFrom(at)
      }
      if (this.marks[first] === 0) this.want(first)
    }
    this.found.length = 0
  }

  private readPiece(piece: Piece): void {
    const end = Math.floor(piece.end / wordLength)
    for (let word = piece.begin / wordLength;; word++) {
      word = this.nextWord(piece.words, word, end)
      if (word >= end) break
      this.lookAround(piece, word * wordLength)
    }
  }

  /** The next four letters that a run has. A loop of its own, without calls, runs faster. */
  private nextWord(words: Uint32Array, begin: number, end: number): number {
    const { bits, shift } = this.groups
    let word = begin
    for (; word < end; word++) {
      const bit = RunHash.mixed(words[word]!) >>> shift
      if ((bits[bit >>> 5]! & 1 << bit) !== 0) break
    }
    return word
  }

  private lookAround(piece: Piece, at: number): void {
    const last = Math.min(at, piece.end - shortRun)
    for (let run = Math.max(piece.begin, at - wordLength); run <= last; run++) {
      this.lookUp(piece, run, RunHash.ofRun(piece.bytes, run))
    }
  }

  private put({ bytes, words }: SearchedText, offset: number): void {
    this.letters.set(bytes, offset)
    this.hidden[offset + bytes.length] = 1
    for (const { first, isPlain, last } of words) {
      if (!isPlain) this.isTelling.fill(1, offset + Math.max(0, first - shortRun + 1), offset + last + 1)
    }
    const end = offset + bytes.length - shortRun
    for (let at = offset; at <= end; at++) this.putRun(at, RunHash.ofRun(this.letters, at))
  }

  private putRun(at: number, hash: number): void {
    const slot = this.slotOf(this.letters, at, hash)
    const first = this.slots[slot]! - 1
    if (first < 0) {
      this.slots[slot] = at + 1
      this.hashes[at] = hash
      this.want(at)
    } else {
      this.next[at] = this.next[first]!
      this.next[first] = at
    }
    this.first[at] = first < 0 ? at : first
    if (at % markEvery === 0 && this.isTelling[at] === 0) {
      this.nextMark[at] = this.marks[this.first[at]!]!
      this.marks[this.first[at]!] = at + 1
    }
  }

  /** The slot of a run, or the one that is free for it. */
  private slotOf(letters: Uint8Array, at: number, hash: number): number {
    const mask = this.slots.length - 1
    let slot = hash >>> this.slotShift
    for (;;) {
      const first = this.slots[slot]! - 1
      if (first < 0 || (this.hashes[first] === hash && this.isRunAt(first, letters, at))) return slot
      slot = (slot + 1) & mask
    }
  }

  private isRunAt(place: number, letters: Uint8Array, at: number): boolean {
    for (let i = 0; i < shortRun; i++) if (this.letters[place + i] !== letters[at + i]) return false
    return true
  }

  private want(first: number): void {
    for (let at = first; at <= first + shortRun - wordLength; at++) this.groups.add(RunHash.ofWord(this.letters, at))
  }

  private wantNoMore(first: number): void {
    for (let at = first; at <= first + shortRun - wordLength; at++) this.groups.remove(RunHash.ofWord(this.letters, at))
  }

  private lookUp(piece: Piece, at: number, hash: number): void {
    const first = this.slots[this.slotOf(piece.bytes, at, hash)]! - 1
    if (first < 0 || !this.isOpen(first)) return
    if (this.source[first] !== this.sources) {
      this.source[first] = this.sources
      this.found.push(first)
    }
    if (this.marks[first] !== 0) this.lookLong(piece, at, first)
    if (!this.isOpen(first)) this.wantNoMore(first)
  }

  /** Whether a run was not found yet, or may be found again as part of a long one. */
  private isOpen(first: number): boolean {
    return this.source[first] !== this.sources || this.marks[first] !== 0
  }

  /**
   * Any run of {@link longRun} letters without a word that says something has one of the marked places in it, and is
   * followed from there. One with such a word is found by its short runs. A mark is taken away when all around it is
   * hidden.
   */
  private lookLong({ begin, bytes, end }: Piece, at: number, first: number): void {
    let last = 0
    for (let mark = this.marks[first]!; mark !== 0; mark = this.nextMark[mark - 1]!) {
      const place = mark - 1
      let before = 0
      while (before < most && before < at - begin && this.letters[place - before - 1] === bytes[at - before - 1])
        before++
      let after = shortRun
      while (after < longRun && at + after < end && this.letters[place + after] === bytes[at + after]) after++
      this.effort += before + after
      if (before + after >= longRun) this.hidden.fill(1, place - before, place + after)
      if (!this.hidden.subarray(Math.max(0, place - most), place + longRun).includes(0)) {
        if (last === 0) this.marks[first] = this.nextMark[place]!
        else this.nextMark[last - 1] = this.nextMark[place]!
      } else last = mark
    }
    // Only texts that repeat themselves, and a source that repeats them, come to this. They are not shown.
    if (this.effort >= mostEffort) this.hideAll()
  }

  private hideAll(): void {
    this.hidden.fill(1)
    this.groups.clear()
  }

  private hideFrom(at: number): void {
    const isQuoted = (place: number) => {
      const first = this.first[place]!
      return first >= 0 && this.source[first] === this.sources
    }
    let [begin, end] = [at, at]
    while (isQuoted(begin - 1)) begin--
    while (isQuoted(end + 1)) end++
    this.hidden.fill(1, begin, end + shortRun)
    this.extended.fill(this.sources, begin, end + 1)
  }
}

const gap = 1

/** Half of what of a {@link longRun} is left when a short run is taken out. */
const markEvery = 16

/** Letters of a long run that may stand before a mark, or after one. */
const most = longRun - shortRun

const mostEffort = 2 ** 22
