/**
 * The letters of a text: what is left of it without case, accents, width, space and punctuation. In escapes as of JSON and of
 * URLs, the letters are those that the escapes stand for. Two texts that say the same have the same letters.
 *
 * One character of a script without spaces says as much as some letters of a word, so it counts as three. The second and
 * the third are mixed from the bits of the first. Of a letter only the low bits are kept (see `byteOf`): those of all three
 * tell the character, and those of any one tell it from the 127 beside it.
 *
 * Read are the bytes of UTF-8: they are written and read several times faster than the characters of a string.
 */
import * as Characters from "./characters.ts"

/** Letters and digits as UTF-16 codes, in small letters. */
export class Letters {
  readonly codes: Uint16Array
  length = 0

  constructor(capacity: number) {
    this.codes = new Uint16Array(capacity)
  }

  text(begin: number, end: number): string {
    return String.fromCharCode(...this.codes.subarray(begin, end))
  }
}

/**
 * A letter as a byte: ASCII is itself, all others are the low bits of their code and the high bit. Letters that share a byte
 * are not told from each other; a run of them in a row by chance does not happen. Zero is no letter.
 */
export const byteOf = (code: number): number => code < 0x80 ? code : code & 0x7f | 0x80

/** The most letters of a byte: six for a rare Chinese character, which has four bytes. */
export const mostLetters = 1.5

/** The most bytes of an escape: four times `%F0`. */
export const longestEscape = 12

/** Room for the letters of one character or escape. */
export const lettersOfOne = (): Letters => new Letters(Math.ceil(mostLetters * longestEscape) + 1)

/**
 * Adds the letters between two places of a text, and returns where it stopped: at `end`, or after it when the last
 * character or escape ends there. After the bytes of the text there must be a zero. `out` must have room for
 * {@link mostLetters} for each byte, and for one more.
 */
export const addLetters = (bytes: Uint8Array, begin: number, end: number, out: Letters): number => {
  const { codes } = out
  let { length } = out
  let at = begin
  while (at < end) {
    for (; at < end; at++) {
      const letter = letterOf[bytes[at]!]!
      if (letter === other) break
      // Always written, and counted by the sign: a branch here would be the greater part of the cost of long texts.
      codes[length] = letter
      length += -letter >>> 31
    }
    if (at >= end) break
    out.length = length
    at = addOthers(bytes, at, end, out)
    length = out.length
  }
  out.length = length
  return at
}

/** Stands in {@link letterOf} for no letter. */
const none = 0

/** Stands in {@link letterOf} for what is not one byte. */
export const other = 0xff
const backslash = 0x5c
const percent = 0x25

/** Whether an escape may begin with a byte. */
export const isEscape = (byte: number): boolean => byte === backslash || byte === percent

/** For each byte its letter, {@link none}, or {@link other} where an escape or a longer character begins. */
export const letterOf = Uint8Array.from({ length: 2 ** 8 }, (_, byte) =>
  byte >= 0x80 || isEscape(byte)
    ? other
    : /[a-z0-9]/i.test(String.fromCharCode(byte))
    ? String.fromCharCode(byte).toLowerCase().charCodeAt(0)
    : none)

/** Adds an escape or a character of four bytes, or characters up to the next one of another kind; returns where they end. */
const addOthers = (bytes: Uint8Array, begin: number, end: number, out: Letters): number => {
  const lead = bytes[begin]!
  return lead >= 0xf0
    ? addLong(bytes, begin, out)
    : lead >= 0x80
    ? addCharacters(bytes, begin, end, out)
    : lead === backslash
    ? addOfJson(bytes, begin, out)
    : addOfUrl(bytes, begin, out)
}

