/** Messages of Anthropic's API, as they are read. */
import type { ChatReply } from "../ChatSchema.ts"
import type { Api, EventSays, Fields, Said } from "./model.ts"
import { isFields } from "./objectIn.ts"

export const messages: Api = {
  expected: "a message",
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
