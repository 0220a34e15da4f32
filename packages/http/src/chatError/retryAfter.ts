/**
 * How long a provider asks to wait, in any of the dialects in which providers say it.
 */
import * as Duration from "effect/Duration"

export interface Hints {
  /** Reads a response header by its lower-case name. */
  readonly header: (name: string) => string | undefined
  /** The `retryDelay` of a Gemini `RetryInfo`. */
  readonly retryDelay: string | undefined
  /** The provider's own sentence. */
  readonly text: string | undefined
  /** Which limit was hit, where the provider names it: `requests` or `tokens`. */
  readonly limit: string | undefined
  /** Whether this is the answer to a rate limit: reset headers stand on every response and mean a wait only then. */
  readonly isRateLimit: boolean
  /** The time now, in milliseconds since 1970. */
  readonly now: number
}

/**
 * The first hint that makes sense, in the order the providers' own clients use: milliseconds headers, `retry-after` in
 * seconds, `retry-after` as a date, reset headers, the body, the sentence. Negative, non-finite and absurd ones (more
 * than 31 days, the longest quota period) are not hints.
 */
export const parse = (hints: Hints): Duration.Duration | undefined => {
  const millis = fromNumber(hints.header("retry-after-ms"), 1) ??
    fromNumber(hints.header("x-ms-retry-after-ms"), 1) ??
    fromNumber(hints.header("retry-after"), 1000) ??
    fromDate(hints.header("retry-after"), hints.now) ??
    (hints.isRateLimit ? fromResets(hints) : undefined) ??
    fromGo(hints.retryDelay) ??
    fromText(hints.text)
  return millis === undefined ? undefined : Duration.millis(millis)
}

/** Whole milliseconds, rounded up: a hint must never be undercut, and a `Duration` travels as an integer. */
const sane = (millis: number): number | undefined =>
  Number.isFinite(millis) && millis >= 0 && millis <= longest ? Math.ceil(millis) : undefined

const longest = 31 * 24 * 3_600_000

const fromNumber = (value: string | undefined, unit: number): number | undefined =>
  value !== undefined && /^\s*\d{1,15}(\.\d{1,15})?\s*$/.test(value) ? sane(Number(value) * unit) : undefined

const fromDate = (value: string | undefined, now: number): number | undefined =>
  // Only the date forms of HTTP begin with the name of a day; `Date.parse` alone would take "-5" for a month.
  value !== undefined && value.length <= 64 && /^\s*(Mon|Tue|Wed|Thu|Fri|Sat|Sun)/i.test(value)
    ? sane(Date.parse(value) - now)
    : undefined

const fromResets = ({ header, limit }: Hints): number | undefined => {
  const pairs = ["requests", "tokens"].map((kind) => ({
    kind,
    spent: Number(header(`x-ratelimit-remaining-${kind}`) ?? Number.NaN) <= 0,
    reset: fromReset(header(`x-ratelimit-reset-${kind}`))
  }))
  const named = pairs.filter((pair) => pair.kind === limit)
  const spent = pairs.filter((pair) => pair.spent)
  const resets = (named.length > 0 ? named : spent.length > 0 ? spent : pairs).flatMap(({ reset }) => reset ?? [])
  return resets.length === 0 ? undefined : Math.max(...resets)
}

/** Milliseconds until a reset that is told in seconds, or as Go writes a duration. */
export const fromReset = (value: string | undefined): number | undefined => fromNumber(value, 1000) ?? fromGo(value)

const fromGo = (value: string | undefined): number | undefined => {
  if (value === undefined || value.length > 64) return undefined
  const compact = value.trim()
  if (!/^(\d+(\.\d+)?(ns|us|µs|ms|s|m|h|d))+$/.test(compact)) return undefined
  let millis = 0
  for (const [, amount, unit] of compact.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h|d)/g)) {
    millis += Number(amount) * unitMillis[unit as keyof typeof unitMillis]
  }
  return sane(millis)
}

const unitMillis = { ns: 1e-6, us: 1e-3, µs: 1e-3, ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

const fromText = (text: string | undefined): number | undefined => {
  const said = text?.match(
    /(?:try again|retry) (?:in|after) ((?:\d{1,12}(?:\.\d{1,12})?(?:ms|s|m|h))+|\d{1,12}(?:\.\d{1,12})?(?= seconds?\b))/i
  )?.[1]
  return said === undefined ? undefined : fromGo(/\d$/.test(said) ? `${said}s` : said.toLowerCase())
}
