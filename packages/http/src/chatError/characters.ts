/** Which characters beyond ASCII are letters. Each is looked up once, and then read from a table. */

/** No letter. */
export const none = 1

/** A character of a script without spaces. */
export const dense = 2

/** A character beyond those of 16 bits: see {@link lettersOf}. */
export const long = 3

/** The small letter of a character, or what it is instead. */
export const kindOf = (codePoint: number): number => kinds[codePoint] || (kinds[codePoint] = find(codePoint))

/** A UTF-16 code, or what is found instead; zero where nobody has looked yet. Memory that is not used is not taken. */
const kinds = new Uint16Array(0x110000)

const letters = /[\p{L}\p{N}]/u
const denses = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Thai}]/u

const find = (codePoint: number): number => {
  const character = String.fromCodePoint(codePoint)
  if (!letters.test(character)) return none
  const base = baseOf(character)
  return !denses.test(character) && base.length === 1
    ? base.toLowerCase().charCodeAt(0)
    : codePoint >= 2 ** 16
    ? long
    : denses.test(character)
    ? dense
    : character.toLowerCase().charCodeAt(0)
}

/** The letter of which a character is another form: wide, bold, raised, with an accent. The accent may be a character of its own. */
const baseOf = (character: string): string => character.normalize("NFKD").replace(/\p{M}+/gu, "")

/** The UTF-16 codes of a `long` letter, as often as it counts. */
export const lettersOf = (codePoint: number): ReadonlyArray<number> => {
  const known = longs.get(codePoint)
  if (known !== undefined) return known
  const character = String.fromCodePoint(codePoint)
  const small = character.toLowerCase()
  const codes = [small.charCodeAt(0), small.charCodeAt(1)]
  const letters = denses.test(character) ? [...codes, ...codes, ...codes] : codes
  longs.set(codePoint, letters)
  return letters
}

const longs = new Map<number, ReadonlyArray<number>>()
