/**
 * What `quotations` says, found by looking for every piece of a text in every source: as plain as possible, and slow.
 */
const shortRun = 8
const longRun = 32

interface Word {
  readonly word: string
  readonly at: number
  readonly begin: number
  readonly end: number
}

const lettersOf = (text: string): string => text.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "")

const wordsOf = (text: string): ReadonlyArray<Word> => {
  let at = 0
  return Array.from(text.matchAll(/[\p{L}\p{N}]+/gu), ({ 0: match, index }) => {
    const word = { word: match.toLowerCase(), at, begin: index, end: index + match.length }
    at += match.length
    return word
  })
}

/** For texts and sources without escapes and in scripts with spaces. */
export const quotations = (
  text: string,
  sources: ReadonlyArray<string>,
  isPlain: (word: string) => boolean
): ReadonlyArray<readonly [number, number]> => {
  const words = wordsOf(text)
  const letters = lettersOf(text)
  const hidden = Array.from(letters, () => false)
  const hide = (begin: number, end: number) => {
    for (let i = begin; i < end; i++) hidden[i] = true
  }
  for (const source of sources.map(lettersOf)) {
    if (source.length >= 4 && source.length < shortRun) {
      words.forEach((_, i) => {
        words.forEach((_, j) => {
          const some = words.slice(i, j + 1)
          if (some.map(({ word }) => word).join("") === source && some.some(({ word }) => !isPlain(word))) {
            hide(some[0]!.at, some.at(-1)!.at + some.at(-1)!.word.length)
          }
        })
      })
    }
    const has = (at: number) =>
      at >= 0 && at + shortRun <= letters.length && source.includes(letters.slice(at, at + shortRun))
    for (const { at, word } of words) {
      if (isPlain(word)) continue
      for (let i = at - shortRun + 1; i < at + word.length; i++) {
        if (!has(i)) continue
        let [first, last] = [i, i]
        while (has(first - 1)) first--
        while (has(last + 1)) last++
        hide(first, last + shortRun)
      }
    }
    for (let i = 0; i + longRun <= letters.length; i++) {
      if (source.includes(letters.slice(i, i + longRun))) hide(i, i + longRun)
    }
  }
  const found: Array<[number, number]> = []
  let open = false
  for (const { at, begin, end, word } of words) {
    const some = hidden.slice(at, at + word.length)
    const isHidden = some.includes(true) && !(some.includes(false) && isPlain(word))
    if (isHidden && open) found.at(-1)![1] = end
    else if (isHidden) found.push([begin, end])
    open = isHidden
  }
  return found
}
