/**
 * How long a provider asks to wait, in any of the dialects in which providers say it.
 */
import * as Duration from "effect/Duration"
import { fromResetHeaders, type Header } from "./resetHeaders.ts"
import { fromSentence, type Told } from "./waitSentence.ts"
import { fromDuration, fromInstant, fromNumber, fromReset } from "./waitValue.ts"

export { fromReset }

/** A wait as a field of a body tells it. */
export interface Wait {
  readonly unit: "duration" | "seconds" | "millis" | "instant"
  readonly value: string
}

export interface Hints {
  /** Reads a response header by its lower-case name. */
  readonly header: Header
  /** The names of all headers, in small letters. */
  readonly names: Iterable<string>
  /** The fields of the body. */
  readonly waits: ReadonlyArray<Wait>
  /** The provider's own sentence. */
  readonly text: string | undefined
  /** Whether the wait that the sentence tells is a quotation. It is asked where it would matter. */
  readonly isQuoted: (text: string, told: Told) => boolean
  /** Which limit was hit, where the provider names it: `requests` or `tokens`. */
  readonly limit: string | undefined
  /** Whether this is the answer to a limit: reset headers stand on every response and mean a wait only then. */
  readonly isLimit: boolean
  /** The time now, in milliseconds since 1970. */
  readonly now: number
}

/**
 * The first hint that makes sense, in the order the providers' own clients use: milliseconds headers, `retry-after` in
 * seconds, `retry-after` as a date, reset headers, the body's fields, the sentence. Negative, non-finite and absurd ones
 * (more than 31 days, the longest quota period) are not hints, and neither is a time in the past.
 */
export const parse = (hints: Hints): Duration.Duration | undefined => {
  const { header, now } = hints
  const millis = fromNumber(header("retry-after-ms"), 1) ??
    fromNumber(header("x-ms-retry-after-ms"), 1) ??
    fromRetryAfter(header("retry-after"), now) ??
    fromRetryAfter(header("x-retry-after"), now) ??
    fromRetryAfter(header("x-ratelimit-retry-after"), now) ??
    (hints.isLimit ? fromResetHeaders(hints) : undefined) ??
    fromFields(hints) ??
    fromText(hints)
  return millis === undefined ? undefined : Duration.millis(millis)
}

/** Seconds or a date, as HTTP has it; some write a duration, or a time since 1970. Of several headers the longest. */
const fromRetryAfter = (value: string | undefined, now: number): number | undefined => {
  if (value === undefined || value.length > 64) return undefined
  const plain = unquoted(value)
  const one = fromNumber(plain, 1000) ?? fromInstant(plain, now) ?? fromDuration(plain) ?? fromWords(plain)
  if (one !== undefined) return one
  const several = value.split(",").flatMap((value) => fromNumber(value, 1000) ?? [])
  return several.length === 0 ? undefined : Math.max(...several)
}

/** Some write a number in quotation marks, or with a sign. */
const unquoted = (value: string): string => value.replace(/^\s*"(.*)"\s*$/, "$1").replace(/^\s*\+(?=\d)/, "")

/** `20 seconds` */
const fromWords = (value: string): number | undefined => {
  const words = /^\s*(\d{1,12}(?:\.\d{1,12})?) ?(s|m|h)(?:ec|econd|in|inute|r|our)s?\s*$/i.exec(value)
  return words === null ? undefined : fromDuration(`${words[1]}${words[2]!.toLowerCase()}`)
}

/** A user who writes "try again in 23 hours" could otherwise pause a model that quotes what it refuses. */
const fromText = ({ isQuoted, now, text }: Hints): number | undefined => {
  if (text === undefined) return undefined
  const told = fromSentence(text, now)
  return told === undefined || told.millis >= longWait && isQuoted(text, told) ? undefined : told.millis
}

/** A shorter wait does no harm, and is told too often to search the prompt for it. */
const longWait = 60_000

const fromFields = ({ now, waits }: Hints): number | undefined => {
  for (const { unit, value } of waits) {
    const millis = unit === "duration"
      ? fromDuration(value)
      : unit === "instant"
      ? fromInstant(value, now)
      : fromNumber(value, unit === "millis" ? 1 : 1000) ??
        (unit === "seconds" ? fromDuration(value) ?? fromInstant(value, now) : undefined)
    if (millis !== undefined) return millis
  }
  return undefined
}
