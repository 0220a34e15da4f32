/**
 * Wordings: plain words that are looked for in a provider's sentence. A `*` stands for up to {@link widestGap}
 * characters. Case, quotation marks, underscores and the kind of white space make no difference. A wording that begins
 * or ends with a letter or a digit matches only whole words, unless a `*` touches it.
 *
 * A wording is no regular expression, so that none can be slow: each piece between two `*` is searched once from left
 * to right, which is linear in the sentence.
 */

/** A wording, ready to be looked for. */
export type Wording = ReadonlyArray<Piece>

interface Piece {
  readonly text: string
  /** Whether a word must begin, and end, where the piece does. */
  readonly begins: boolean
  readonly ends: boolean
}

/** How many characters a `*` can stand for. */
const widestGap = 120

/** How many characters of a sentence are read. */
const longestSentence = 4096

/** A sentence as wordings are compared with it. */
export const plain = (text: string): string =>
  text.slice(0, longestSentence).normalize("NFKC").toLowerCase().replace(/[`"“”„«»‘]/g, "").replace(/’/g, "'")
    .replace(/[\s_]+/g, " ").trim()

/** A wording of plain words and `*`. */
export const wording = (written: string): Wording => {
  const pieces = plain(written).split("*")
  return pieces.flatMap((piece, i) => {
    const text = piece.trim()
    if (text === "") return []
    return [{
      text,
      begins: wordCharacter.test(text[0]!) && !(i > 0 && piece.startsWith(text)),
      ends: wordCharacter.test(text.at(-1)!) && !(i < pieces.length - 1 && piece.endsWith(text))
    }]
  })
}

/** How much of a wording is said by its letters: everything but `*` and spaces. */
export const lengthOf = (wording: Wording): number =>
  wording.reduce((length, { text }) => length + text.replaceAll(" ", "").length, 0)

const wordCharacter = /[a-z0-9]/

/** Whether a sentence, as {@link plain} gives it, has the wording. */
export const says = (sentence: string, [first, ...others]: Wording): boolean => {
  if (first === undefined) return false
  let ends = find(sentence, first).map((at) => at + first.text.length)
  for (const piece of others) {
    if (ends.length === 0) return false
    let before = 0
    const next: Array<number> = []
    for (const at of find(sentence, piece)) {
      while (before + 1 < ends.length && ends[before + 1]! <= at) before++
      if (ends[before]! <= at && at - ends[before]! <= widestGap) next.push(at + piece.text.length)
    }
    ends = next
  }
  return ends.length > 0
}

/** Where a piece stands in a sentence, from left to right. */
const find = (sentence: string, { begins, ends, text }: Piece): ReadonlyArray<number> => {
  const found: Array<number> = []
  for (let at = sentence.indexOf(text); at >= 0; at = sentence.indexOf(text, at + 1)) {
    const end = at + text.length
    if (begins && at > 0 && wordCharacter.test(sentence[at - 1]!)) continue
    if (ends && end < sentence.length && wordCharacter.test(sentence[end]!)) continue
    found.push(at)
  }
  return found
}

/** A code, type or reason as it is compared: `InsufficientBalance` and `insufficient_balance` are one. */
export const plainCode = (code: string): string =>
  code.slice(0, longestCode).normalize("NFKC").toLowerCase().replace(/[\s_-]+/g, "")

const longestCode = 200

/** A code in which `*` stands for any characters, or none. */
export const codePattern = (written: string): (code: string) => boolean => {
  const pieces = plainCode(written).split("*")
  const [head] = pieces
  if (pieces.length === 1) return (code) => code === head
  const tail = pieces.at(-1)!
  const inner = pieces.slice(1, -1)
  return (code) => {
    if (!code.startsWith(head!)) return false
    let at = head!.length
    for (const piece of inner) {
      const found = code.indexOf(piece, at)
      if (found < 0) return false
      at = found + piece.length
    }
    return code.length - tail.length >= at && code.endsWith(tail)
  }
}
