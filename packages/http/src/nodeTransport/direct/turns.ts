/**
 * Tells failures of long requests one by one, each in a turn of the event loop of its own. Whoever reads the error of one
 * has the request searched for quotations, which takes milliseconds: where an outage ends many calls in one turn, nothing
 * else would run until all of them are read.
 */

/** Calls a function later than now: not while undici parses. */
export type Tell = (told: () => void) => void

/** How the failure of a request with this body is told. */
export const tellFailureOf = (body: string | undefined): Tell =>
  body !== undefined && body.length > longestShort ? inTurn : queueMicrotask

/** Characters of a request whose search is so short that many of them can share a turn. */
const longestShort = 100_000

const waiting: Array<() => void> = []

const inTurn: Tell = (told) => {
  waiting.push(told)
  if (waiting.length === 1) setImmediate(next)
}

const next = (): void => {
  const told = waiting.shift()!
  // Before it is told: it may throw.
  if (waiting.length > 0) setImmediate(next)
  told()
}
