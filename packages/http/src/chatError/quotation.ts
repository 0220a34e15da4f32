/**
 * What a text quotes from others, whole or in part and however it is written: in other letters of the same word,
 * escaped as in JSON or in a URL, over several lines.
 *
 * Compared is what is left without case, space and punctuation. A quotation is a run of {@link shortRun} letters with a
 * word in it that says something, or of {@link longRun} letters of any words; it is extended as far as it goes, and to
 * whole words.
 */
import { isPlain } from "./plainWords.ts"

const shortRun = 8
const longRun = 32

/** Where a text quotes any of the sources: pairs of beginning and end, in order. */
export const quotations = (text: string, sources: ReadonlyArray<string>): ReadonlyArray<readonly [number, number]> => {
  if (sources.length === 0 || text === "") return []
  const plain = lettersOf(text)
  const words = wordsOf(plain)
  const telling = words.filter(({ word }) => !isPlain(word))
  const hidden = new Uint8Array(plain.letters.length)
  if (telling.length === 0 && plain.letters.length < longRun) return []
  for (const letters of lettersOfAll(sources)) {
    hideShort(hidden, words, letters)
    hideRuns(hidden, plain.letters, letters, telling)
  }
  return ranges(words, hidden)
}

interface Letters {
  /** Letters and digits, in small letters. */
  readonly letters: string
  /** For each of them where it begins and ends in the text. */
  readonly from: ReadonlyArray<number>
  readonly to: ReadonlyArray<number>
}

/** One character of a script without spaces says as much as some letters of a word. */
const dense = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Thai}]/u
const denses = new RegExp(dense, "gu")

const escapes = /(?:%[0-9a-f]{2})+|\\u[0-9a-f]{4}|\\+[nrtbf"\\/]/gi
const pieces = new RegExp(`${escapes.source}|[^]`, "giu")

const lettersOf = (text: string): Letters => {
  const from: Array<number> = []
  const to: Array<number> = []
  let letters = ""
  const add = (character: string, begin: number, end: number) => {
    if (!/[\p{L}\p{N}]/u.test(character)) return
    const small = dense.test(character) ? character.repeat(3) : character.toLowerCase()
    letters += small
    for (let i = 0; i < small.length; i++) {
      from.push(begin)
      to.push(end)
    }
  }
  for (const { 0: piece, index } of text.matchAll(pieces)) {
    for (const character of written(piece)) add(character, index, index + piece.length)
  }
  return { letters, from, to }
}

// The error of one call asks several times about the same texts, which may be long.
const known = new WeakMap<ReadonlyArray<string>, ReadonlyArray<string>>()

/** The letters alone of all texts, as {@link lettersOf} finds them. */
const lettersOfAll = (texts: ReadonlyArray<string>): ReadonlyArray<string> => {
  let letters = known.get(texts)
  if (letters === undefined) {
    letters = texts.map((text) =>
      text.replace(escapes, written).replace(/[^\p{L}\p{N}]+/gu, "").replace(denses, "$&$&$&").toLowerCase()
    )
    known.set(texts, letters)
  }
  return letters
}

/** What a piece of a text stands for. */
const written = (piece: string): string => {
  if (piece.length < 2) return piece
  if (piece.startsWith("\\u")) return String.fromCharCode(Number.parseInt(piece.slice(2), 16))
  if (piece.startsWith("\\")) return " "
  if (!piece.startsWith("%")) return piece
  try {
    return decodeURIComponent(piece)
  } catch {
    return " "
  }
}

/** A word of a text: letters that follow each other without anything in between. */
interface Word {
  readonly word: string
  /** Its letters, counted in letters. */
  readonly first: number
  readonly last: number
  /** Where it stands in the text. */
  readonly begin: number
  readonly end: number
}

const wordsOf = ({ from, letters, to }: Letters): ReadonlyArray<Word> => {
  const words: Array<Word> = []
  for (let first = 0; first < letters.length;) {
    let last = first
    while (last + 1 < letters.length && (from[last + 1]! === to[last]! || from[last + 1] === from[last])) last++
    words.push({ word: letters.slice(first, last + 1), first, last, begin: from[first]!, end: to[last]! })
    first = last + 1
  }
  return words
}

/** A source that is too short for a run is quoted by the whole of it. */
const hideShort = (hidden: Uint8Array, words: ReadonlyArray<Word>, source: string): void => {
  if (source.length < 4 || source.length >= shortRun) return
  for (let i = 0; i < words.length; i++) {
    let said = ""
    for (let j = i; j < words.length && said.length < source.length; j++) {
      said += words[j]!.word
      if (said === source && words.slice(i, j + 1).some(({ word }) => !isPlain(word))) {
        hidden.fill(1, words[i]!.first, words[j]!.last + 1)
      }
    }
  }
}

const hideRuns = (hidden: Uint8Array, text: string, source: string, telling: ReadonlyArray<Word>): void => {
  const quotes = (at: number) =>
    at >= 0 && at + shortRun <= text.length && source.includes(text.slice(at, at + shortRun))
  const hideFrom = (at: number) => {
    let [first, last] = [at, at]
    while (quotes(first - 1)) first--
    while (quotes(last + 1)) last++
    hidden.fill(1, first, last + shortRun)
  }
  for (const { first, last } of telling) {
    for (let at = first - shortRun + 1; at <= last; at++) if (hidden[at] !== 1 && quotes(at)) hideFrom(at)
  }
  // Any run of so many letters has one of these pieces in it whole.
  const step = longRun >> 1
  for (let at = 0; at + step <= text.length; at += step) {
    if (hidden[at] === 1 || !source.includes(text.slice(at, at + step))) continue
    let [first, last] = [at, at + step]
    while (first > 0 && source.includes(text.slice(first - 1, last))) first--
    while (last < text.length && source.includes(text.slice(first, last + 1))) last++
    if (last - first >= longRun) hidden.fill(1, first, last)
  }
}

/**
 * Whole words, and what stands between two that are hidden. A run can end by chance within a word that says nothing,
 * which is then left.
 */
const ranges = (words: ReadonlyArray<Word>, hidden: Uint8Array): ReadonlyArray<readonly [number, number]> => {
  const found: Array<[number, number]> = []
  let open = false
  for (const { begin, end, first, last, word } of words) {
    const letters = hidden.subarray(first, last + 1)
    const isHidden = letters.includes(1) && !(letters.includes(0) && isPlain(word))
    if (isHidden && open) found.at(-1)![1] = end
    else if (isHidden) found.push([begin, end])
    open = isHidden
  }
  return found
}
