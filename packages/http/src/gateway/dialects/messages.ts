/** Messages of Anthropic's API. */
import type { ChatReply } from "../../ChatSchema.ts"
import * as Anthropic from "./anthropicWords.ts"
import type { Dialect, EventSays, Fields, Said } from "./model.ts"
import { isFields } from "./objectIn.ts"

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
  name: "messages",
  operation: "chat",
  path: "/messages",
  cost: "billed",
  expected: "a message",
  refuse: (body) => body["max_tokens"] === undefined ? words.missing("max_tokens") : refuse(body),
  plain: (body) => body,
  answer: ({ content, model, stop_reason: reason, usage }) =>
    Array.isArray(content) && typeof reason === "string"
      ? { content, model: textOf(model), usage: usageOf(usage), finish: finishOf(reason) }
      : undefined,
  event: (json) => {
    const { delta, message, type, usage } = json
    switch (type) {
      case "message_start":
        return isFields(message) ? { model: textOf(message["model"]), usage: usageOf(message["usage"]) } : nothing
      case "content_block_delta":
        return isFields(delta) ? { delta: contentOf(delta) } : nothing
      case "message_delta":
        return { usage: usageOf(usage), closes: true }
      case "message_stop":
        return { is: "good end" }
      case "error":
        return { is: "error" }
      default:
        return nothing
    }
  }
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

const nothing: EventSays = {}

/** Text, thought, the input of a tool, a citation; under the names of a chat completion. */
const contentOf = ({ citation, partial_json: json, text, thinking, type }: Fields): Fields | undefined => {
  switch (type) {
    case "text_delta":
      return { content: text }
    case "thinking_delta":
      return { reasoning_content: thinking }
    case "input_json_delta":
      return { tool_calls: [{ function: { arguments: json } }] }
    case "citations_delta":
      return { citations: [citation] }
    default:
      return undefined
  }
}

const finishOf = (reason: string): Said["finish"] =>
  reason === "max_tokens" || reason === "model_context_window_exceeded" || reason === "pause_turn"
    ? "length"
    : reason === "refusal"
    ? "content_filter"
    : "stop"

const textOf = (u: unknown): string | undefined => typeof u === "string" ? u : undefined

const usageOf = (u: unknown): ChatReply["usage"] => isFields(u) ? u : undefined
