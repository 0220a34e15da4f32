/**
 * From the text of a successful response to a reply, or to the error it turns out to be. Total: any text gives one or
 * the other.
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as ChatError from "../ChatError.ts"
import * as ChatSchema from "../ChatSchema.ts"
import { parseJson } from "../chatError/errorBody.ts"

export const decodeReply = (
  response: ChatError.FailedResponse
): Result.Result<ChatSchema.ChatReply, ChatError.ChatError> => {
  const where = { provider: response.provider, model: response.model, status: response.status }
  const malformed = (found: string) => Result.fail(new ChatError.MalformedReply({ ...where, found }))
  const text = response.body.trim()
  if (text === "") return malformed("an empty body")
  const parsed = parseJson(text)
  if (Result.isFailure(parsed)) {
    if (text.startsWith("{") && !text.endsWith("}")) return Result.fail(new ChatError.Truncated(where))
    return malformed(
      text.startsWith("<") ? "an HTML page" : text.startsWith("data:") ? "an event stream" : "text that is not JSON"
    )
  }
  const error = ChatError.fromReply(response, parsed.success)
  if (error !== undefined) return Result.fail(error)
  const reply = decode(parsed.success)
  if (Result.isFailure(reply)) return malformed("JSON without a choice and a message")
  return isVoid(reply.success.choices[0])
    ? malformed("an answer that has neither content nor a finish_reason")
    : Result.succeed(reply.success)
}

// What has the shape already is not changed by decoding, which only leaves out fields that it cannot read.
const decode = (json: unknown): Result.Result<ChatSchema.ChatReply, unknown> =>
  isReply(json) ? Result.succeed(json) : decodeLeniently(json)

const isReply = Schema.is(ChatSchema.ChatReply)
const decodeLeniently = Schema.decodeUnknownResult(ChatSchema.ChatReply)

/** A provider that gave up without saying so: it neither said anything nor says that it is done. */
const isVoid = ({ finish_reason, message }: ChatSchema.ChatChoice): boolean =>
  (finish_reason === undefined || finish_reason === null || finish_reason === "") &&
  Object.entries(message).every(([name, value]) =>
    name === "role" || value === undefined || value === null || value === "" ||
    (Array.isArray(value) && value.length === 0)
  )
