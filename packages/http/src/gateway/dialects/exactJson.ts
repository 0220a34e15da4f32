/**
 * JSON whose numbers stay as they are written: a double has no place for the last digits of a 64-bit seed or id, and none for
 * `1e400`. A request with such numbers has them here, for its provider and for the key of its answer.
 */

import type { Exact } from "../../chatRequest/sealedRequest.ts"
import { hasMoreValues } from "../server/parts.ts"
import type { Fields } from "./model.ts"

/** What a text says where doubles do not hold all numbers of it; `json` is what was parsed from it. */
export const exactIn = (text: string, json: Fields): Exact | undefined => {
  try {
    return isHeld(json) ? undefined : exactly(text)
  } catch {
    // It is nested more deeply than can be followed: no provider is asked with it.
    return undefined
  }
}

/**
 * Whether a text would have to be read exactly, and has more values than that is done for: each of them takes as long as twenty
 * that are only parsed.
 */
export const isTooMuchToHold = (text: string, json: Fields): boolean => {
  try {
    return text.length > mostValues && hasMoreValues(text, mostValues) && !isHeld(json)
  } catch {
    // As above.
    return false
  }
}

export const mostValues = 250_000

const isHeld = (json: unknown): boolean => {
  if (typeof json === "number") return Number.isInteger(json) ? Number.isSafeInteger(json) : Number.isFinite(json)
  if (typeof json !== "object" || json === null) return true
  if (Array.isArray(json)) {
    for (let i = 0; i < json.length; i++) if (!isHeld(json[i])) return false
    return true
  }
  for (const field in json) if (!isHeld((json as Fields)[field])) return false
  return true
}

const exactly = (text: string): Exact => {
  const numbers: Array<string> = []
  const json = parse(text, (_, value, { source }) => {
    if (typeof value !== "number") return value
    if (!isHeld(value)) numbers.push(source!)
    return rawJSON(source!)
  })
  return { json: json as Fields, numbers }
}

type Reviver = (name: string, value: unknown, context: { readonly source?: string }) => unknown

// TypeScript does not know of these parts of JSON yet, which Node has since version 21.
const { parse, rawJSON } = JSON as unknown as {
  readonly parse: (text: string, reviver: Reviver) => unknown
  readonly rawJSON: (source: string) => unknown
}
