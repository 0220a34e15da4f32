/** Waits as single values: a number, a duration as Go writes it, an instant. In whole milliseconds. */

/** No quota period is longer, so a longer wait is none. */
export const longestWait = 31 * 24 * 3_600_000

/** Whole milliseconds, rounded up: a hint must never be undercut, and a `Duration` travels as an integer. */
const sane = (millis: number): number | undefined =>
  Number.isFinite(millis) && millis >= 0 && millis <= longestWait ? Math.ceil(millis) : undefined

/** A number of a unit of so many milliseconds. */
export const fromNumber = (value: string | undefined, unit: number): number | undefined =>
  value !== undefined && /^\s*\d{1,15}(\.\d{1,15})?\s*$/.test(value) ? sane(Number(value) * unit) : undefined

/** Milliseconds until a reset that is told in seconds, or as Go writes a duration. */
export const fromReset = (value: string | undefined): number | undefined =>
  fromNumber(value, 1000) ?? fromDuration(value)

/** A duration as Go writes it, or as ISO 8601 does. */
export const fromDuration = (value: string | undefined): number | undefined => {
  if (value === undefined || value.length > 64) return undefined
  const compact = value.trim()
  const iso = isoDuration.exec(compact)
  if (iso !== null) {
    const [days = 0, hours = 0, minutes = 0, seconds = 0] = iso.slice(1).map((amount) => Number(amount ?? 0))
    return sane(((days * 24 + hours) * 60 + minutes) * 60_000 + seconds * 1000)
  }
  if (!/^(\d{1,15}(\.\d{1,15})?(ns|us|µs|ms|s|m|h|d))+$/.test(compact)) return undefined
  let millis = 0
  for (const [, amount, unit] of compact.matchAll(/(\d{1,15}(?:\.\d{1,15})?)(ns|us|µs|ms|s|m|h|d)/g)) {
    millis += Number(amount) * unitMillis[unit as keyof typeof unitMillis]
  }
  return sane(millis)
}

const isoDuration = /^P(?=.)(?:(\d{1,4})D)?(?:T(?=\d)(?:(\d{1,6})H)?(?:(\d{1,6})M)?(?:(\d{1,9}(?:\.\d{1,9})?)S)?)?$/i

const unitMillis = { ns: 1e-6, us: 1e-3, µs: 1e-3, ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/**
 * Milliseconds until an instant: a number of seconds since 1970 or of a thousandth, millionth or billionth of one, a date
 * with a time, in UTC where it names no zone, or a date of HTTP. A time in the past is none.
 */
export const fromInstant = (value: string | undefined, now: number): number | undefined => {
  if (value === undefined || value.length > 64) return undefined
  if (/^\s*\d{10,19}(\.\d{1,9})?\s*$/.test(value)) return sane(sinceEpoch(Number(value)) - now)
  // Only the date forms of HTTP begin with the name of a day; `Date.parse` alone would take "-5" for a month.
  if (/^\s*(Mon|Tue|Wed|Thu|Fri|Sat|Sun)/i.test(value)) return sane(Date.parse(value) - now)
  const parts = value.match(instant)
  if (parts === null) return undefined
  const [, date, hours = "00", minutes = "00", seconds = "00", fraction = "", zone = "Z"] = parts
  const offset = /^(z|utc|gmt)$/i.test(zone)
    ? "Z"
    : zone.replace(/^(?:utc|gmt)/i, "").replace(/^([+-]\d\d):?(\d\d)$/, "$1:$2")
  return sane(Date.parse(`${date!.replaceAll("/", "-")}T${hours}:${minutes}:${seconds}${fraction}${offset}`) - now)
}

/** Milliseconds since 1970 of a number whose size tells its unit. */
const sinceEpoch = (number: number): number => {
  const unit = [[1e17, 1e-6], [1e14, 1e-3], [1e12, 1]].find(([least]) => number >= least!)?.[1] ?? 1000
  return number * unit
}

/** A date, and a time unless it is midnight, as texts and fields have them. */
export const instantPattern =
  "(\\d{4}[-/]\\d\\d[-/]\\d\\d)(?:(?:T| at |,? )(\\d\\d):(\\d\\d)(?::(\\d\\d)(\\.\\d{1,9})?)?(?: ?(Z|UTC|GMT|[+-]\\d\\d:?\\d\\d))?)?"

const instant = new RegExp(`^\\s*${instantPattern}\\s*$`, "i")
