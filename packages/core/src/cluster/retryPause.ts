/** How long a node waits before it tries a store again that does not answer. */
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"

/** In milliseconds. */
export const firstRetry = 250

/**
 * No pause is longer. With the second that a client may take to connect again, a node has an answer of a store within five
 * seconds and a time-out after that is back.
 */
const longest = 4000

/** In milliseconds, after so many tries without an answer: twice as long each time, and not the same for all nodes. */
export const retryPause = (tries: () => number): Effect.Effect<number> =>
  Effect.map(Random.next, (share) => Math.min(longest, firstRetry * 2 ** tries()) * (0.8 + 0.2 * share))
