/**
 * The runs of letters of some texts in a table. A source is read once past it, letter by letter, and the table notes
 * which runs the source has, too.
 */
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
  /** A bit for each hash, so that most letters of a source cost one look. */
  private readonly filter: Int32Array
  private readonly shift: number
  /** For each first place whether a long run may begin near any place with the same run. */
  private readonly isMark: Uint8Array
  /** For each first place the last source that has the run. */
  private readonly source: Int32Array
  /** For each place the last source whose quotation was extended over the run there. */
  private readonly extended: Int32Array
  private sources = 0
  private found: Array<number> = []
  /** How far a source is ahead of the texts in the run that was followed last, and where in the source that ends. */
  private followed = 0
  private followedTo = 0
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
    this.isMark = new Uint8Array(length)
    this.source = new Int32Array(length)
    this.extended = new Int32Array(length)
    const bits = Math.ceil(Math.log2(length)) + 6
    this.filter = new Int32Array(2 ** (bits - 5))
    this.shift = 32 - bits
    this.slots = new Int32Array(2 ** (bits - 5))
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
    this.found = []
  }

  /** Takes in letters of the source. Those that were taken in before may be given again. */
  read(letters: Letters): void {
    this.followedTo = 0
    const { filter, shift } = this
    const { codes, length } = letters
    let hash = 0
    for (let at = 0; at < length; at++) {
      hash = rolled(hash, codes[at]!)
      const bit = Math.imul(hash, mix) >>> shift
      if ((filter[bit >>> 5]! & (1 << bit)) !== 0 && at >= shortRun - 1) this.look(letters, at - shortRun + 1, hash)
    }
  }

  /** Ends the source, and hides the runs that it has and that say something. */
  end(): void {
    for (const first of this.found) {
      for (let at = first; at >= 0; at = this.next[at]!) {
        if (this.isTelling[at] === 1 && this.extended[at] !== this.sources) this.hideFrom(at)
      }
    }
  }

  private put({ letters, words }: SearchedText, offset: number): void {
    this.letters.set(letters.codes.subarray(0, letters.length), offset)
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
      const bit = Math.imul(hash, mix) >>> this.shift
      this.filter[bit >>> 5]! |= 1 << bit
    } else {
      this.next[at] = this.next[first]!
      this.next[first] = at
    }
    this.first[at] = first < 0 ? at : first
    if (at % markEvery === 0) this.isMark[this.first[at]!] = 1
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

  private look(letters: Letters, at: number, hash: number): void {
    const first = this.slots[this.slotOf(letters.codes, at, hash)]! - 1
    if (first < 0) return
    if (this.source[first] !== this.sources) {
      this.source[first] = this.sources
      this.found.push(first)
    }
    if (this.isMark[first] === 1) this.lookLong(letters, at, first)
  }

  /** Any run of {@link longRun} letters has one of the marked places in it, and is followed from there. */
  private lookLong({ codes, length }: Letters, at: number, first: number): void {
    for (let place = first; place >= 0 && this.effort < mostEffort; place = this.next[place]!) {
      this.effort++
      if (place % markEvery !== 0) continue
      // Further on in the run that was just followed.
      if (at - place === this.followed && at < this.followedTo) continue
      let before = 0
      while (before < at && this.letters[place - before - 1] === codes[at - before - 1]) before++
      let after = shortRun
      while (at + after < length && this.letters[place + after] === codes[at + after]) after++
      this.effort += before + after
      this.followed = at - place
      this.followedTo = at + after
      if (before + after >= longRun) this.hidden.fill(1, place - before, place + after)
    }
    // Only texts that repeat themselves, and a source that repeats them, come to this. They are not shown.
    if (this.effort >= mostEffort) this.hidden.fill(1)
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

const mostEffort = 2 ** 24

/** The hash of the last eight letters: with each letter, the oldest is shifted out of it. */
const rolled = (hash: number, letter: number): number => ((hash << 4) + Math.imul(letter, mix)) | 0

const mix = 0x9e3779b1
