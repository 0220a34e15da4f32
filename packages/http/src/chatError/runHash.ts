/** Hashes of four letters, which are a word of the memory, and of eight, which are a run. */
import { wordLength } from "./sourceLetters.ts"

/** A hash that has what tells a word from others in its high bits. */
export const mixed = (word: number): number => Math.imul(word, 0x9e3779b1)

/** Of the word at a place. */
export const ofWord = (bytes: Uint8Array, at: number): number => mixed(wordAt(bytes, at))

/** Of the run at a place. */
export const ofRun = (bytes: Uint8Array, at: number): number =>
  mixed(mixed(wordAt(bytes, at)) ^ wordAt(bytes, at + wordLength))

/** A word that does not begin at a multiple of four, as the memory has words that do. */
const wordAt = (bytes: Uint8Array, at: number): number =>
  isLittle
    ? bytes[at]! | bytes[at + 1]! << 8 | bytes[at + 2]! << 16 | bytes[at + 3]! << 24
    : bytes[at]! << 24 | bytes[at + 1]! << 16 | bytes[at + 2]! << 8 | bytes[at + 3]!

const isLittle = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1
