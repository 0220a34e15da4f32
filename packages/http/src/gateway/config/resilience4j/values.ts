/** What the keys of resilience4j have as values. Texts are read as Spring Boot converts them. */
import { formatDuration } from "@switchgear/core/runtime"
import * as Duration from "effect/Duration"
import { millisOf } from "./durations.ts"
import { uniform } from "./names.ts"

/** One kind of value. */
export interface Kind<out A = unknown> {
  /** What it must be, to follow "Expected". */
  readonly range: string
  /** Undefined for what it must not be. */
  readonly read: (written: unknown) => A | undefined
}

const numberOf = (written: unknown): number =>
  typeof written === "number"
    ? written
    : typeof written === "string" && /^[+-]?\d+(\.\d+)?$/.test(written)
    ? Number(written)
    : NaN

const numbers = (range: string, isIn: (value: number) => boolean): Kind<number> => ({
  range,
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
    (value) => Number.isInteger(value) && value >= least && value <= most
  )

export const anyInteger: Kind<number> = numbers("a whole number", Number.isInteger)

export const percentage: Kind<number> = numbers(
  "a percentage above 0 and at most 100",
  (value) => value > 0 && value <= 100
)

export const factor: Kind<number> = numbers("a number of at least 1", (value) => value >= 1 && value < Infinity)

export const spread: Kind<number> = numbers("a number from 0 to below 1", (value) => value >= 0 && value < 1)

/** In milliseconds. */
const durations = (least: string, isIn: (millis: number) => boolean): Kind<number> => ({
  range: `a duration ${least} and at most 366 days, such as 500ms, 30s or PT10S`,
  read: (written) => {
    const millis = millisOf(written)
    return millis !== undefined && isIn(millis) && millis <= longest ? millis : undefined
  }
})

const longest = 366 * 86_400_000

export const duration: Kind<number> = durations("above zero", (millis) => millis > 0)

export const wait: Kind<number> = durations("of zero or more", (millis) => millis >= 0)

export const flag: Kind<boolean> = {
  range: "true or false",
  read: (written) => {
    const text = String(written).toLowerCase()
    return ["true", "on", "yes", "1"].includes(text)
      ? true
      : ["false", "off", "no", "0"].includes(text)
      ? false
      : undefined
  }
}

/** One of some names, in any spelling. */
export const oneOf = (...names: ReadonlyArray<string>): Kind<string> => ({
  range: `one of ${names.join(", ")}`,
  read: (written) => typeof written === "string" ? names.find((name) => uniform(name) === uniform(written)) : undefined
})

export const text: Kind<string> = {
  range: "a text that is not empty",
  read: (written) => typeof written === "string" && written !== "" ? written : undefined
}

/** A list, or a text with commas. */
export const texts: Kind<ReadonlyArray<string>> = {
  range: "a list of names of classes",
  read: (written) => {
    const list = typeof written === "string" ? written.split(",").map((name) => name.trim()) : written
    return Array.isArray(list) && list.every((name) => typeof name === "string" && name !== "") ? list : undefined
  }
}

export const anything: Kind = { range: "a value", read: (written) => written ?? undefined }

export const shownMillis = (millis: number): string => formatDuration(Duration.millis(millis))
