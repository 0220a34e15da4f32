/** The arrival times, generated one at a time, so that a load of any length needs constant memory. */
import * as Duration from "effect/Duration"
import type * as Random from "effect/Random"
import type { Arrivals } from "./model.ts"

type Chance = typeof Random.Random.Service

/** A span of time in which the rate changes linearly. */
interface Stretch {
  readonly millis: number
  /** The number of calls in it; all at once if it takes no time. */
  readonly calls: number
  /** The rates at both ends, in any unit: only their ratio matters. */
  readonly from: number
  readonly to: number
  readonly spacing: "even" | "poisson"
  /** Whether the spacing of calls restarts, or continues from the span before. */
  readonly start: "anew" | "on"
}

/** The arrival times in milliseconds since the start, ascending. Returns how long the arrivals last. */
export function* timesOf(arrivals: Arrivals, random: Chance): Generator<number, number> {
  let begin = 0
  // Time is measured in due calls: the next call comes when this many more are due.
  let until = 0
  for (const stretch of stretchesOf(arrivals)) {
    const gap = stretch.spacing === "even" ? () => 1 : () => -Math.log(1 - random.nextDoubleUnsafe())
    if (stretch.start === "anew") until = stretch.spacing === "even" ? 0 : gap()
    for (; until < stretch.calls - tolerance; until += gap()) yield roundToMicros(begin + timeOf(stretch, until))
    until = Math.max(0, until - stretch.calls)
    begin += stretch.millis
  }
  return begin
}

/** How long arrivals last, with or without calls. */
export const millisOf = (arrivals: Arrivals): number => {
  let millis = 0
  for (const stretch of stretchesOf(arrivals)) millis += stretch.millis
  return millis
}

// A call due at the end of a span, up to a rounding error, belongs to the next one.
const tolerance = 1e-6

export const roundToMicros = (millis: number): number => Math.round(millis * 1000) / 1000

/** When `due` calls of a span are due: the inverse of the area under its rate. */
const timeOf = ({ calls, from, millis, to }: Stretch, due: number): number => {
  // The rate there may be 0, which cannot be a divisor.
  if (due === 0) return 0
  const share = due / calls
  return (millis * share * (from + to)) / (from + Math.sqrt(from * from + (to * to - from * from) * share))
}

function* stretchesOf(arrivals: Arrivals): Generator<Stretch> {
  switch (arrivals._tag) {
    case "Constant":
      return yield flat(arrivals, "even")
    case "Poisson":
      return yield flat(arrivals, "poisson")
    case "Ramp": {
      const { from, to } = arrivals
      const millis = Duration.toMillis(arrivals.for)
      return yield { millis, calls: ((from + to) / 2 * millis) / 1000, from, to, spacing: "poisson", start: "anew" }
    }
    case "Burst":
      return yield* burstOf(arrivals)
    case "Sequence":
      for (const part of arrivals.sequence) yield* stretchesOf(part)
      return
    case "Trace":
      return yield* rowsOf(arrivals)
  }
}

const flat = (
  arrivals: { readonly rate: number; readonly for: Duration.Input },
  spacing: Stretch["spacing"]
): Stretch => {
  const millis = Duration.toMillis(arrivals.for)
  return { millis, calls: (arrivals.rate * millis) / 1000, from: 1, to: 1, spacing, start: "anew" }
}

/** Spreads the calls of a row until the next row; those of the last row over the last distance above zero. */
function* rowsOf({ at, calls }: Extract<Arrivals, { readonly _tag: "Trace" }>): Generator<Stretch> {
  let lasted = 0
  for (const [row, time] of at.entries()) {
    const next = at[row + 1]
    const millis = next === undefined ? lasted : next - time
    if (millis > 0) lasted = millis
    yield { millis, calls: calls[row]!, from: 1, to: 1, spacing: "even", start: row === 0 ? "anew" : "on" }
  }
}

/** The spans of the base, split at the start and the end of each burst. */
function* burstOf(burst: Extract<Arrivals, { readonly _tag: "Burst" }>): Generator<Stretch> {
  const after = Duration.toMillis(burst.after)
  const length = Duration.toMillis(burst.for)
  const every = burst.every === undefined ? Infinity : Duration.toMillis(burst.every)
  let now = 0
  let next = after
  let bursting = false
  for (const stretch of stretchesOf(burst.of)) {
    let done = 0
    do {
      while (next <= now) {
        bursting = !bursting
        // Without a break, one burst continues into the next.
        next += bursting ? length : every - length
      }
      const millis = Math.min(stretch.millis - done, next - now)
      const part = cut(stretch, done, millis)
      yield bursting ? { ...part, calls: part.calls * burst.times } : part
      done += millis
      now += millis
    } while (done < stretch.millis)
  }
}

const cut = (stretch: Stretch, done: number, millis: number): Stretch => {
  if (millis === stretch.millis) return stretch
  const rateAt = (time: number) => stretch.from + ((stretch.to - stretch.from) * time) / stretch.millis
  const from = rateAt(done)
  const to = rateAt(done + millis)
  const share = ((from + to) * millis) / ((stretch.from + stretch.to) * stretch.millis)
  return { ...stretch, millis, calls: stretch.calls * share, from, to, start: done === 0 ? stretch.start : "on" }
}
