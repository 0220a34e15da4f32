/** The key of an answer: a digest of everything it can depend on, whatever the order of the fields. */
import { hash } from "node:crypto"
import * as Predicate from "effect/Predicate"
import type * as ChatModel from "../ChatModel.ts"

export const cacheKey = (request: ChatModel.Request): string => {
  // How a reply is delivered does not change what it says.
  const { stream: _, stream_options: __, ...relevant } = request
  return hash("sha256", JSON.stringify(sorted(relevant)), "base64url")
}

/** The same value with the fields of all its objects in order. */
const sorted = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(sorted)
  // What writes itself as JSON has an order of its own.
  if (!Predicate.isReadonlyObject(value) || typeof value["toJSON"] === "function") return value
  return Object.fromEntries(Object.keys(value).sort().map((field) => [field, sorted(value[field])]))
}
