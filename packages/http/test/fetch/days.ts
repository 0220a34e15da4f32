/** What a provider does on good and on bad days, in the words of OpenAI and of Anthropic. */
import { type Answer, completion, events, json, role, stop, word } from "./served.ts"

const event = (type: string, fields: object = {}) => `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`

const message = (text: string) => ({
  id: "msg_1",
  type: "message",
  role: "assistant",
  model: "claude",
  content: [{ type: "text", text }],
  stop_reason: "end_turn",
  stop_sequence: null,
  usage: { input_tokens: 3, output_tokens: 4 }
})

const begun = event("message_start", { message: { ...message(""), content: [], stop_reason: null } }) +
  event("content_block_start", { index: 0, content_block: { type: "text", text: "" } })
const delta = (text: string) => event("content_block_delta", { index: 0, delta: { type: "text_delta", text } })
const ended = event("content_block_stop", { index: 0 }) +
  event("message_delta", { delta: { stop_reason: "end_turn", stop_sequence: null }, usage: { output_tokens: 4 } }) +
  event("message_stop")

const isAnthropic = (url: string) => url.endsWith("/messages")
const isStream = (body: string) => JSON.parse(body).stream === true

export const good: Answer = (response, heard) =>
  isAnthropic(heard.url)
    ? (isStream(heard.body) ? events([begun, delta("Good"), delta(" day"), ended]) : json(200, message("Good day")))(
      response,
      heard
    )
    : (isStream(heard.body) ? events([role, word("Good"), word(" day"), stop]) : json(200, completion("Good day")))(
      response,
      heard
    )

/** A stream that ends after its first word, as if that were all. */
export const cut: Answer = (response, heard) =>
  events(isAnthropic(heard.url) ? [begun, delta("Good")] : [role, word("Good")])(response, heard)

export const hang: Answer = () => {}

/** A stream that hangs after its first word. */
export const stall: Answer = (response, heard) =>
  events(isAnthropic(heard.url) ? [begun, delta("Good")] : [role, word("Good")], "hang")(response, heard)

const failing =
  (status: number, type: string, message: string, headers: Record<string, string> = {}): Answer => (response, heard) =>
    json(
      status,
      isAnthropic(heard.url)
        ? { type: "error", error: { type, message } }
        : { error: { message, type, param: null, code: null } },
      headers
    )(response, heard)

export const busy = failing(503, "overloaded_error", "busy")

export const limited = failing(429, "rate_limit_error", "slow down", { "retry-after": "30" })
