/** What a node of a fleet and the store tell each other about a limit: turns are booked ahead, each with its time. */
import { largestTerm, termIn } from "./bounds.ts"

/**
 * What a node tells of a limit. Times are in milliseconds, numbers in units of the limit.
 *
 * @since 0.1.0
 * @category models
 */
export interface BookingMessage {
  /** From one turn to the next. */
  readonly gap: number
  /** How many turns there can be at once. */
  readonly burst: number
  /** How far ahead turns are given out. */
  readonly ahead: number
  readonly want: number
  /** What calls have settled: turns that they have used less than they took; below zero for more. */
  readonly back: number
  /** Turns that come back because no call took them, how long ago the first of them was asked for, and how long ago it can be. */
  readonly unused: number
  readonly oldest: number
  readonly within: number
  /** For how long after its place a turn may be due. What comes back is given out again as far as that holds. */
  readonly latest: number
  /**
   * The bucket is full in that time at the earliest: after a pause of the target, or where it says how little is left. Zero
   * says nothing.
   */
  readonly fullAfter: number
  /** How much there can be at once, and how much comes in a second, as two numbers with a colon between them. */
  readonly terms: string
  /**
   * The terms that this node had before its limit was changed, empty where the store has heard that or nothing was changed. How
   * many times as much came in by them.
   */
  readonly before: string
  readonly scale: number
}

/**
 * What the store answers.
 *
 * @since 0.1.0
 * @category models
 */
export interface BookingAnswer {
  readonly granted: number
  /** When the first of the turns is, or would be: from now on, in milliseconds. It may have been before. */
  readonly first: number
  /** The terms of another node, where they are not those of the message. */
  readonly otherTerms: string | undefined
}

/**
 * What a node asks the store for some of its limits.
 *
 * @since 0.1.0
 * @category models
 */
export interface BookingCall {
  /** As of a call about circuits. */
  readonly said: number
  readonly longestWay: number
  readonly limits: ReadonlyArray<readonly [limit: string, message: BookingMessage]>
}

/** Whether a text is the terms of a limit, none of which is so small or so large that their ratio is no number. */
export const areBookingTerms = (text: string): boolean => {
  const terms = text.split(":").map(termIn)
  return terms.length === 2 && terms.every((term) => term !== undefined && term >= 1 / largestTerm)
}
