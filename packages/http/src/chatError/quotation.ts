/**
 * What texts quote from others, whole or in part and however it is written: in other letters of the same word, escaped
 * as in JSON or in a URL, over several lines.
 *
 * Compared are letters (see `letters.ts`). A quotation is a run of `shortRun` letters with a word in it that says
 * something, or of `longRun` letters of any words; it is extended as far as it goes, and to whole words. A source that
 * is too short for a run is quoted by the whole of it.
 *
 * The runs of the texts are put into a table, and each source is read once past it: the cost is that of reading the
 * sources, whatever the texts, and texts that are searched together cost one reading.
 */
import { addLetters, Letters, longestEscape, mostLetters } from "./letters.ts"
import { found, RunScan } from "./runScan.ts"
import { RunTable } from "./runTable.ts"
import { longRun, type Ranges, SearchedText, shortRun } from "./searchedText.ts"

export type { Ranges }

/** For each of the texts, where it quotes any of the sources. */
export const quotations = (
  texts: ReadonlyArray<string>,
  sources: Iterable<string>
): ReadonlyArray<Ranges> => {
  const searched = texts.map((text) => new SearchedText(text))
  const open = searched.filter((text) => text.canQuote)
  if (open.length === 0) return searched.map(() => [])
  const table = new RunTable(open)
  const scan = new RunScan(table, bytes)
  const phrases = phrasesOf(open)
  for (const source of sources) {
    const short = readPast(scan, table, source)
    for (const { first, last, text } of phrases.get(short ?? "") ?? []) table.hide(text, first, last)
  }
  return searched.map((text) => text.canQuote ? text.ranges(table.hiddenOf(open.indexOf(text))) : [])
}

/** Words that follow each other, by which a short source may be quoted. */
interface Phrase {
  readonly text: number
  readonly first: number
  readonly last: number
}

/** Less says nothing. */
const leastQuoted = 4

const phrasesOf = (texts: ReadonlyArray<SearchedText>): ReadonlyMap<string, ReadonlyArray<Phrase>> => {
  const phrases = new Map<string, Array<Phrase>>()
  texts.forEach(({ words }, text) =>
    words.forEach(({ first }, i) => {
      let saysSomething = false
      for (let j = i; j < words.length; j++) {
        const { isPlain, last } = words[j]!
        const length = last - first + 1
        if (length >= shortRun) break
        saysSomething ||= !isPlain
        if (!saysSomething || length < leastQuoted) continue
        const said = texts[text]!.said(first, last)
        const others = phrases.get(said)
        if (others === undefined) phrases.set(said, [{ text, first, last }])
        else others.push({ text, first, last })
      }
    })
  )
  return phrases
}

/**
 * Reads a source piece by piece, so that a long one takes no memory of its length. Returns the letters of one that is
 * too short for a run.
 */
const readPast = (scan: RunScan, table: RunTable, source: string): string | undefined => {
  last.length = 0
  let rest = 0
  table.begin()
  for (let at = 0; at < source.length;) {
    const end = endOfPiece(source, at)
    const into = rest === 0 ? bytes : bytes.subarray(rest)
    const written = rest + encoder.encodeInto(source.slice(at, end), into).written
    bytes.fill(0, written, written + RunScan.after)
    // An escape is not cut: what may be the beginning of one is read with the next piece.
    const stop = readPiece(scan, table, end < source.length ? written - longestEscape : written)
    rest = written - stop
    if (rest > 0) bytes.copyWithin(0, stop, written)
    at = end
  }
  table.end()
  return last.length < shortRun ? last.text(0, last.length) : undefined
}

/** Reads a piece up to a place and returns where it stopped. The letters are taken in only where they may have a run. */
const readPiece = (scan: RunScan, table: RunTable, end: number): number => {
  if (last.length > kept) last.keepLast(kept)
  if (end > tailLength) {
    scan.begin(last)
    const tail = scan.read(0, end - tailLength)
    const stop = tail === found ? found : scan.read(tail, end)
    if (stop !== found) {
      const length = last.length
      addLetters(bytes, tail, stop, last)
      // As many letters as are kept stand in the tail of all but odd pieces.
      if (last.length - length < kept) {
        last.length = length
        addLetters(bytes, 0, stop, last)
      }
      return stop
    }
  }
  const stop = addLetters(bytes, 0, end, last)
  table.read(last)
  return stop
}

/** Where the next piece ends. No character is cut. */
const endOfPiece = (source: string, begin: number): number => {
  const end = begin + pieceLength
  if (end >= source.length) return source.length
  return (source.charCodeAt(end - 1) & 0xfc00) === 0xd800 ? end - 1 : end
}

const pieceLength = 2 ** 12

/** In bytes. */
const tailLength = 128

/** Letters that stay for the next piece: a run across the border is found in the one or in the other. */
const kept = longRun

// Searching is one synchronous step, so all share these.
const encoder = new TextEncoder()
const bytes = new Uint8Array(longestEscape + 3 * pieceLength + RunScan.after)

/** The last letters. */
const last = new Letters(kept + mostLetters * bytes.length + 1)
