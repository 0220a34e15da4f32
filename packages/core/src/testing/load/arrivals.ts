/** Arrival times of calls, as plain data that can be written down, compared and combined. */
import * as Duration from "effect/Duration"
import * as Schema from "effect/Schema"
import { OptionsOf, render } from "../../internal/config/checks.ts"
import type { Arrivals } from "./model.ts"
import { millisOf } from "./times.ts"

export type { Arrivals }

/**
 * Calls per second, and for how long.
 *
 * @since 0.1.0
 * @category options
 */
export interface Rate {
  readonly rate: number
  readonly for: Duration.Input
}

/**
 * Evenly spaced calls, the first at once. A rate of 0 is a pause.
 *
 * @since 0.1.0
 * @category constructors
 */
export const constant = (options: Rate): Arrivals => ({ _tag: "Constant", ...options })

/**
 * Calls of many independent callers: a Poisson process.
 *
 * @since 0.1.0
 * @category constructors
 */
export const poisson = (options: Rate): Arrivals => ({ _tag: "Poisson", ...options })

/**
 * Like `poisson`, at a rate that changes linearly from one value to the other.
 *
 * @since 0.1.0
 * @category constructors
 */
export const ramp = (options: {
  readonly from: number
  readonly to: number
  readonly for: Duration.Input
}): Arrivals => ({ _tag: "Ramp", ...options })

/**
 * Multiplies other arrivals for a time. Fifteen times as many for ten minutes is
 * `{ of: night, times: 15, after: "6 minutes", for: "10 minutes" }`. With `every`, bursts repeat; it is the time from
 * the start of one to the start of the next.
 *
 * @since 0.1.0
 * @category constructors
 */
export const burst = (options: {
  readonly of: Arrivals
  readonly times: number
  /** Time before the first burst. @default none */
  readonly after?: Duration.Input | undefined
  readonly for: Duration.Input
  /** Time between the starts of two bursts. @default one burst */
  readonly every?: Duration.Input | undefined
}): Arrivals => ({ _tag: "Burst", ...options, after: options.after ?? 0, every: options.every })

/**
 * Arrivals one after the other.
 *
 * @since 0.1.0
 * @category constructors
 */
export const sequence = (sequence: ReadonlyArray<Arrivals>): Arrivals => ({ _tag: "Sequence", sequence })

/**
 * An invalid load. `place` names the field, such as `sequence[2].for`. No call was made.
 *
 * @since 0.1.0
 * @category errors
 */
export class InvalidLoad extends Schema.TaggedError<InvalidLoad>("@switchgear/core/testing/Load/InvalidLoad")(
  "InvalidLoad",
  { place: Schema.String, reason: Schema.String }
) {
  override get message(): string {
    return `The load cannot be run: ${this.place} ${this.reason}.`
  }
}

/** The first problem of arrivals, if any. */
export const problemOf = (arrivals: Arrivals): InvalidLoad | undefined => {
  try {
    check(arrivals, "")
    return undefined
  } catch (error) {
    if (error instanceof InvalidLoad) return error
    throw error
  }
}

/** Checks the values at one place of a load. */
export class Place extends OptionsOf {
  override refuseUnknown(field: string, fields: ReadonlyArray<string>): never {
    throw new InvalidLoad({ place: this.where + field, reason: `does not exist. There are: ${fields.join(", ")}` })
  }

  override refuse(field: string, range: string, value: unknown): never {
    throw new InvalidLoad({ place: this.where + field, reason: `must be ${range}, got ${render(value)}` })
  }
}

const check = (arrivals: Arrivals, at: string): void => {
  const place = new Place(at)
  const { _tag, ...options } = arrivals
  if (Object.hasOwn(fieldsOf, _tag)) place.known(options, fieldsOf[_tag])
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

const fieldsOf: { readonly [K in Arrivals["_tag"]]: ReadonlyArray<keyof Extract<Arrivals, { readonly _tag: K }>> } = {
  Constant: ["rate", "for"],
  Poisson: ["rate", "for"],
  Ramp: ["from", "to", "for"],
  Burst: ["of", "times", "after", "for", "every"],
  Sequence: ["sequence"],
  Trace: ["at", "calls"]
}
