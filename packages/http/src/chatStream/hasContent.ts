/** Whether a chunk says something, or only keeps the connection alive. */
import * as Predicate from "effect/Predicate"
import type * as ChatSchema from "../ChatSchema.ts"

export const says = (chunk: ChatSchema.ChatChunk): boolean => {
  for (const { delta, finish_reason } of chunk.choices) {
    if (isSaid(finish_reason)) return true
    if (delta !== undefined && (isSaid(delta.content) || anyOf(delta, 0))) return true
  }
  return false
}

/** Fields that name a thing without being part of what is said. */
const labels = new Set(["role", "index", "type"])

const anyOf = (record: Readonly<Record<string, unknown>>, depth: number): boolean => {
  for (const field in record) if (!labels.has(field) && something(record[field], depth)) return true
  return false
}

const something = (u: unknown, depth: number): boolean =>
  isSaid(u) ||
  // Nothing real is nested deeper, and a stack has an end.
  (depth > 8
    ? typeof u === "object" && u !== null
    : Array.isArray(u)
    ? u.some((item) => something(item, depth + 1))
    : Predicate.isReadonlyObject(u) && anyOf(u, depth + 1))

const isSaid = (u: unknown): boolean => typeof u === "string" && u !== ""
