/** What the keys of resilience4j have as values. Texts are read as Spring Boot converts them. */
import { formatDuration } from "@switchgear/core/runtime"
import * as Duration from "effect/Duration"
import { millisOf } from "./durations.ts"
import { spellingsOf, uniform } from "./names.ts"

/** One kind of value. */
export interface Kind<out A = unknown> {
  /** What it must be, to follow "Expected". */
  readonly range: string
  /** The same as a JSON schema. */
  readonly json: { readonly [keyword: string]: unknown }
  /** Undefined for what it must not be. */
  readonly read: (written: unknown) => A | undefined
}

const numberOf = (written: unknown): number =>
  typeof written === "number"
    ? written
    : typeof written === "string" && /^[+-]?\d+(\.\d+)?$/.test(written)
    ? Number(written)
    : NaN

const numbers = (
  range: string,
  isIn: (value: number) => boolean,
  bounds: { readonly [keyword: string]: unknown },
  type: "number" | "integer" = "number"
): Kind<number> => ({
  range,
  json: { anyOf: [{ type, ...bounds }, { type: "string", pattern: "^[+-]?\\d+(\\.\\d+)?$" }] },
  read: (written) => {
    const value = numberOf(written)
    return isIn(value) ? value : undefined
  }
})

/** The largest `int` of Java. */
const mostInteger = 2 ** 31 - 1

export const integer = (least: number, most = mostInteger): Kind<number> =>
  numbers(
    most === mostInteger ? `a whole number of at least ${least}` : `a whole number from ${least} to ${most}`,
    (value) => Number.isInteger(value) && value >= least && value <= most,
    { minimum: least, maximum: most },
    "integer"
  )

export const anyInteger: Kind<number> = numbers("a whole number", Number.isInteger, {}, "integer")

export const percentage: Kind<number> = numbers(
  "a percentage above 0 and at most 100",
  (value) => value > 0 && value <= 100,
  { exclusiveMinimum: 0, maximum: 100 }
)

export const factor: Kind<number> = numbers("a number of at least 1", (value) => value >= 1 && value < Infinity, {
  minimum: 1
})

export const spread: Kind<number> = numbers("a number from 0 to below 1", (value) => value >= 0 && value < 1, {
  minimum: 0,
  exclusiveMaximum: 1
})

/** In milliseconds. */
const durations = (
  least: string,
  isIn: (millis: number) => boolean,
  bounds: { readonly [keyword: string]: unknown }
): Kind<number> => ({
  range: `a duration ${least} and at most 366 days, such as 500ms, 30s or PT10S`,
  json: { anyOf: [{ type: "integer", ...bounds, maximum: longest }, { type: "string", pattern: "^[+-]?(\\d|[Pp])" }] },
  read: (written) => {
    const millis = millisOf(written)
    return millis !== undefined && isIn(millis) && millis <= longest ? millis : undefined
  }
})

const longest = 366 * 86_400_000

export const duration: Kind<number> = durations("above zero", (millis) => millis > 0, { minimum: 1 })

export const wait: Kind<number> = durations("of zero or more", (millis) => millis >= 0, { minimum: 0 })

const yes = ["true", "on", "yes", "1"]
const no = ["false", "off", "no", "0"]

/** A pattern of names in any case. */
const anyCase = (...names: ReadonlyArray<string>): string =>
  `^(${names.map((name) => name.replace(/[a-z]/g, (letter) => `[${letter}${letter.toUpperCase()}]`)).join("|")})$`

export const flag: Kind<boolean> = {
  range: "true or false",
  json: { anyOf: [{ type: "boolean" }, { enum: [0, 1] }, { type: "string", pattern: anyCase(...yes, ...no) }] },
  read: (written) => {
    const text = typeof written === "object" ? "" : String(written).toLowerCase()
    return yes.includes(text)
      ? true
      : no.includes(text)
      ? false
      : undefined
  }
}

const anySpelling = (names: ReadonlyArray<string>): string => `^(${names.map((name) => spellingsOf(name)).join("|")})$`

/** One of some names, in any spelling. */
export const oneOf = (...names: ReadonlyArray<string>): Kind<string> => ({
  range: `one of ${names.join(", ")}`,
  json: { anyOf: [{ enum: names }, { type: "string", pattern: anySpelling(names) }] },
  read: (written) => typeof written === "string" ? names.find((name) => uniform(name) === uniform(written)) : undefined
})

export const text: Kind<string> = {
  range: "a text that is not empty",
  json: { type: "string", minLength: 1 },
  read: (written) => typeof written === "string" && written !== "" ? written : undefined
}

/** A list, or a text with commas. */
export const texts: Kind<ReadonlyArray<string>> = {
  range: "a list of names of classes",
  json: { anyOf: [{ type: "string", minLength: 1 }, { type: "array", items: { type: "string", minLength: 1 } }] },
  read: (written) => {
    const list = typeof written === "string" ? written.split(",").map((name) => name.trim()) : written
    return Array.isArray(list) && list.every((name) => typeof name === "string" && name !== "") ? list : undefined
  }
}

export const anything: Kind = { range: "a value", json: {}, read: (written) => written ?? undefined }

export const shownMillis = (millis: number): string => formatDuration(Duration.millis(millis))