const addCharacters = (bytes: Uint8Array, begin: number, end: number, out: Letters): number => {
  const { codes } = out
  let { length } = out
  let at = begin
  while (at < end) {
    const lead = bytes[at]!
    if (lead < 0x80 || lead >= 0xf0) break
    const codePoint = longerAt(bytes, at)
    at += lead < 0xe0 ? 2 : 3
    const kind = Characters.kindOf(codePoint)
    if (kind === Characters.none) continue
    if (kind === Characters.dense) {
      codes[length] = codePoint
      codes[length + 1] = second(codePoint)
      codes[length + 2] = third(codePoint)
      length += 3
    } else codes[length++] = kind
  }
  out.length = length
  return at
}

/** The character of two or of three bytes at a place. */
export const longerAt = (bytes: Uint8Array, at: number): number =>
  bytes[at]! < 0xe0
    ? (bytes[at]! & 0x1f) << 6 | bytes[at + 1]! & 0x3f
    : (bytes[at]! & 0xf) << 12 | (bytes[at + 1]! & 0x3f) << 6 | bytes[at + 2]! & 0x3f

const addLong = (bytes: Uint8Array, at: number, out: Letters): number => {
  add(
    (bytes[at]! & 7) << 18 | (bytes[at + 1]! & 0x3f) << 12 | (bytes[at + 2]! & 0x3f) << 6 | bytes[at + 3]! & 0x3f,
    out
  )
  return at + 4
}

const add = (codePoint: number, out: Letters): void => {
  const kind = Characters.kindOf(codePoint)
  if (kind === Characters.none) return
  const codes = kind === Characters.dense
    ? [codePoint, second(codePoint), third(codePoint)]
    : kind === Characters.long
    ? Characters.lettersOf(codePoint)
    : [kind]
  out.codes.set(codes, out.length)
  out.length += codes.length
}

const second = (code: number): number => code ^ code >>> 9

const third = (code: number): number => code ^ code >>> 7

/** `\u00e4` is a letter; `\n` and a backslash are none. */
const addOfJson = (bytes: Uint8Array, at: number, out: Letters): number => {
  const next = bytes[at + 1]!
  if ((next | 0x20) === 0x75) {
    const high = hex(bytes, at + 2)
    const low = high < 0 ? high : hex(bytes, at + 4)
    if (low >= 0) {
      add(high << 8 | low, out)
      return at + 6
    }
  }
  return isShortEscape[next] === 1 ? at + 2 : at + 1
}

const isShortEscape = new Uint8Array(2 ** 8)
for (const character of "nrtbfNRTBF\"/") isShortEscape[character.charCodeAt(0)] = 1

/** `%C3%A4` is a letter. */
const addOfUrl = (bytes: Uint8Array, at: number, out: Letters): number => {
  const lead = hex(bytes, at + 1)
  if (lead < 0) return at + 1
  const count = lead < 0x80 ? 1 : Math.clz32(~(lead << 24))
  if (least[count] === undefined) return at + 3
  let codePoint = count === 1 ? lead : lead & 0x7f >> count
  for (let i = 1; i < count; i++) {
    const place = at + 3 * i
    const byte = bytes[place] === percent ? hex(bytes, place + 1) : -1
    if ((byte & 0xc0) !== 0x80) return at + 3
    codePoint = codePoint << 6 | byte & 0x3f
  }
  if (codePoint < least[count] || codePoint > 0x10ffff) return at + 3
  add(codePoint, out)
  return at + 3 * count
}

/** By the number of its bytes, the least code point that is written so. */
const least: ReadonlyArray<number> = [0, 0, 0x80, 0x800, 0x10000]

/** What two digits mean, or a negative number. What is after a byte that is no digit is not read. */
const hex = (bytes: Uint8Array, at: number): number => {
  const high = digitOf[bytes[at]!]!
  return high < 0 ? high : high << 4 | digitOf[bytes[at + 1]!]!
}

const digitOf = new Int8Array(2 ** 8).fill(-1)
for (let digit = 0; digit < 16; digit++) {
  digitOf[digit.toString(16).charCodeAt(0)] = digit
  digitOf[digit.toString(16).toUpperCase().charCodeAt(0)] = digit
}
