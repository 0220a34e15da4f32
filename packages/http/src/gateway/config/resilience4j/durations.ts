/** Durations as Spring Boot reads them: `500ms`, `30s`, `PT10S`, and milliseconds where there is no unit. */

/** In milliseconds; undefined for what is no duration. */
export const millisOf = (written: unknown): number | undefined => {
  if (typeof written === "number") return Number.isSafeInteger(written) ? written : undefined
  if (typeof written !== "string") return undefined
  const simple = /^([+-]?\d+)(ns|us|ms|s|m|h|d)?$/i.exec(written)
  return simple === null ? isoMillis(written) : times(Number(simple[1]), simple[2]?.toLowerCase() ?? "ms")
}

/** How many of a unit are a millisecond, or how many milliseconds are a unit. */
const units: { readonly [unit: string]: readonly [of: number, by: number] } = {
  ns: [1, 1_000_000],
  us: [1, 1000],
  ms: [1, 1],
  s: [1000, 1],
  m: [60_000, 1],
  h: [3_600_000, 1],
  d: [86_400_000, 1]
}

// A division by a power of ten is the nearest number; a multiplication by its inverse is not.
const times = (amount: number, unit: string): number => amount * units[unit]![0] / units[unit]![1]

const iso = /^([+-])?P(?:([+-]?\d+)D)?(T(?:([+-]?\d+)H)?(?:([+-]?\d+)M)?(?:([+-]?)(\d+)(?:[.,](\d{0,9}))?S)?)?$/i

const isoMillis = (written: string): number | undefined => {
  const parts = iso.exec(written)
  if (parts === null || /^[+-]?PT?$|T$/i.test(written)) return undefined
  const [, sign, days = "0", , hours = "0", minutes = "0", secondsSign, seconds = "0", fraction = ""] = parts
  const nanos = Number(seconds) * 1e9 + Number(fraction.padEnd(9, "0"))
  const millis = times(Number(days), "d") + times(Number(hours), "h") + times(Number(minutes), "m") +
    times(secondsSign === "-" ? -nanos : nanos, "ns")
  return sign === "-" ? -millis : millis
}
