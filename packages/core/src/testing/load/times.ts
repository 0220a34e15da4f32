/** The moments at which calls come, one at a time, so that a load of any length takes no memory. */
import * as Duration from "effect/Duration"
import type * as Random from "effect/Random"
import type { Arrivals } from "./model.ts"

type Chance = typeof Random.Random.Service

/** A stretch of time in which the rate changes evenly, if at all. */
interface Stretch {
  readonly millis: number
  /** How many calls are due in it; at once where it takes no time. */
  readonly calls: number
  /** The rates at both ends, in any unit: only their proportion counts. */
  readonly from: number
  readonly to: number
  readonly spacing: "even" | "poisson"
  /** Whether the spacing begins anew, or goes on from the stretch before. */
  readonly start: "anew" | "on"
}

/** The times of arrivals in milliseconds since the beginning, in order; at the end it answers how long they took. */
export function* timesOf(arrivals: Arrivals, random: Chance): Generator<number, number> {
  let begin = 0
  // Time is counted in calls that are due: the next comes when so many more are.
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

/** How long arrivals take, calls or no calls. */
export const millisOf = (arrivals: Arrivals): number => {
  let millis = 0
  for (const stretch of stretchesOf(arrivals)) millis += stretch.millis
  return millis
}

// A call that is due at the end of a stretch but for a rounding belongs to what comes next.
const tolerance = 1e-6

export const roundToMicros = (millis: number): number => Math.round(millis * 1000) / 1000

/** When so many of the calls of a stretch are due: the share of the area under its rates, inverted. */
const timeOf = ({ calls, from, millis, to }: Stretch, due: number): number => {
  // The rate there may be 0, by which nothing can be divided.
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

/** The calls of a row are spread over the time to the next; those of the last over as long as the last that took any. */
function* rowsOf({ at, calls }: Extract<Arrivals, { readonly _tag: "Trace" }>): Generator<Stretch> {
  let lasted = 0
  for (const [row, time] of at.entries()) {
    const next = at[row + 1]
    const millis = next === undefined ? lasted : next - time
    if (millis > 0) lasted = millis
    yield { millis, calls: calls[row]!, from: 1, to: 1, spacing: "even", start: row === 0 ? "anew" : "on" }
  }
}

/** The stretches of the base, cut where a burst begins and ends. */
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
        // Without a break between them one burst goes over into the next.
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
