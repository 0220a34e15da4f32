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

const token =
  /\\u[0-9a-f]{4}|\\[nrtbf"/]|%[0-7][0-9a-f]|%[cd][0-9a-f]%[89ab][0-9a-f]|%e[0-9a-f](?:%[89ab][0-9a-f]){2}|%f[0-9a-f](?:%[89ab][0-9a-f]){3}|%[0-9a-f]{2}|[^]/giu

/** The character that a piece of a text stands for. */
const meaningOf = (written: string): string => {
  if (written.length === 1) return written
  if (written.startsWith("%")) {
    try {
      return decodeURIComponent(written)
    } catch {
      return ""
    }
  }
  return /^\\u/i.test(written)
    ? String.fromCharCode(Number.parseInt(written.slice(2), 16))
    : written.startsWith("\\")
    ? ""
    : written
}

const dense = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Thai}]/u

/** The letters of one character: a character of a script without spaces counts as three, a form of a letter as that letter. */
const lettersIn = (character: string): string => {
  if (!/^[\p{L}\p{N}]$/u.test(character)) return ""
  if (dense.test(character)) return character.repeat(3)
  const base = character.normalize("NFKD").replace(/\p{M}/gu, "")
  return base.length === 1 ? base.toLowerCase()[0]! : character.toLowerCase().slice(0, character.length)
}

const tokensOf = (text: string) =>
  Array.from(text.matchAll(token), ({ 0: written, index }) => ({
    letters: lettersIn(meaningOf(written)),
    begin: index,
    end: index + written.length
  }))

const lettersOf = (text: string): string => tokensOf(text).map(({ letters }) => letters).join("")

const wordsOf = (text: string): ReadonlyArray<Word> => {
  const words: Array<Word> = []
  let at = 0
  for (const { begin, end, letters } of tokensOf(text)) {
    const last = words.at(-1)
    if (letters !== "" && last?.end === begin) words[words.length - 1] = { ...last, word: last.word + letters, end }
    else if (letters !== "") words.push({ word: letters, at, begin, end })
    at += letters.length
  }
  return words
}

/** Whether a word is one of several that are short or numbers, one after the other, with as many letters as a run. */
const isSpelled = (words: ReadonlyArray<Word>, at: number): boolean => {
  const isShort = (i: number) => words[i] !== undefined && (words[i].word.length < 3 || /^\d{1,6}$/.test(words[i].word))
  if (!isShort(at)) return false
  let [first, last] = [at, at]
  while (isShort(first - 1)) first--
  while (isShort(last + 1)) last++
  return words.slice(first, last + 1).reduce((sum, { word }) => sum + word.length, 0) >= shortRun
}

export const quotations = (
  text: string,
  sources: ReadonlyArray<string>,
  isPlainWord: (word: string) => boolean
): ReadonlyArray<readonly [number, number]> => {
  const words = wordsOf(text)
  const isPlain = (at: number): boolean => isPlainWord(words[at]!.word) && !isSpelled(words, at)
  const letters = lettersOf(text)
  const hidden = Array.from({ length: letters.length }, () => false)
  const hide = (begin: number, end: number) => {
    for (let i = begin; i < end; i++) hidden[i] = true
  }
  for (const source of sources.map(lettersOf)) {
    if (source.length >= 4 && source.length < shortRun) {
      words.forEach((_, i) => {
        words.forEach((_, j) => {
          const some = words.slice(i, j + 1)
          if (some.map(({ word }) => word).join("") === source && some.some((_, k) => !isPlain(i + k))) {
            hide(some[0]!.at, some.at(-1)!.at + some.at(-1)!.word.length)
          }
        })
      })
    }
    const has = (at: number) =>
      at >= 0 && at + shortRun <= letters.length && source.includes(letters.slice(at, at + shortRun))
    for (const [n, { at, word }] of words.entries()) {
      if (isPlain(n)) continue
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
  for (const [n, { at, begin, end, word }] of words.entries()) {
    const some = hidden.slice(at, at + word.length)
    const isHidden = some.includes(true) && !(some.includes(false) && isPlain(n))
    if (isHidden && open) found.at(-1)![1] = end
    else if (isHidden) found.push([begin, end])
    open = isHidden
  }
  return found
}
