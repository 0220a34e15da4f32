/**
 * What texts quote from others, whole or in part and however it is written: in other letters of the same word, escaped
 * as in JSON or in a URL, over several lines.
 *
 * Compared are letters (see `letters.ts`). A quotation is a run of `shortRun` letters with a word in it that says
 * something, or of `longRun` letters of any words; it is extended as far as it goes, and to whole words. A source that
 * is too short for a run is quoted by the whole of it.
 *
 * The runs of the texts are put into a table, and the letters of each source are read past it. They are kept, so that a
 * source is read once, whatever texts are searched for it and when.
 */
import { RunTable } from "./runTable.ts"
import { type Ranges, SearchedText, shortRun } from "./searchedText.ts"
import type { Source, Sources } from "./sourceLetters.ts"

export type { Ranges }

/** For each of the texts, where it quotes any of the sources. */
export const quotations = (
  texts: ReadonlyArray<string>,
  sources: Sources
): ReadonlyArray<Ranges> => {
  const searched = texts.map((text) => new SearchedText(text))
  const open = searched.filter((text) => text.canQuote)
  if (open.length === 0) return searched.map(() => [])
  const table = new RunTable(open)
  const phrases = phrasesOf(open)
  for (const source of sources.letters) {
    table.read(source)
    for (const { first, last, text } of phrases.get(shortOf(source)) ?? []) table.hide(text, first, last)
  }
  return searched.map((text) => text.canQuote ? text.ranges(table.hiddenOf(open.indexOf(text))) : [])
}

/** Words that follow each other, by which a short source may be quoted. */
interface Phrase {
  readonly text: number
  readonly first: number
  readonly last: number
}

/** The letters of a source that is too short for a run. The last piece has all of them. */
const shortOf = (source: Source): string => {
  const last = source.at(-1)
  return last === undefined || last.end - last.begin >= shortRun
    ? ""
    : String.fromCharCode(...last.bytes.subarray(last.begin, last.end))
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
        const said = String.fromCharCode(...texts[text]!.bytes.subarray(first, last + 1))
        const others = phrases.get(said)
        if (others === undefined) phrases.set(said, [{ text, first, last }])
        else others.push({ text, first, last })
      }
    })
  )
  return phrases
}
