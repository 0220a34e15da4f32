/**
 * Checks of option values, shared by every `make`: a value outside its range is a programmer's error and is told as a
 * `RangeError` that names the field, the value and the range.
 */
import * as Duration from "effect/Duration"

/** Names what is being made, as in `CircuitBreaker.make`, for the messages of its checks. */
export class OptionsOf {
  readonly where: string

  constructor(where: string) {
    this.where = where
  }

  refuse(field: string, range: string, value: unknown): never {
    throw new RangeError(`${this.where}: ${field} must be ${range}, got ${render(value)}`)
  }

  /** No other fields than these: one that is misspelt would be left out without a word. */
  known(options: object, fields: ReadonlyArray<string>): void {
    const unknown = Object.keys(options).find((field) => !fields.includes(field))
    if (unknown !== undefined) {
      throw new RangeError(`${this.where}: there is no ${unknown}. There are: ${fields.join(", ")}`)
    }
  }

  integer(field: string, value: number, minimum: number, maximum = Number.MAX_SAFE_INTEGER): number {
    if (Number.isSafeInteger(value) && value >= minimum && value <= maximum) return value
    const range = maximum === Number.MAX_SAFE_INTEGER ? `of at least ${minimum}` : `from ${minimum} to ${maximum}`
    return this.refuse(field, `a whole number ${range}`, value)
  }

  /** A number that has been checked, up to what can be kept. */
  atMost(field: string, value: number, maximum: number): number {
    return value <= maximum ? value : this.refuse(field, `at most ${maximum}`, value)
  }

  /** A share of calls: above 0, because a threshold of 0 would hold before anything went wrong. */
  rate(field: string, value: number): number {
    return Number.isFinite(value) && value > 0 && value <= 1
      ? value
      : this.refuse(field, "above 0 and at most 1", value)
  }

  /** How much of something: any size, none included. */
  amount(field: string, value: number): number {
    return Number.isFinite(value) && value >= 0 ? value : this.refuse(field, "a number of zero or more", value)
  }

  /** How much of something there is to give out. */
  supply(field: string, value: number): number {
    return Number.isFinite(value) && value > 0 ? value : this.refuse(field, "a number above zero", value)
  }

  /** A length of time above zero, in milliseconds. */
  positive(field: string, value: Duration.Input): number {
    const millis = toMillis(value)
    return millis > 0 && millis < Infinity ? millis : this.refuse(field, "a finite duration above zero", value)
  }

  /** A length of time above zero, in milliseconds; infinity means no limit. */
  limit(field: string, value: Duration.Input): number {
    const millis = toMillis(value)
    return millis > 0 ? millis : this.refuse(field, "a duration above zero", value)
  }

  /** A length of time in milliseconds in which zero is meant ("do not wait") and infinity is, too ("wait forever"). */
  wait(field: string, value: Duration.Input): number {
    const millis = toMillis(value)
    return millis >= 0 ? millis : this.refuse(field, "a duration of zero or more", value)
  }

  /** What is left of a time, in milliseconds: at least zero, since less than nothing is nothing. */
  left(field: string, value: Duration.Input): number {
    const millis = toMillis(value)
    return millis < Infinity ? Math.max(0, millis) : this.refuse(field, "a finite duration", value)
  }

  /** A length of time in milliseconds in which zero is meant, and which has an end. */
  delay(field: string, value: Duration.Input): number {
    const millis = toMillis(value)
    return millis >= 0 && millis < Infinity ? millis : this.refuse(field, "a finite duration of zero or more", value)
  }

  oneOf<const Choice extends string>(field: string, value: Choice, choices: ReadonlyArray<Choice>): Choice {
    return choices.includes(value) ? value : this.refuse(field, `one of ${choices.join(", ")}`, value)
  }

  name(value: string): string {
    return typeof value === "string" && value.length > 0
      ? value
      : this.refuse("name", "a text that is not empty", value)
  }
}

// `Duration` reads NaN as zero, which would turn a failed calculation into a working option.
const toMillis = (value: Duration.Input): number => {
  if (typeof value === "number" && Number.isNaN(value)) return NaN
  const duration = Duration.fromInput(value)
  return duration._tag === "None" ? NaN : Duration.toMillis(duration.value)
}

export const render = (value: unknown): string =>
  Duration.isDuration(value)
    ? Duration.format(value)
    : typeof value === "number" || typeof value === "bigint"
    ? String(value)
    : JSON.stringify(value) ?? String(value)
