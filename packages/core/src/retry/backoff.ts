/** How long to wait before the next attempt, in milliseconds. */
import type { Jitter } from "./model.ts"

export const jitters = ["none", "full", "equal", "decorrelated"] as const satisfies ReadonlyArray<Jitter>

/** How waits grow and scatter. Times in milliseconds. */
export interface Growth {
  readonly baseDelay: number
  readonly maxDelay: number
  readonly factor: number
  readonly jitter: Jitter
}

/** The wait before retry number `retry`, from 1, given the wait before the last one and a draw from [0, 1). */
export const backoff = (growth: Growth, retry: number, previous: number, draw: number): number => {
  const { baseDelay, jitter, maxDelay } = growth
  switch (jitter) {
    case "none":
      return grown(growth, retry)
    case "full":
      return grown(growth, retry) * draw
    case "equal":
      return grown(growth, retry) / 2 * (1 + draw)
    case "decorrelated": {
      const top = Math.max(baseDelay, previous * 3)
      return Math.min(maxDelay, baseDelay + (top - baseDelay) * draw)
    }
    default:
      return Math.min(maxDelay, grown(growth, retry) * (1 - jitter + 2 * jitter * draw))
  }
}

// The power overflows to infinity in some thousandth retry; the minimum takes it back, but zero times infinity is no number.
const grown = ({ baseDelay, factor, maxDelay }: Growth, retry: number): number =>
  baseDelay === 0 ? 0 : Math.min(maxDelay, baseDelay * factor ** (retry - 1))
