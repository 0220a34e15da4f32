/** The largest values of options: windows that fit into memory, times that a number of milliseconds can express. */
import type * as Duration from "effect/Duration"
import { isAbove, type OptionsOf } from "../internal/config/checks.ts"

/** Marks of two bits: 2.5 MB. */
export const mostCalls = 10_000_000

/** Of 32 bytes each: 320 kB. */
export const mostBuckets = 10_000

export const mostProbes = 100_000

/** For numbers that only counters are compared with. */
export const mostCounted = 1_000_000_000

/** At about 700 bytes an idle circuit: 700 MB. */
export const mostCircuits = 1_000_000

const years = 100

/** A hundred years: a number of milliseconds can still tell microseconds apart then. */
export const longestMillis = years * 365.25 * 86_400_000

/** The finest slice of a time window, in milliseconds: the resolution of the clock, however long it has run. */
export const finestMillis = 0.001

/** A duration above zero and of at most a hundred years, in milliseconds. */
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

/** A whole number from 1 to `most`. */
export const count = (check: OptionsOf, field: string, value: number, most: number): number =>
  isAbove(value, most)
    ? check.refuse(field, `a whole number from 1 to ${most}`, value)
    : check.integer(field, value, 1)
