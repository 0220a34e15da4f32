/** The key of an answer: a digest of everything it can depend on, whatever the order of the fields. */
import { hash } from "node:crypto"
import * as Predicate from "effect/Predicate"
import type * as ChatModel from "../ChatModel.ts"

/** How a reply is delivered does not change what it says. */
const ignored = new Set(["stream", "stream_options"])

export const cacheKey = (request: ChatModel.Request): string => {
  const relevant = Object.entries(request).filter(([field]) => !ignored.has(field))
  return hash("sha256", JSON.stringify(Object.fromEntries(relevant), sorted), "base64url")
}

const sorted = (_: string, value: unknown): unknown =>
  Predicate.isReadonlyObject(value)
    ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
    : value
