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

export const fromDuration = (value: string | undefined): number | undefined => {
  if (value === undefined || value.length > 64) return undefined
  const compact = value.trim()
  if (!/^(\d{1,15}(\.\d{1,15})?(ns|us|µs|ms|s|m|h|d))+$/.test(compact)) return undefined
  let millis = 0
  for (const [, amount, unit] of compact.matchAll(/(\d{1,15}(?:\.\d{1,15})?)(ns|us|µs|ms|s|m|h|d)/g)) {
    millis += Number(amount) * unitMillis[unit as keyof typeof unitMillis]
  }
  return sane(millis)
}

const unitMillis = { ns: 1e-6, us: 1e-3, µs: 1e-3, ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/**
 * Milliseconds until an instant: seconds or milliseconds since 1970, or a date with a time, in UTC where it names no
 * zone. A time in the past is none.
 */
export const fromInstant = (value: string | undefined, now: number): number | undefined => {
  if (value === undefined || value.length > 64) return undefined
  const number = /^\s*\d{10,13}(\.\d{1,9})?\s*$/.test(value) ? Number(value) : Number.NaN
  if (!Number.isNaN(number)) return sane((number >= 1e12 ? number : number * 1000) - now)
  const parts = value.match(instant)
  if (parts === null) return undefined
  const [, date, hours = "00", minutes = "00", seconds = "00", fraction = "", zone = "Z"] = parts
  const offset = /^(z|utc|gmt)$/i.test(zone)
    ? "Z"
    : zone.replace(/^(?:utc|gmt)/i, "").replace(/^([+-]\d\d):?(\d\d)$/, "$1:$2")
  return sane(Date.parse(`${date!.replaceAll("/", "-")}T${hours}:${minutes}:${seconds}${fraction}${offset}`) - now)
}

/** A date, and a time unless it is midnight, as texts and fields have them. */
export const instantPattern =
  "(\\d{4}[-/]\\d\\d[-/]\\d\\d)(?:(?:T| at |,? )(\\d\\d):(\\d\\d)(?::(\\d\\d)(\\.\\d{1,9})?)?(?: ?(Z|UTC|GMT|[+-]\\d\\d:?\\d\\d))?)?"

const instant = new RegExp(`^\\s*${instantPattern}\\s*$`, "i")
