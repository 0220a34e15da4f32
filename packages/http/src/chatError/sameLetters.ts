/** How far the letters of some bytes are the same as others, from a place in each. */
import { addLetters, isEscape, lettersOfOne, longestEscape } from "./letters.ts"

/**
 * Of so many letters before the places. It can't be told where an escape may end, or where the bytes begin: there all of
 * them may be the same.
 */
export const sameBefore = (
  bytes: Uint8Array,
  at: number,
  letters: Uint16Array,
  place: number,
  most: number
): number => {
  let count = 0
  for (let end = at; count < most;) {
    if (end === 0) return most
    const begin = beginOf(bytes, end)
    if (isEscape(bytes[begin]!)) return most
    few.length = 0
    addLetters(bytes, begin, end, few)
    for (let i = few.length - 1; i >= 0; i--) {
      if (few.codes[i] !== letters[place - count - 1]) return mayEndEscape(bytes, end) ? most : count
      count++
    }
    end = begin
  }
  return most
}

/** Of so many letters after the places. It can't be told where the bytes end. */
export const sameAfter = (
  bytes: Uint8Array,
  begin: number,
  end: number,
  letters: Uint16Array,
  place: number,
  most: number
): number => {
  let count = 0
  for (let at = begin; count < most;) {
    if (at >= end) return most
    few.length = 0
    at = addLetters(bytes, at, at + 1, few)
    for (let i = 0; i < few.length; i++) {
      if (few.codes[i] !== letters[place + count]) return count
      count++
    }
  }
  return most
}

/** Where the character begins that ends at a place. */
const beginOf = (bytes: Uint8Array, end: number): number => {
  let begin = end - 1
  while (begin > 0 && (bytes[begin]! & 0xc0) === 0x80) begin--
  return begin
}

const mayEndEscape = (bytes: Uint8Array, end: number): boolean => {
  for (let i = Math.max(0, end - longestEscape); i < end; i++) if (isEscape(bytes[i]!)) return true
  return false
}

// Comparing is one synchronous step, so all share these.
const few = lettersOfOne()
