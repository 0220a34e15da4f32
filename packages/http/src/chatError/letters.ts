/**
 * The letters of a text: what is left of it without case, space and punctuation. In escapes as of JSON and of URLs, the
 * letters are those that the escapes stand for. Two texts that say the same have the same letters.
 *
 * One character of a script without spaces says as much as some letters of a word, so it counts as three.
 */

/** Letters and digits as UTF-16 codes, in small letters. */
export class Letters {
  codes: Uint16Array
  length = 0

  constructor(capacity: number) {
    this.codes = new Uint16Array(capacity)
  }

  push(code: number): void {
    this.codes[this.length++] = code
  }

  text(begin: number, end: number): string {
    return String.fromCharCode(...this.codes.subarray(begin, end))
  }

  /** Forgets all but the last of them. */
  keepLast(count: number): void {
    this.codes.copyWithin(0, Math.max(0, this.length - count), this.length)
    this.length = Math.min(count, this.length)
  }
}

/** The most letters of one code unit. */
export const mostLetters = 3

/**
 * Adds the letters between two places of a text, and returns where it stopped: at `end`, or after it when the last
 * escape ends there. `out` must have room for {@link mostLetters} for each code unit, and for one more.
 */
export const addLetters = (text: string, begin: number, end: number, out: Letters): number => {
  const { codes } = out
  const table = letterOf
  let { length } = out
  let at = begin
  while (at < end) {
    for (; at < end; at++) {
      const letter = table[text.charCodeAt(at)]!
      // Always written, and counted by the sign: a branch here would be the greater part of the cost of long texts.
      codes[length] = letter
      length += (leastLetter - 1 - letter) >>> 31
      if (letter !== none && letter < leastLetter) break
    }
    if (at >= end) break
    out.length = length
    at = addOther(text, at, out)
    length = out.length
  }
  out.length = length
  return at
}

/** For each code its letter, or what it is instead. */
const letterOf = new Uint16Array(2 ** 16).fill(1)
const none = 0
const notLookedAt = 1
const escape = 2
const dense = 3
const surrogate = 4
const leastLetter = 5

/** Adds what is no plain letter, and returns where it ends. */
const addOther = (text: string, at: number, out: Letters): number => {
  const code = text.charCodeAt(at)
  switch (letterOf[code]) {
    case notLookedAt:
      letterOf[code] = kindOf(code)
      return at
    case escape:
      return code === backslash ? addEscaped(text, at, out) : addEncoded(text, at, out)
    case dense:
      out.push(code)
      out.push(code)
      out.push(code)
      return at + 1
    default:
      return addPair(text, at, out)
  }
}

const backslash = 0x5c

const denses = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Thai}]/u
const letters = /[\p{L}\p{N}]/u

const kindOf = (code: number): number => {
  const character = String.fromCharCode(code)
  if (character === "\\" || character === "%") return escape
  if (code >= 0xd800 && code < 0xdc00) return surrogate
  if (!letters.test(character)) return none
  return denses.test(character) ? dense : character.toLowerCase().charCodeAt(0)
}

const addPair = (text: string, at: number, out: Letters): number => {
  const code = text.codePointAt(at)!
  if (code < 2 ** 16) return at + 1
  addCharacter(String.fromCodePoint(code), out)
  return at + 2
}

/** Adds a character of one or two code units, if it is a letter. */
const addCharacter = (character: string, out: Letters): void => {
  if (!letters.test(character)) return
  const small = character.toLowerCase()
  const times = denses.test(character) ? mostLetters : 1
  for (let i = 0; i < times; i++) { for (let j = 0; j < character.length; j++) out.push(small.charCodeAt(j)) }
}

/** `\u00e4` is a letter; `\n` and a backslash are none. */
const addEscaped = (text: string, at: number, out: Letters): number => {
  const hex = /^u([0-9a-f]{4})/i.exec(text.slice(at + 1, at + 6))?.[1]
  if (hex === undefined) return /[nrtbf"/]/i.test(text.charAt(at + 1)) ? at + 2 : at + 1
  addCharacter(String.fromCharCode(Number.parseInt(hex, 16)), out)
  return at + 6
}

/** `%C3%A4` is a letter. */
const addEncoded = (text: string, at: number, out: Letters): number => {
  const first = text.slice(at + 1, at + 3)
  if (!/^[0-9a-f]{2}$/i.test(first)) return at + 1
  const lead = Number.parseInt(first, 16)
  const end = at + 3 * (lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4)
  try {
    addCharacter(decodeURIComponent(text.slice(at, end)), out)
    return end
  } catch {
    return at + 3
  }
}
