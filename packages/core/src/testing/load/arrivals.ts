/** When calls come: plain data, to be written down, compared and put together. */
import * as Duration from "effect/Duration"
import * as Schema from "effect/Schema"
import { OptionsOf, render } from "../../internal/config/checks.ts"
import type { Arrivals } from "./model.ts"
import { millisOf } from "./times.ts"

export type { Arrivals }

/** How many calls a second, and for how long. */
export interface Rate {
  readonly rate: number
  readonly for: Duration.Input
}

/** Calls at exactly even distances, the first at once. A rate of 0 is a pause. */
export const constant = (options: Rate): Arrivals => ({ _tag: "Constant", ...options })

/** Calls of many callers who know nothing of each other: any moment is as likely as any other. */
export const poisson = (options: Rate): Arrivals => ({ _tag: "Poisson", ...options })

/** As `poisson`, at a rate that grows or falls evenly from one to the other. */
export const ramp = (options: {
  readonly from: number
  readonly to: number
  readonly for: Duration.Input
}): Arrivals => ({ _tag: "Ramp", ...options })

/**
 * Other arrivals, so many times as many of them for a while: fifteen times as many for ten minutes is `{ of: night, times:
 * 15, after: "6 minutes", for: "10 minutes" }`. With `every` there is one burst after another, that time from the
 * beginning of one to the beginning of the next.
 */
export const burst = (options: {
  readonly of: Arrivals
  readonly times: number
  /** Quiet before the first. @default none */
  readonly after?: Duration.Input | undefined
  readonly for: Duration.Input
  /** @default one burst */
  readonly every?: Duration.Input | undefined
}): Arrivals => ({ _tag: "Burst", ...options, after: options.after ?? 0, every: options.every })

/** One after the other. */
export const sequence = (sequence: ReadonlyArray<Arrivals>): Arrivals => ({ _tag: "Sequence", sequence })

/** The load could not be run, because of the value at `place`, such as `sequence[2].for`. No call was made. */
export class InvalidLoad extends Schema.TaggedError<InvalidLoad>("@switchgear/core/testing/Load/InvalidLoad")(
  "InvalidLoad",
  { place: Schema.String, reason: Schema.String }
) {
  override get message(): string {
    return `The load cannot be run: ${this.place} ${this.reason}.`
  }
}

/** What is wrong with arrivals, if anything: the first, by its place. */
export const problemOf = (arrivals: Arrivals): InvalidLoad | undefined => {
  try {
    check(arrivals, "")
    return undefined
  } catch (error) {
    if (error instanceof InvalidLoad) return error
    throw error
  }
}

class Place extends OptionsOf {
  override refuse(field: string, range: string, value: unknown): never {
    throw new InvalidLoad({ place: this.where + field, reason: `must be ${range}, got ${render(value)}` })
  }
}

const check = (arrivals: Arrivals, at: string): void => {
  const place = new Place(at)
  switch (arrivals._tag) {
    case "Constant":
    case "Poisson":
      place.amount("rate", arrivals.rate)
      place.positive("for", arrivals.for)
      return
    case "Ramp":
      place.amount("from", arrivals.from)
      place.amount("to", arrivals.to)
      place.positive("for", arrivals.for)
      return
    case "Burst": {
      place.supply("times", arrivals.times)
      const after = place.wait("after", arrivals.after)
      if (arrivals.every !== undefined) {
        const millis = place.positive("for", arrivals.for)
        const every = place.positive("every", arrivals.every)
        if (every < millis) place.refuse("every", "at least as long as `for`", arrivals.every)
      } else place.positive("for", arrivals.for)
      check(arrivals.of, `${at}of.`)
      if (after > 0 && after >= millisOf(arrivals.of)) {
        place.refuse("after", "shorter than `of`, else there is no burst", arrivals.after)
      }
      return
    }
    case "Sequence":
      if (arrivals.sequence.length === 0) place.refuse("sequence", "a list with something in it", arrivals.sequence)
      arrivals.sequence.forEach((part, index) => check(part, `${at}sequence[${index}].`))
      return
    case "Trace":
      for (const [row, time] of arrivals.at.entries()) {
        if (!(Number.isFinite(time) && time >= (arrivals.at[row - 1] ?? time))) {
          place.refuse(`at[${row}]`, "a time that is not before the one above it", time)
        }
        place.integer(`calls[${row}]`, arrivals.calls[row]!, 0)
      }
      return
    default:
      place.refuse("_tag", "one of Constant, Poisson, Ramp, Burst, Sequence, Trace", (arrivals as Arrivals)._tag)
  }
}
