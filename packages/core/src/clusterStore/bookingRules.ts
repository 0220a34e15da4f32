/**
 * How the store answers one message about one limit, by GCRA: the record of a limit is the time at which its bucket will be
 * full again, and when that was written. Redis does the same in Lua (`bookingScript`), with the same numbers: a change here is a change there.
 *
 * Invariants
 * - In any window of W milliseconds at most `burst + (W + ahead) / gap` turns are due, where none comes back: one that does is
 *   given out again for a later time.
 * - More than was booked may be used. That debt is at most one bucket, with what is booked ahead.
 * - A message that is late changes nothing and books nothing.
 * - Where the clock of the store goes back, the time goes back with it: no bucket is empty for longer for it.
 */
import type { BookingAnswer, BookingMessage } from "./bookingModel.ts"

export interface BookingRecord {
  /** When the bucket is full again. Before now it is as good as not there. */
  readonly fullAt: number
  /** When it was written. */
  readonly at: number
}

export interface Booked {
  readonly record: BookingRecord
  readonly answer: BookingAnswer
}

const unknown: BookingRecord = { fullAt: 0, at: 0 }

export const book = (
  { at, fullAt }: BookingRecord = unknown,
  message: BookingMessage,
  now: number,
  isLate: boolean
): Booked => {
  const { ahead, back, burst, fullAfter, gap, want } = message
  const depth = burst * gap
  let full = Math.max(now, now < at ? fullAt - (at - now) : fullAt)
  if (!isLate) {
    full = Math.min(Math.max(now, full - back * gap), Math.max(full, now + 2 * depth + ahead))
    full = Math.max(full, now + fullAfter)
  }
  // A millionth of a turn is not missed for the rounding of doubles.
  const room = isLate ? 0 : Math.floor((now + depth + ahead - full) / gap + 1e-6)
  const granted = Math.max(0, Math.min(want, room))
  return { record: { fullAt: full + granted * gap, at: now }, answer: { granted, first: full + gap - depth - now } }
}
