/**
 * Nearly every reply is one choice with a text, written as the protocol has it. Such a reply is what the reader and the
 * accumulator would make of it, so it is only looked at.
 */
import * as Predicate from "effect/Predicate"
import type * as ChatSchema from "../ChatSchema.ts"
import { decodeChunk } from "../chatStream/decodeChunk.ts"
import { isReadable } from "../chatReply/speech.ts"

type Fields = Readonly<Record<string, unknown>>

/** The JSON itself if it is such a reply, and no error stands in it. */
export const plainReply = (json: unknown): ChatSchema.ChatReply | undefined =>
  Predicate.isReadonlyObject(json) && json["object"] === "chat.completion" && json["obfuscation"] === undefined &&
    Predicate.isReadonlyObject(json["usage"]) && areNone(json, errorsBeside) &&
    Array.isArray(json["choices"]) && json["choices"].length === 1 && isPlain(json["choices"][0]) &&
    // `id`, `model`, `created` and the numbers of the usage have their types.
    decodeChunk(json) === json
    ? json as unknown as ChatSchema.ChatReply
    : undefined

const isPlain = (choice: unknown): boolean =>
  Predicate.isReadonlyObject(choice) && choice["index"] === 0 && choice["finish_reason"] === "stop" &&
  areNone(choice, besideMessage) && isSaid(choice["message"])

const isSaid = (message: unknown): boolean =>
  Predicate.isReadonlyObject(message) && isName(message["role"]) && typeof message["content"] === "string" &&
  isReadable(message["content"]) && isTextOrNull(message["refusal"]) && areNone(message, besideText)

const errorsBeside = ["error", "x_groq", "base_resp"]
const besideMessage = ["error", "delta", "text", "usage"]
const besideText = ["error", "tool_calls", "function_call", "reasoning_details", "thinking_blocks"]

const areNone = (fields: Fields, names: ReadonlyArray<string>): boolean => {
  for (const name of names) if (fields[name] !== undefined) return false
  return true
}

const isName = (u: unknown): boolean => typeof u === "string" && u !== ""

const isTextOrNull = (u: unknown): boolean => u === undefined || u === null || typeof u === "string"
