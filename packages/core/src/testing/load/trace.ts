/** Reads recorded arrivals from CSV. */
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { Arrivals } from "./arrivals.ts"

/**
 * An invalid trace. `line` is the number of the line, from 1.
 *
 * @since 0.1.0
 * @category errors
 */
export class BadTrace extends Schema.TaggedError<BadTrace>("@switchgear/core/testing/Load/BadTrace")("BadTrace", {
  line: Schema.Int,
  /** The text of the line, shortened. */
  text: Schema.String,
  reason: Schema.String
}) {
  override get message(): string {
    const where = this.text === "" ? `line ${this.line}` : `line ${this.line}, ${JSON.stringify(this.text)},`
    return `The trace cannot be read: ${where} ${this.reason}.`
  }
}

/**
 * Recorded arrivals from CSV, one row per line: `time` or `time,calls`.
 *
 * A time is a number of milliseconds, or an ISO date and time (UTC by default), the same in all rows. Times are
 * relative to the first row and must not decrease. The calls of a row, 1 by default, are spread evenly until the next
 * row: an access log is replayed exactly, a metric of calls per minute as exactly as it is known. The calls of the last
 * row are spread over the last distance above zero. A header line, blank lines, quotes and both kinds of line ends are
 * allowed.
 *
 * ```ts
 * import { Load } from "@switchgear/core/testing"
 * import { Effect } from "effect"
 *
 * const night = "time,calls\n2026-11-11T00:00:00Z,600\n2026-11-11T00:01:00Z,9000\n"
 * const { _tag } = await Effect.runPromise(Load.trace(night))
 * _tag // => "Trace"
 *
 * const error = await Effect.runPromise(Effect.flip(Load.trace("0\n200\n100\n")))
 * error.message // => 'The trace cannot be read: line 3, "100", is before the line above it.'
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const trace: (csv: string) => Effect.Effect<Arrivals, BadTrace> = Effect.fnUntraced(function*(csv: string) {
  const at: Array<number> = []
  const calls: Array<number> = []
  let form: string | undefined
  let previous = -Infinity
  let line = 0
  for (const text of linesOf(csv)) {
    line++
    const bad = (reason: string) => new BadTrace({ line, text: shortened(text), reason })
    const [time = "", count = "1", more] = text.split(",").map(withoutQuotes)
    if (text.trim() === "" || (line === 1 && /^\p{L}/u.test(time))) continue
    if (more !== undefined) return yield* bad("must be `time` or `time,calls`")
    const moment = momentOf(time)
    if (moment === undefined) return yield* bad("must begin with milliseconds or an ISO date and time")
    const { millis } = moment
    form ??= moment.form
    if (moment.form !== form) return yield* bad(`must begin with ${form} as the lines above it`)
    if (millis < previous) return yield* bad("is before the line above it")
    if (!/^\d{1,15}$/.test(count)) return yield* bad("must have a whole number of calls")
    at.push(millis)
    calls.push(Number(count))
    previous = millis
  }
  if (calls.some((count) => count > 0)) return { _tag: "Trace", at, calls }
  return yield* new BadTrace({ line: Math.max(1, line), text: "", reason: "is the last, and no line has a call" })
})

/** One line at a time, so that a long trace is not held twice. */
function* linesOf(csv: string): Generator<string> {
  let from = 0
  while (from < csv.length) {
    const end = csv.indexOf("\n", from)
    const to = end < 0 ? csv.length : end
    yield csv.slice(from, csv[to - 1] === "\r" ? to - 1 : to)
    from = to + 1
  }
}

// `trim` also removes the byte order mark of spreadsheets.
const withoutQuotes = (cell: string): string => cell.trim().replace(/^"(.*)"$/, "$1").trim()

const shortened = (text: string): string => text.length > 40 ? `${text.slice(0, 40)}…` : text

const iso = /^(\d{4}-\d\d-\d\d)[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)?$/

const momentOf = (time: string): { readonly form: string; readonly millis: number } | undefined => {
  if (/^[+-]?\d+(\.\d+)?$/.test(time)) return { form: "milliseconds", millis: Number(time) }
  // `Date.parse` accepts many texts that are not dates, and days that do not exist.
  const day = iso.exec(time)?.[1]
  const moment = day !== undefined && isDay(day) ? DateTime.make(time) : Option.none()
  return Option.isSome(moment)
    ? { form: "an ISO date and time", millis: DateTime.toEpochMillis(moment.value) }
    : undefined
}

const isDay = (day: string): boolean =>
  Option.exists(DateTime.make(`${day}T00:00:00Z`), (moment) => DateTime.formatIsoDateUtc(moment) === day)
