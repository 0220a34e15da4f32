/**
 * How many tokens a call can use at most, told before it is made. The tokenizers of today make at most one token of a
 * byte, so the bytes of a text are a bound without knowing its language or the model; English is about four times less.
 */
import type * as ChatSchema from "../ChatSchema.ts"
import { tokens } from "./usageParts.ts"

/** The tokens of a prompt and of its completion. */
export interface TokenEstimate {
  readonly input: number
  readonly output: number
}

/** The bytes of the request, and for each choice what it may be long, or `assumed` where the request does not say. */
export const requestTokens = (request: Readonly<Record<string, unknown>>, assumed: number): TokenEstimate => {
  const longest = tokens(request["max_completion_tokens"]) ?? tokens(request["max_tokens"]) ?? assumed
  const choices = Math.max(tokens(request["n"]) ?? 1, 1)
  return { input: bytesOf(request), output: tokens(longest * choices)! }
}

/** The bytes of what a reply says. */
export const replyTokens = (reply: ChatSchema.ChatReply): number => bytesOf(reply.choices.map(({ message }) => message))

/** The bytes of a value as JSON. What is no JSON cannot be sent either, so there is nothing to be counted. */
export const bytesOf = (value: unknown): number => {
  try {
    return utf8Length(JSON.stringify(value) ?? "")
  } catch {
    return 0
  }
}

/** The bytes of a text. */
export const utf8Length = (text: string): number => {
  let length = text.length
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit < 0x80) continue
    // Each half of a surrogate pair stands for two of its four bytes.
    length += unit < 0x800 || (unit >= 0xd800 && unit <= 0xdfff) ? 1 : 2
  }
  return length
}
