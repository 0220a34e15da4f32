/** How a deadline travels: as the time that is left, since the clocks of two machines differ. */

/** The header in which this library tells how many seconds are left. */
export const timeoutHeader = "x-switchgear-timeout"

/**
 * Header fields by their names in small letters, as servers and clients give them.
 *
 * @since 0.1.0
 * @category models
 */
export interface HeaderFields {
  readonly [name: string]: string | ReadonlyArray<string> | undefined
}

/** Longer ones are taken for none: no caller waits for a day. */
const longest = 24 * 3_600_000

type Read = (text: string) => number | undefined

const decimal = /^\d{1,12}(?:\.\d{1,12})?$/

const number = (unit: number): Read => (text) => decimal.test(text) ? Number(text) * unit : undefined

/** Of these headers, zero says that there is no limit. */
const aboveZero = (read: Read): Read => (text) => read(text) || undefined

const grpcUnits: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 }

const grpc: Read = (text) => {
  const [, digits, unit] = /^(\d{1,8})([HMSmun])$/.exec(text) ?? []
  return unit === undefined ? undefined : Number(digits) * grpcUnits[unit]!
}

/** How each header is read, in milliseconds. */
const readings: ReadonlyArray<readonly [name: string, read: Read]> = [
  [timeoutHeader, number(1000)],
  ["grpc-timeout", grpc],
  ["x-stainless-timeout", aboveZero(number(1000))],
  ["x-stainless-read-timeout", aboveZero(number(1000))],
  ["x-envoy-expected-rq-timeout-ms", aboveZero(number(1))]
]

/** The least time that one of the headers leaves, in milliseconds; undefined where none tells one. */
export const leftBy = (headers: HeaderFields): number | undefined => {
  let least = Infinity
  for (const [name, read] of readings) {
    for (const text of valuesOf(headers[name])) {
      const millis = read(text.trim())
      if (millis !== undefined && millis < longest) least = Math.min(least, millis)
    }
  }
  return least === Infinity ? undefined : least
}

/** A header that was sent twice is one text with a comma, or two texts. */
const valuesOf = (given: string | ReadonlyArray<string> | undefined): ReadonlyArray<string> =>
  given === undefined ? [] : typeof given === "string" ? given.split(",") : given.flatMap((text) => text.split(","))

/** Seconds, rounded down to milliseconds: who reads it never has more time. */
export const written = (millis: number): string => String(Math.floor(Math.max(0, millis)) / 1000)
