/**
 * Checks option values, for every `make`. A value out of range is an error of the programmer: a `RangeError` that names
 * field, value and range.
 */
import * as Duration from "effect/Duration"
import { fieldOf } from "../data/fieldOf.ts"
import { formatDuration } from "../data/formatDuration.ts"

/**
 * `where` names the function that is called, such as `CircuitBreaker.make`, in the messages.
 *
 * @since 0.1.0
 * @category options
 */
export class OptionsOf {
  readonly where: string

  constructor(where: string) {
    this.where = where
  }

  refuse(field: string, range: string, value: unknown): never {
    throw new RangeError(`${this.where}: ${field} must be ${range}, got ${render(value)}`)
  }

  /** Like `refuse`, for a value that must not be shown, such as a key: `got` says something else of it. */
  withhold(field: string, range: string, got: string): never {
    throw new RangeError(`${this.where}: ${field} must be ${range}, got ${got}`)
  }

  /** The check of options that stand in a field of these: what it refuses is named by the place that it has here. */
  within(field: string): OptionsOf {
    return new Within(this, field)
  }

  /** Rejects unknown fields: a misspelt one would be ignored silently. */
  known(options: object, fields: ReadonlyArray<string>): void {
    const unknown = Object.keys(options).find((field) => !fields.includes(field))
    if (unknown !== undefined) this.refuseUnknown(unknown, fields)
  }

  refuseUnknown(field: string, fields: ReadonlyArray<string>): never {
    throw new RangeError(`${this.where}: there is no ${field}. There are: ${fields.join(", ")}`)
  }

  integer(field: string, value: number, minimum: number, maximum = Number.MAX_SAFE_INTEGER): number {
    if (Number.isSafeInteger(value) && value >= minimum && value <= maximum) return value
    // The upper bound is mentioned only to a user who exceeded it.
    const isBounded = maximum !== Number.MAX_SAFE_INTEGER || (Number.isFinite(value) && value > maximum)
    return this.refuse(
      field,
      `a whole number ${isBounded ? `from ${minimum} to ${maximum}` : `of at least ${minimum}`}`,
      value
    )
  }

  /** At most `maximum`. Everything else about the number is checked later. */
  atMost(field: string, value: number, maximum: number): number {
    return isAbove(value, maximum) ? this.refuse(field, `at most ${maximum}`, value) : value
  }

  /** A guard that was made before, recognized by its functions; undefined if it is left out. */
  part(field: string, value: object | undefined, functions: ReadonlyArray<string>): void {
    if (value === undefined) return
    const lacks = functions.find((name) => typeof fieldOf(value, name) !== "function")
    if (lacks !== undefined) this.refuse(field, `a part that has been made: it has no ${lacks}`, value)
  }

  /** A function of the user. */
  callback<F>(field: string, value: F): F {
    return typeof value === "function" ? value : this.refuse(field, "a function", value)
  }

  /** A group of options; undefined if it is left out. */
  group<G extends object>(field: string, value: G | undefined, fields: ReadonlyArray<keyof G & string>): G | undefined {
    if (value === undefined || value === null) return undefined
    return hasOnly(value, fields) ? value : this.refuse(field, `{ ${fields.join(", ")} }`, value)
  }

  /** Options of something else, in one field; undefined if they are left out. */
  options<G extends object>(field: string, value: G | undefined): G | undefined {
    return value === undefined || (typeof value === "object" && value !== null && !Array.isArray(value))
      ? value
      : this.refuse(field, "an object with options", value)
  }

  /** A share of calls: above 0, because a threshold of 0 would be reached before anything failed. */
  rate(field: string, value: number): number {
    return Number.isFinite(value) && value > 0 && value <= 1
      ? value
      : this.refuse(field, "above 0 and at most 1", value)
  }

  /** An amount: any finite number from 0. */
  amount(field: string, value: number): number {
    return Number.isFinite(value) && value >= 0 ? value : this.refuse(field, "a number of zero or more", value)
  }

