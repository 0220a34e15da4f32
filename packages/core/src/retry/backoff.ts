/** How long to wait before the next attempt, in milliseconds, as in Marc Brooker's "Exponential Backoff and Jitter". */
import type { Jitter } from "./model.ts"

export const jitters: ReadonlyArray<Jitter> = ["none", "full", "equal", "decorrelated"]

/** The wait before retry number `retry`, from 1, given the wait before the last one and a draw from [0, 1). */
export const backoff = (
  options: { readonly baseDelay: number; readonly maxDelay: number; readonly jitter: Jitter },
  retry: number,
  previous: number,
  draw: number
): number => {
  const { baseDelay, jitter, maxDelay } = options
  // The power overflows to infinity in the thousandth retry; the minimum takes it back.
  const doubled = Math.min(maxDelay, baseDelay * 2 ** (retry - 1))
  switch (jitter) {
    case "none":
      return doubled
    case "full":
      return doubled * draw
    case "equal":
      return doubled / 2 + doubled / 2 * draw
    case "decorrelated": {
      const top = Math.max(baseDelay, previous * 3)
      return Math.min(maxDelay, baseDelay + (top - baseDelay) * draw)
    }
  }
}
