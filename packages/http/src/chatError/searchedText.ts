/** A text that is searched for quotations: its letters, and its words. */
import { addLetters, byteOf, Letters, mostLetters } from "./letters.ts"
import { isPlain } from "./plainWords.ts"

/** Where quotations begin and end in a text, in order. */
export type Ranges = ReadonlyArray<readonly [begin: number, end: number]>

/** A run of this many letters is a quotation if a word in it says something. */
export const shortRun = 8

/** A run of this many letters is a quotation whatever its words. */
export const longRun = 32

/** Letters that follow each other without anything in between. */
export interface Word {
  readonly isPlain: boolean
  /** Its letters, counted in letters. */
  readonly first: number
  readonly last: number
  /** Where it stands in the text. */
  readonly begin: number
  readonly end: number
}

export class SearchedText {
  readonly letters: Letters
  /** The letters as those of sources are kept. */
  readonly bytes: Uint8Array
  readonly words: ReadonlyArray<Word>

  constructor(text: string) {
    // The bytes, and a zero after them.
    const bytes = encoder.encode(`${text}\0`)
    const end = bytes.length - 1
    this.letters = new Letters(mostLetters * bytes.length)
    const from: Array<number> = []
    const to: Array<number> = []
    let index = 0
    for (let at = 0; at < end;) {
      const next = addLetters(bytes, at, at + 1, this.letters)
      const begin = index
      index += unitsOf(bytes, at, next)
      while (from.length < this.letters.length) {
        from.push(begin)
        to.push(index)
      }
      at = next
    }
    this.words = this.wordsOf(from, to)
    this.bytes = Uint8Array.from(this.letters.codes.subarray(0, this.letters.length), byteOf)
  }

  /** Whether anything in it can be a quotation. */
  get canQuote(): boolean {
    return this.letters.length >= longRun || this.words.some(({ isPlain }) => !isPlain)
  }

  said(first: number, last: number): string {
    return this.letters.text(first, last + 1)
  }

  /**
   * The places of letters that are hidden, as whole words, with what stands between two of them. A run can end by
   * chance within a word that says nothing, which is then left.
   */
  ranges(hidden: Uint8Array): Ranges {
    const found: Array<[number, number]> = []
    let open = false
    for (const { begin, end, first, isPlain, last } of this.words) {
      const letters = hidden.subarray(first, last + 1)
      const isHidden = letters.includes(1) && !(letters.includes(0) && isPlain)
      if (isHidden && open) found.at(-1)![1] = end
      else if (isHidden) found.push([begin, end])
      open = isHidden
    }
    return found
  }

  private wordsOf(from: ReadonlyArray<number>, to: ReadonlyArray<number>): ReadonlyArray<Word> {
    const words: Array<Word> = []
    for (let first = 0; first < from.length;) {
      let last = first
      while (last + 1 < from.length && (from[last + 1]! === to[last]! || from[last + 1] === from[last])) last++
      words.push({ isPlain: isPlain(this.said(first, last)), first, last, begin: from[first]!, end: to[last]! })
      first = last + 1
    }
    return this.withSpelled(words)
  }

  /**
   * Words that are too short to say anything say something together, where they may spell a text out letter by letter, and so
   * do numbers, as those of a card.
   */
  private withSpelled(words: ReadonlyArray<Word>): ReadonlyArray<Word> {
    const all = [...words]
    const isPart = (i: number) => i < all.length && isPartAlone(this.said(all[i]!.first, all[i]!.last))
    for (let first = 0; first < all.length;) {
      let next = first
      while (isPart(next)) next++
      if (next > first && all[next - 1]!.last - all[first]!.first + 1 >= shortRun) {
        for (let i = first; i < next; i++) all[i] = { ...all[i]!, isPlain: false }
      }
      first = next + 1
    }
    return all
  }
}

/** Whether a word may be a part of what is spelled out. */
const isPartAlone = (word: string): boolean => word.length < 3 || /^\d{1,6}$/.test(word)

const encoder = new TextEncoder()

/** How many units of a string the characters between two places of its bytes are. */
const unitsOf = (bytes: Uint8Array, begin: number, end: number): number => {
  let units = 0
  for (let at = begin; at < end; at++) {
    const byte = bytes[at]!
    if (byte >= 0xf0) units += 2
    else if (byte < 0x80 || byte >= 0xc0) units++
  }
  return units
}
