/**
 * The ids of requests, by which clients, the log and traces name them: 128 bits that nobody can guess. What is drawn at random is
 * drawn for many of them at once.
 */
import { randomFillSync } from "node:crypto"

const each = 16
const drawn = Buffer.alloc(256 * each)
let next = drawn.length

export const requestId = (): string => {
  if (next === drawn.length) {
    randomFillSync(drawn)
    next = 0
  }
  return `req_${drawn.toString("hex", next, next += each)}`
}
