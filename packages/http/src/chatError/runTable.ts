/**
 * The runs of letters of some texts in a table. A source is read once past it, and the table notes which runs the source
 * has, too.
 *
 * Of a source only every fourth place is looked at: each run of eight letters has five letters in it that begin at such a
 * place. Where these are five of a run that is looked for, the runs around them are compared. A run that was found is not
 * looked for in the rest of the source, so that a source that repeats itself costs no more than another one.
 */
import { CountingFilter } from "./countingFilter.ts"
import { Letters } from "./letters.ts"
import { longRun, type SearchedText, shortRun } from "./searchedText.ts"

export class RunTable {
  /** The letters of all texts, with a gap before, between and after them, which no letter of a source is equal to. */
  private readonly letters: Uint16Array
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
  /** The hashes of the runs that are looked for, and of the groups in them. */
  private readonly wanted: CountingFilter
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
    for (const { letters } of texts) {
      offsets.push(length)
      length += letters.length + gap
    }
    this.offsets = offsets
    this.letters = new Uint16Array(length)
    this.hidden = new Uint8Array(length)
    this.isTelling = new Uint8Array(length)
    this.first = new Int32Array(length).fill(-1)
    this.next = new Int32Array(length).fill(-1)
    this.hashes = new Int32Array(length)
    this.marks = new Int32Array(length)
    this.nextMark = new Int32Array(length)
    this.source = new Int32Array(length)
    this.extended = new Int32Array(length)
    this.wanted = new CountingFilter(2 * length)
    this.slots = new Int32Array(2 ** (Math.ceil(Math.log2(length)) + 1))
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

  /** Begins a source. */
  begin(): void {
    this.sources++
  }

  /** Takes in letters of the source. Those that were taken in before may be given again. */
  read(letters: Letters): void {
    const { bits, shift } = this.wanted
    const { codes, length } = letters
    for (let at = 0; at + groupLength <= length; at += step) {
      const bit = groupHash(codes, at) >>> shift
      if ((bits[bit >>> 5]! & (1 << bit)) !== 0) this.look(letters, at)
    }
  }

  /** Ends the source, and hides the runs that it has and that say something. */
  end(): void {
    for (const first of this.found) {
      for (let at = first; at >= 0; at = this.next[at]!) {
        if (this.isTelling[at] === 1 && this.extended[at] !== this.sources) this.hideFrom(at)
      }
      if (this.marks[first] === 0) this.want(first)
    }
    this.found.length = 0
  }

  private put({ letters, words }: SearchedText, offset: number): void {
    this.letters.set(letters.codes.subarray(0, letters.length), offset)
    this.hidden[offset + letters.length] = 1
    for (const { first, isPlain, last } of words) {
      if (!isPlain) this.isTelling.fill(1, offset + Math.max(0, first - shortRun + 1), offset + last + 1)
    }
    let hash = 0
    for (let i = 0; i < letters.length; i++) {
      hash = rolled(hash, letters.codes[i]!)
      if (i >= shortRun - 1) this.putRun(offset + i - shortRun + 1, hash)
    }
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
  private slotOf(letters: Uint16Array, at: number, hash: number): number {
    const mask = this.slots.length - 1
    let slot = (Math.imul(hash, mix) >>> 8) & mask
    for (;;) {
      const first = this.slots[slot]! - 1
      if (first < 0 || (this.hashes[first] === hash && this.isRunAt(first, letters, at))) return slot
      slot = (slot + 1) & mask
    }
  }

  private isRunAt(place: number, letters: Uint16Array, at: number): boolean {
    for (let i = 0; i < shortRun; i++) if (this.letters[place + i] !== letters[at + i]) return false
    return true
  }

  private want(first: number): void {
    this.wanted.add(Math.imul(this.hashes[first]!, mix))
    for (let at = first; at < first + step; at++) this.wanted.add(groupHash(this.letters, at))
  }

  private wantNoMore(first: number): void {
    this.wanted.remove(Math.imul(this.hashes[first]!, mix))
    for (let at = first; at < first + step; at++) this.wanted.remove(groupHash(this.letters, at))
  }

  /** Looks up the runs that have the group at a place, and do not have the one before it. */
  private look(letters: Letters, at: number): void {
    const { codes, length } = letters
    const begin = Math.max(0, at - step + 1)
    const end = Math.min(at + shortRun, length)
    let hash = 0
    for (let i = begin; i < end; i++) {
      hash = rolled(hash, codes[i]!)
      if (i - begin >= shortRun - 1 && this.wanted.has(Math.imul(hash, mix)))
        this.lookUp(letters, i - shortRun + 1, hash)
    }
  }

  private lookUp(letters: Letters, at: number, hash: number): void {
    const first = this.slots[this.slotOf(letters.codes, at, hash)]! - 1
    if (first < 0) return
    const isFound = this.source[first] === this.sources
    if (!isFound) {
      this.source[first] = this.sources
      this.found.push(first)
    }
    const hadMarks = this.marks[first] !== 0
    if (hadMarks) this.lookLong(letters, at, first)
    if ((hadMarks || !isFound) && this.marks[first] === 0) this.wantNoMore(first)
  }

  /**
   * Any run of {@link longRun} letters without a word that says something has one of the marked places in it, and is
   * followed from there. One with such a word is found by its short runs. A mark is taken away when all around it is
   * hidden.
   */
  private lookLong({ codes, length }: Letters, at: number, first: number): void {
    let last = 0
    for (let mark = this.marks[first]!; mark !== 0; mark = this.nextMark[mark - 1]!) {
      const place = mark - 1
      let before = 0
      while (before < most && before < at && this.letters[place - before - 1] === codes[at - before - 1]) before++
      let after = shortRun
      while (after < longRun && at + after < length && this.letters[place + after] === codes[at + after]) after++
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
    this.wanted.clear()
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

/** Letters that are looked at together. A run has a whole group however it lies to the steps. */
const groupLength = 5

const step = shortRun - groupLength + 1

const groupHash = (letters: Uint16Array, at: number): number =>
  Math.imul(
    letters[at]! ^ letters[at + 1]! << 6 ^ letters[at + 2]! << 12 ^ letters[at + 3]! << 18 ^ letters[at + 4]! << 24,
    mix
  )

/** The hash of the last eight letters: with each letter, the oldest is shifted out of it. */
const rolled = (hash: number, letter: number): number => ((hash << 4) + Math.imul(letter, mix)) | 0

const mix = 0x9e3779b1