  /** A supply: any finite number above 0. */
  supply(field: string, value: number): number {
    return Number.isFinite(value) && value > 0 ? value : this.refuse(field, "a number above zero", value)
  }

  /** A finite duration above zero, in milliseconds. */
  positive(field: string, value: Duration.Input): number {
    const millis = toMillis(value)
    return millis > 0 && millis < Infinity ? millis : this.refuse(field, "a finite duration above zero", value)
  }

  /** A duration above zero, in milliseconds; infinity means no limit. */
  limit(field: string, value: Duration.Input): number {
    const millis = toMillis(value)
    return millis > 0 ? millis : this.refuse(field, "a duration above zero", value)
  }

  /** A duration of zero ("do not wait") or more, in milliseconds; infinity means "wait forever". */
  wait(field: string, value: Duration.Input): number {
    const millis = toMillis(value)
    return millis >= 0 ? millis : this.refuse(field, "a duration of zero or more", value)
  }

  /** The rest of a time, in milliseconds, at least zero. */
  left(field: string, value: Duration.Input): number {
    const millis = toMillis(value)
    return millis < Infinity ? Math.max(0, millis) : this.refuse(field, "a finite duration", value)
  }

  /** A finite duration of zero or more, in milliseconds. */
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

class Within extends OptionsOf {
  private readonly around: OptionsOf
  private readonly field: string

  constructor(around: OptionsOf, field: string) {
    super(around.where)
    this.around = around
    this.field = field
  }

  override refuse(field: string, range: string, value: unknown): never {
    return this.around.refuse(`${this.field}.${field}`, range, value)
  }

  override withhold(field: string, range: string, got: string): never {
    return this.around.withhold(`${this.field}.${field}`, range, got)
  }

  override refuseUnknown(field: string, fields: ReadonlyArray<string>): never {
    return this.around.refuseUnknown(`${this.field}.${field}`, fields)
  }
}

// `Duration` reads NaN, and an object without any of its units, as zero. That would turn a failed calculation or a
// misspelt unit into a working option.
const toMillis = (value: Duration.Input): number => {
  try {
    if (!Duration.isDuration(value) && !isWhole(value)) return NaN
    const duration = Duration.fromInput(value)
    return duration._tag === "None" ? NaN : Duration.toMillis(duration.value)
  } catch {
    return NaN
  }
}

const isWhole = (value: unknown): boolean =>
  typeof value === "object" && value !== null && !Array.isArray(value)
    ? Object.keys(value).every((unit) => units.includes(unit)) && isLength(units.map((unit) => fieldOf(value, unit)))
    : ![value].flat().some(Number.isNaN)

const units = ["weeks", "days", "hours", "minutes", "seconds", "milliseconds", "microseconds", "nanoseconds"]

const isLength = (amounts: ReadonlyArray<unknown>): boolean => {
  const given = amounts.filter((amount) => amount !== undefined)
  return given.length > 0 && given.every((amount) => typeof amount === "number" && !Number.isNaN(amount))
}

/** Shows any value in a message; a value that cannot be shown, by its type. */
export const render = (value: unknown): string => {
  try {
    return Duration.isDuration(value)
      ? formatDuration(value)
      : typeof value === "number"
      ? String(value)
      : typeof value === "bigint"
      ? `${value}n`
      : JSON.stringify(value, (_, inner) => isOdd(inner) ? String(inner) : inner) ?? String(value)
  } catch {
    return `a value of type ${typeof value}`
  }
}

// Values that JSON cannot express.
const isOdd = (value: unknown): boolean =>
  typeof value === "bigint" || (typeof value === "number" && !Number.isFinite(value))

/** Whether a value is too large. Reported before any other problem of the value. */
export const isAbove = (value: unknown, maximum: number): boolean =>
  (typeof value === "number" || typeof value === "bigint") && value > maximum

const hasOnly = (value: unknown, fields: ReadonlyArray<string>): boolean => {
  try {
    return typeof value === "object" && value !== null && !Array.isArray(value) &&
      Object.keys(value).every((field) => fields.includes(field))
  } catch {
    return false
  }
}
