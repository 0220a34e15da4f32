/** Messages of Anthropic's API. */
import { messages as read } from "../../apis/messages.ts"
import * as Anthropic from "./anthropicWords.ts"
import type { Dialect } from "./model.ts"

const { words } = Anthropic

const common = {
  spoken: "messages",
  words,
  movesTo: "any model",
  keyHeader: "x-api-key",
  headers: { passed: "anthropic-", otherwise: { "anthropic-version": "2023-06-01" } }
} satisfies Partial<Dialect>

const refuse: Dialect["refuse"] = ({ messages }) =>
  messages === undefined
    ? words.missing("messages")
    : Array.isArray(messages)
    ? undefined
    : words.wrongType("messages", "a valid list")

export const messages: Dialect = {
  ...common,
  ...read,
  name: "messages",
  operation: "chat",
  path: "/messages",
  cost: "billed",
  refuse: (body) => body["max_tokens"] === undefined ? words.missing("max_tokens") : refuse(body),
  plain: (body) => body
}

/** What a request would have for a prompt. Nothing is written, and nothing is billed. */
export const countTokens: Dialect = {
  ...common,
  name: "count_tokens",
  operation: "count_tokens",
  path: "/messages/count_tokens",
  cost: "free",
  expected: "a number of tokens",
  refuse,
  plain: (body) => ({ ...body, max_tokens: 0 }),
  answer: ({ input_tokens: tokens }) =>
    typeof tokens === "number" ? { content: "", model: undefined, usage: free, finish: "stop" } : undefined,
  event: undefined
}

const free = { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 }
