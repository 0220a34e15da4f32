/**
 * How the store answers one message about one limit, by GCRA: the record of a limit has the time at which its bucket will be
 * full again. Redis does the same in Lua (`bookingScript`), with the same numbers: a change here is a change there.
 *
 * Invariants
 * - Turns have _places_ in time, `gap` apart, no two of them the same. A turn is due at its place, or when it is given out, if that is
 *   later. How much later it is due than its place is how _late_ it is: at first, by less than the depth of the bucket.
 * - A turn that comes back unused leaves its place, and those that were given out after it move up by one: so they become later. Only as much is given out
 *   again as no turn is late by more than `latest` then: see the rows. The rest is lost.
 * - So where each turn is used within U of being due, in any window of W at most `1 + (W + U + latest) / gap` turns are used: they have as many places.
 *   With `latest` the depth of the bucket, that is `1 + burst + (W + U) / gap`.
 * - What calls settle moves places as well, without a bound, as where one limiter has the limit.
 * - More than was booked may be used. That debt is at most one bucket, with what is booked ahead.
 * - A message that is late changes nothing and books nothing. One of which nobody knows the age gives no unused turn back.
 * - Where a node says that its limit was changed, and the times of the record are by the terms before, what is used is used by the new terms, and at most
 *   the bucket. Times are by the new terms then: who says it again changes nothing. Other terms alone change nothing.
 * - Nodes that were not told of the change yet book by the terms before, and what they use can take longer to come in than the new bucket. Each node that
 *   is told later leaves no more than the bucket used, and so does the last one.
 * - Where the clock of the store goes back, the time goes back with it: no bucket is empty for longer for it.
 * - A record that no store writes counts as none, and is written over.
 */
import { areBookingTerms, type BookingAnswer, type BookingMessage } from "./bookingModel.ts"
import { isBounded } from "./bounds.ts"
import { keptFor } from "./circuitCall.ts"

export interface BookingRecord {
  /** When the bucket is full again. */
  readonly fullAt: number
  /** When it was written. */
  readonly at: number
  /** Of turns that were given out lately, the oldest first. */
  readonly rows: ReadonlyArray<Row>
  /** Of the last message; empty where there was none. */
  readonly terms: string
  /** By which its times are: how much is used in a millisecond. Empty where nothing is used. */
  readonly by: string
  /** By which else turns were booked since, the last of them; empty where none were. */
  readonly other: string
}

/** Turns that were given out from one time to another. */
interface Row {
  readonly from: number
  readonly to: number
  /** By how much one of them is late at most, in milliseconds. */
  readonly late: number
}

export interface Booked {
  readonly record: BookingRecord
  /** Until when it is kept, for those who have another limit: its turns end before that. */
  readonly until: number
  readonly answer: BookingAnswer
}

const unknown: BookingRecord = { fullAt: 0, at: 0, rows: [], terms: "", by: "", other: "" }

const isSound = ({ at, by, fullAt, other, rows, terms }: BookingRecord): boolean =>
  isBounded(at) && isBounded(fullAt) && [terms, by, other].every((text) => text === "" || areBookingTerms(text)) &&
  rows.every(({ from, late, to }) => isBounded(from) && isBounded(to) && isBounded(late))

/** What is known of the message: when it was sent, zero where that is not known, and after how long it counts for nothing. */
export interface Sent {
  readonly said: number
  readonly longestWay: number
}

export const book = (
  record: BookingRecord | undefined,
  message: BookingMessage,
  now: number,
  { longestWay, said }: Sent
): Booked => {
  const known = record !== undefined && isSound(record) ? record : unknown
  const { at, fullAt, terms: told } = known
  const { ahead, back, before, burst, fullAfter, gap, latest, oldest, scale, terms, unused, want, within } = message
  const isLate = said > 0 && now - said > longestWay
  const span = within + longestWay
  const depth = burst * gap
  const setBack = Math.max(0, at - now)
  let full = Math.max(now, fullAt - setBack)
  let rows = keptOf(known.rows, setBack, now, span)
  const former = known.by === "" && !isLate ? terms : known.by
  const isTold = !isLate && before !== "" && (former !== terms || known.other !== "")
  const isChanged = isTold && former !== terms && (former === before || known.other === before)
  if (isChanged) full = now + (full - now) * scale
  if (isTold) full = Math.min(full, now + depth)
  const by = isChanged ? terms : former
  let other = isTold ? "" : known.other
  let granted = 0
  if (!isLate) {
    full = Math.min(Math.max(now, full - back * gap), Math.max(full, now + 2 * depth + ahead))
    if (unused > 0 && said > 0) {
      const since = Math.min(now, said) - oldest
      const late = rows.reduce((most, row) => row.to >= since ? Math.max(most, row.late) : most, 0)
      const moved = Math.max(0, Math.min(unused * gap, latest - late, full - now))
      full -= moved
      rows = rows.map((row) => row.to >= since ? { ...row, late: row.late + moved } : row)
    }
    const isEmptied = back < 0 || now + fullAfter > full
    full = Math.max(full, now + fullAfter)
    // A millionth of a turn is not missed for the rounding of doubles.
    granted = Math.max(0, Math.min(want, Math.floor((now + depth + ahead - full) / gap + 1e-6)))
    if (by !== terms && (granted > 0 || isEmptied)) other = terms
  }
  // So much is never used by the terms of the message alone.
  const isBlocked = full - now > 2 * depth + ahead
  const otherTerms = [told, ...isBlocked ? [other, by] : []].find((text) => text !== "" && text !== terms)
  const first = full + gap - depth - now
  if (granted > 0) {
    const last = rows.at(-1)
    const isNew = last === undefined || now - last.from > shortestRow
    if (isNew) rows.push({ from: now, to: now, late: Math.max(0, -first) })
    else rows[rows.length - 1] = { from: last.from, to: now, late: Math.max(last.late, -first) }
  }
  full += granted * gap
  return {
    record: { fullAt: full, at: now, rows, terms: isLate ? told : terms, by, other },
    until: Math.max(full, (rows.at(-1)?.to ?? 0) + span) + keptFor,
    answer: { granted, first, otherTerms }
  }
}

/** In milliseconds. */
const shortestRow = 20

/** Rows that still count. The older they are, the longer a row may be. */
const keptOf = (known: ReadonlyArray<Row>, setBack: number, now: number, span: number): Array<Row> => {
  const rows: Array<Row> = []
  for (const { from, late, to } of known) {
    const row = { from: from - setBack, to: to - setBack, late }
    if (row.to < now - span) continue
    const before = rows.at(-1)
    if (before === undefined || row.to - before.from > (now - row.to) / 2) rows.push(row)
    else rows[rows.length - 1] = { from: before.from, to: row.to, late: Math.max(before.late, row.late) }
  }
  return rows
}
