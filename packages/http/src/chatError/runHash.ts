/**
 * The hash of the last eight letters, which are a run: the low four bits of each. So the oldest letter is shifted out when
 * the next one comes, and the last twenty bits are the hash of the last five letters, which are a group.
 */

export const next = (hash: number, letter: number): number => hash << bitsOfLetter | letter & 0xf

/** After the three letters of a character of a script without spaces. */
export const nextDense = (hash: number, codePoint: number): number =>
  hash << 12 | (codePoint & 0xf) << 8 | codePoint >>> 12 << 4 | codePoint >>> 8 & 0xf

/** Letters of a group. */
export const groupLength = 5

export const bitsOfLetter = 4

/** The hash of the last five letters, mixed. */
export const ofGroup = (hash: number): number => mixed(hash << 12)

/** A hash that has what tells it from others in its high bits. */
export const mixed = (hash: number): number => Math.imul(hash, 0x9e3779b1)
