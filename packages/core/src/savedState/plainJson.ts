/**
 * A copy of what should be plain JSON. What comes from outside may be anything: with getters that throw, in circles, without
 * an end. The copy has none of that, and costs no more than `most` characters.
 */
import type * as Schema from "effect/Schema"

/** More than any state has levels, and far less than a stack. */
const deepest = 32

/** Why something is no JSON of that size. */
export type NotPlain = "not-json" | "too-large"

class Refused {
  readonly reason: NotPlain
  constructor(reason: NotPlain) {
    this.reason = reason
  }
}

/** The copy, and about how many characters its text has. */
export const plainJson = (
  value: unknown,
  most: number
): { readonly json: Schema.Json; readonly size: number } | NotPlain => {
  let left = most
  const spend = (size: number): void => {
    left -= size
    if (left < 0) throw new Refused("too-large")
  }
  const copy = (value: unknown, depth: number): Schema.Json => {
    if (depth > deepest) throw new Refused("not-json")
    if (value === null || typeof value === "boolean") {
      spend(5)
      return value
    }
    if (typeof value === "string") {
      spend(value.length + 3)
      return value
    }
    if (typeof value === "number" && Number.isFinite(value)) {
      spend(String(value).length + 1)
      return value
    }
    if (Array.isArray(value)) {
      spend(value.length + 2)
      return Array.from({ length: value.length }, (_, i) => copy(value[i], depth + 1))
    }
    if (typeof value !== "object" || !isRecord(value)) throw new Refused("not-json")
    spend(2)
    const fields: Array<readonly [string, Schema.Json]> = []
    for (const key of Object.keys(value)) {
      const field = value[key]
      // The text of JSON has no such field.
      if (field === undefined) continue
      spend(key.length + 4)
      fields.push([key, copy(field, depth + 1)])
    }
    return Object.fromEntries(fields)
  }
  try {
    return { json: copy(value, 0), size: most - left }
  } catch (refused) {
    return refused instanceof Refused ? refused.reason : "not-json"
  }
}

const isRecord = (value: object): value is Readonly<Record<string, unknown>> => {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || prototype === Object.prototype
}
