/** The object that a JSON text is; undefined where it is another value, or no JSON. */
import * as Predicate from "effect/Predicate"
import { parseJson } from "../chatStream/parseJson.ts"
import type { Fields } from "./model.ts"

export const objectIn = (text: string): Fields | undefined => {
  const json = parseJson(text)
  return isFields(json) ? json : undefined
}

export const isFields = (u: unknown): u is Fields => Predicate.isReadonlyObject(u) && !Array.isArray(u)
