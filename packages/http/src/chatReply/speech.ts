/** What counts as an answer: the fields of a message that say something to its reader. */
import * as Predicate from "effect/Predicate"
import { isThought } from "./content.ts"

/** Reasoning is no answer: whoever asked sees nothing of it. A new kind of answer is a line here. */
const spoken: ReadonlySet<string> = new Set([
  "content",
  "tool_calls",
  "refusal",
  "function_call",
  "audio",
  "images",
  "image",
  "video",
  "files"
])

/** Whether a field of a message or a delta says something. Blank text says nothing. */
export const speaks = (field: string, value: unknown): boolean =>
  spoken.has(field) && (field === "content" ? saysIn(value) : isSomething(value, 0))

const saysIn = (content: unknown): boolean =>
  typeof content === "string"
    ? isReadable(content)
    : Array.isArray(content)
    ? content.some((part) => !isThought(part) && isSomething(part, 0))
    : isSomething(content, 0)

/** Whether a text has a character that can be seen. */
export const isReadable = (text: string): boolean => text !== "" && (isPrinted(text.charCodeAt(0)) || seen.test(text))

/** The characters with which nearly every text begins. */
const isPrinted = (code: number): boolean => code > 32 && code < 127

/** Neither white space, nor a control or format character, nor one of the letters that are drawn as nothing. */
const seen = /[^\s\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}\u2800]/u

/** Fields that name a thing without saying it. */
const labels: ReadonlySet<string> = new Set(["type", "index", "role", "id"])

const isSomething = (u: unknown, depth: number): boolean =>
  typeof u === "string"
    ? isReadable(u)
    : depth > 8
    ? u !== undefined && u !== null
    : Array.isArray(u)
    ? u.some((item) => isSomething(item, depth + 1))
    : Predicate.isReadonlyObject(u) &&
      Object.entries(u).some(([field, value]) => !labels.has(field) && isSomething(value, depth + 1))
