/** Names for requests that nobody can guess. What is drawn at random is drawn for many of them at once. */
import { randomFillSync } from "node:crypto"

const each = 16
const drawn = Buffer.alloc(256 * each)
let next = drawn.length

/** 128 bits at random. */
export const randomHex = (): string => {
  if (next === drawn.length) {
    randomFillSync(drawn)
    next = 0
  }
  return drawn.toString("hex", next, next += each)
}
