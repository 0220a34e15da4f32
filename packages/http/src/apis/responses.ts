/** Responses of OpenAI's API, as they are read. */
import type { ChatReply } from "../ChatSchema.ts"
import type { Api, EventSays, Fields, Said } from "./model.ts"
import { isFields } from "./objectIn.ts"

export const responses: Api = {
  expected: "a response",
  answer: (json) => json["status"] === "failed" ? "failed" : saidBy(json),
  event: (json) => ({ ...eventSays(json), sequence: numberOf(json["sequence_number"]) })
}

const eventSays = ({ delta, item, response, type }: Fields): EventSays => {
  switch (type) {
    case "response.completed":
    case "response.incomplete":
      return isFields(response)
        ? { model: modelOf(response), usage: usageOf(response), is: "good end", closes: true }
        : { is: "good end", closes: true }
    case "response.failed":
    case "error":
      return { is: "error" }
    case "response.output_item.added":
      // A message and a thought begin empty; anything else is the call of a tool.
      return isFields(item) && item["type"] !== "message" && item["type"] !== "reasoning"
        ? { delta: { tool_calls: [item] } }
        : {}
    default:
      return typeof type === "string" && /^response\..+\.delta$/.test(type) ? { delta: { content: delta } } : {}
  }
}

const saidBy = (response: Fields): Said | undefined => {
  const { output, status } = response
  return Array.isArray(output) && (status === "completed" || status === "incomplete")
    ? {
      content: output,
      model: modelOf(response),
      usage: usageOf(response),
      finish: status === "completed" ? "stop" : "length"
    }
    : undefined
}

const modelOf = ({ model }: Fields): string | undefined => typeof model === "string" ? model : undefined

const usageOf = ({ usage }: Fields): ChatReply["usage"] => isFields(usage) ? usage : undefined

const numberOf = (u: unknown): number | undefined => typeof u === "number" ? u : undefined
