/**
 * The content of a message in one form: a text, or a list of parts where one of them is more than text.
 *
 * Providers write the same text as one string, as parts, or as a mixture that changes from chunk to chunk. Texts that
 * follow each other are one text, and so is thinking, so that the form does not depend on where a stream was cut.
 */
import * as Predicate from "effect/Predicate"

type Part = Readonly<Record<string, unknown>>

/** Parts that are nothing but text. */
const textTypes: ReadonlySet<unknown> = new Set([undefined, "text", "output_text"])

/** Parts that hold what the model thought before it answered. */
const thoughtTypes: ReadonlySet<unknown> = new Set(["thinking", "reasoning", "redacted_thinking"])

/** The content in its one form. The value itself where it has it already. */
export const contentOf = (content: unknown): unknown => {
  if (typeof content !== "object" || content === null) return content
  const given = Array.isArray(content) ? content : isPart(content) ? [content] : none
  if (given.length === 0) return content
  const parts = merged([], given)
  return isOneText(parts) ? parts[0].text : parts.length === given.length && Array.isArray(content) ? content : parts
}

/** The content with more added to it. What was there belongs to the reply and may be changed. */
export const continued = (before: unknown, more: unknown): unknown => {
  const next = contentOf(more)
  if (next === undefined || next === null || (Array.isArray(next) && next.length === 0)) return before
  if (before === undefined || before === null || before === "") return Array.isArray(next) ? next.slice() : next
  if (next === "") return before
  if (typeof before === "string" && typeof next === "string") return before + next
  return merged(partsOf(before), partsOf(next))
}

/** Whether a part of a content holds thinking, which is not said to the reader. */
export const isThought = (part: unknown): part is Part =>
  Predicate.isReadonlyObject(part) && thoughtTypes.has(part["type"])

const none: ReadonlyArray<unknown> = []

/** Whether an object stands for a list of one part. */
const isPart = (content: object): boolean => "type" in content ? typeof content.type === "string" : isText(content)

const partsOf = (content: unknown): Array<unknown> =>
  Array.isArray(content) ? content : [typeof content === "string" ? { type: "text", text: content } : content]

/** The parts with more parts behind them, those that continue each other as one. */
const merged = (parts: Array<unknown>, more: ReadonlyArray<unknown>): Array<unknown> => {
  for (const item of more) {
    const part = typeof item === "string" ? { type: "text", text: item } : item
    const last = parts.at(-1)
    if (isText(last) && isText(part)) parts[parts.length - 1] = { type: "text", text: last.text + part.text }
    else if (isOpenThought(last) && isThought(part) && part["type"] === last["type"]) {
      parts[parts.length - 1] = thoughts(last, part)
    } else parts.push(part)
  }
  return parts
}

const isText = (part: unknown): part is { readonly type?: unknown; readonly text: string } => {
  if (!Predicate.isReadonlyObject(part) || typeof part["text"] !== "string" || !textTypes.has(part["type"])) {
    return false
  }
  for (const field in part) if (field !== "text" && field !== "type") return false
  return true
}

const isOneText = (parts: ReadonlyArray<unknown>): parts is readonly [{ readonly text: string }] =>
  parts.length === 1 && isText(parts[0])

/** A thought that has its signature, or says so, is over. */
const isOpenThought = (part: unknown): part is Part =>
  isThought(part) && part["closed"] !== true && !(typeof part["signature"] === "string" && part["signature"] !== "")

const thoughts = (before: Part, more: Part): Part => {
  const fields: Record<string, unknown> = { ...before }
  for (const [field, value] of Object.entries(more)) {
    if (value === undefined || value === null) continue
    const known = fields[field]
    fields[field] = field === "type"
      ? value
      : typeof known === "string" && typeof value === "string"
      ? known + value
      : Array.isArray(known) && Array.isArray(value)
      ? merged([...known], value)
      : value
  }
  return fields
}

/** The items with more items behind them, thoughts that continue each other as one. */
export const continuedThoughts = (before: Array<unknown>, more: ReadonlyArray<unknown>): Array<unknown> =>
  merged(before, more)
