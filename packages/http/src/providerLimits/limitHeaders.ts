/**
 * What the headers of a response say about the provider's rate limits, in the dialects of OpenAI (`x-ratelimit-…`, also
 * spoken by Azure, Groq and most gateways) and Anthropic (`anthropic-ratelimit-…`).
 */
import * as RetryAfter from "../chatError/retryAfter.ts"

/** The headers of a response, by their names in small letters. */
export type Headers = Readonly<Record<string, string | undefined>>

/**
 * What is said about one resource. Every number is finite and not negative.
 *
 * @category models
 * @since 0.1.0
 */
export interface Allowance {
  readonly limit?: number | undefined
  readonly remaining?: number | undefined
  /** Milliseconds until the whole limit is there again; 0 when it is by now. */
  readonly resetsIn?: number | undefined
}

/**
 * What a response says about limits.
 *
 * @category models
 * @since 0.1.0
 */
export interface Said {
  readonly requests?: Allowance | undefined
  readonly tokens?: Allowance | undefined
}

/**
 * Reads the headers at the time `now`, in milliseconds since 1970. Total: what makes no sense is not said. Where
 * several headers speak of the same, the tighter one counts.
 *
 * Anthropic limits tokens of the prompt and of the answer apart, and a limiter counts them together. So together is how
 * they are read: the smaller limit alone would refuse prompts that the provider takes. Only where one of the two is
 * spent is nothing left, because every call needs some of each.
 */
export const parse = (headers: Headers, now: number): Said | undefined => {
  const said = (names: Names) => read(headers, names, now)
  const requests = tighter(said(openai.requests), said(anthropic.requests))
  const tokens = tighter(
    said(openai.tokens),
    tighter(said(anthropic.tokens), together(said(anthropic.input), said(anthropic.output)))
  )
  return requests === undefined && tokens === undefined ? undefined : { requests, tokens }
}

interface Names {
  readonly limit: string
  readonly remaining: string
  readonly reset: string
}

const named = (nameOf: (part: string) => string): Names => ({
  limit: nameOf("limit"),
  remaining: nameOf("remaining"),
  reset: nameOf("reset")
})

const openai = {
  requests: named((part) => `x-ratelimit-${part}-requests`),
  tokens: named((part) => `x-ratelimit-${part}-tokens`)
}

const anthropic = {
  requests: named((part) => `anthropic-ratelimit-requests-${part}`),
  tokens: named((part) => `anthropic-ratelimit-tokens-${part}`),
  input: named((part) => `anthropic-ratelimit-input-tokens-${part}`),
  output: named((part) => `anthropic-ratelimit-output-tokens-${part}`)
}

const all = new Set(
  [...Object.values(openai), ...Object.values(anthropic)].flatMap((
    { limit, remaining, reset }
  ) => [limit, remaining, reset])
)

/** Whether any of the headers speaks of limits. */
export const areIn = (headers: Headers): boolean => {
  for (const name in headers) if (all.has(name)) return true
  return false
}

const read = (headers: Headers, names: Names, now: number): Allowance | undefined => {
  const limit = count(headers[names.limit])
  const remaining = count(headers[names.remaining])
  const resetsIn = reset(headers[names.reset], now)
  // Nothing passes a limit of zero: a provider that sends it on an answer means that there is no limit.
  return limit === 0 || (limit ?? remaining ?? resetsIn) === undefined ? undefined : { limit, remaining, resetsIn }
}

const count = (value: string | undefined): number | undefined =>
  value !== undefined && /^\s*\d{1,15}\s*$/.test(value) ? Number(value) : undefined

const reset = (value: string | undefined, now: number): number | undefined =>
  value === undefined ? undefined : fromInstant(value, now) ?? RetryAfter.fromReset(value)

/** A time as RFC 3339 writes it. One that is further away than any limit lasts is none. */
const fromInstant = (value: string, now: number): number | undefined => {
  if (value.length > 64 || !/^\s*\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)\s*$/i.test(value)) {
    return undefined
  }
  const millis = Date.parse(value.trim()) - now
  return Math.abs(millis) <= longest ? Math.max(0, millis) : undefined
}

const longest = 31 * 24 * 3_600_000

const tighter = (one: Allowance | undefined, other: Allowance | undefined): Allowance | undefined =>
  one && other
    ? {
      limit: either(Math.min, one.limit, other.limit),
      remaining: either(Math.min, one.remaining, other.remaining),
      resetsIn: either(Math.max, one.resetsIn, other.resetsIn)
    }
    : one ?? other

const together = (input: Allowance | undefined, output: Allowance | undefined): Allowance | undefined =>
  input && output && {
    limit: both(sum, input.limit, output.limit),
    remaining: both((a, b) => Math.min(a, b) === 0 ? 0 : a + b, input.remaining, output.remaining),
    resetsIn: both(Math.max, input.resetsIn, output.resetsIn)
  }

const sum = (a: number, b: number): number => a + b

type Combine = (a: number, b: number) => number

const both = (combine: Combine, a: number | undefined, b: number | undefined): number | undefined =>
  a === undefined || b === undefined ? undefined : combine(a, b)

const either = (combine: Combine, a: number | undefined, b: number | undefined): number | undefined =>
  both(combine, a, b) ?? a ?? b
