/** The largest options that can be kept: windows that fit into memory, times that a number of milliseconds can tell. */
import type * as Duration from "effect/Duration"
import { isAbove, type OptionsOf } from "../internal/config/checks.ts"

/** Marks of two bits: 2.5 MB. */
export const mostCalls = 10_000_000

/** Of 32 bytes each: 320 kB. */
export const mostBuckets = 10_000

export const mostProbes = 100_000

/** What is only counted. */
export const mostCounted = 1_000_000_000

/** At about 700 bytes an idle circuit: 700 MB. */
export const mostCircuits = 1_000_000

const years = 100

/** A hundred years: the clock still tells microseconds apart then. */
export const longestMillis = years * 365.25 * 86_400_000

/** The finest slice of a time window: what the clock's reading can tell apart, however long it has run. */
export const finestMillis = 0.001

/** A length of time above zero that ends while the clock can tell it, in milliseconds. */
export const span = (check: OptionsOf, field: string, value: Duration.Input): number => {
  const millis = check.positive(field, value)
  return millis <= longestMillis ? millis : check.refuse(field, `a duration of at most ${years} years`, value)
}

/** The same, where infinity means no limit. */
export const limit = (check: OptionsOf, field: string, value: Duration.Input): number => {
  const millis = check.limit(field, value)
  return millis <= longestMillis || millis === Infinity
    ? millis
    : check.refuse(field, `a duration of at most ${years} years, or Infinity`, value)
}

/** A whole number of at least one that is not more than can be kept. */
export const count = (check: OptionsOf, field: string, value: number, most: number): number =>
  isAbove(value, most)
    ? check.refuse(field, `a whole number from 1 to ${most}`, value)
    : check.integer(field, value, 1)
