/** Whether a chunk has content, or only keeps the connection alive. */
import * as Predicate from "effect/Predicate"
import type * as ChatSchema from "../ChatSchema.ts"

export const hasContent = (chunk: ChatSchema.ChatChunk): boolean => {
  for (const { delta, finish_reason } of chunk.choices) {
    if (isText(finish_reason)) return true
    if (delta !== undefined && (isText(delta.content) || hasText(delta, 0))) return true
  }
  return false
}

/** Fields that name a thing without being content. */
const labels = new Set(["role", "index", "type"])

const hasText = (record: Readonly<Record<string, unknown>>, depth: number): boolean => {
  for (const field in record) if (!labels.has(field) && textIn(record[field], depth)) return true
  return false
}

const textIn = (u: unknown, depth: number): boolean =>
  isText(u) ||
  // Nothing real is nested deeper, and a stack has an end.
  (depth > 8
    ? typeof u === "object" && u !== null
    : Array.isArray(u)
    ? u.some((item) => textIn(item, depth + 1))
    : Predicate.isReadonlyObject(u) && hasText(u, depth + 1))

const isText = (u: unknown): boolean => typeof u === "string" && u !== ""
