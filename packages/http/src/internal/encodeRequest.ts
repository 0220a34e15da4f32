/**
 * From a request to what is sent: as it was written, but for how the answer is to be delivered.
 */
import * as Result from "effect/Result"
import * as ChatSchema from "../ChatSchema.ts"

export interface Delivery {
  readonly stream?: true
  readonly stream_options?: object
}

export const whole: Delivery = {}

/** The usage comes with a stream only if it is asked for, and without it nobody knows what the stream cost. */
export const streamed = (request: ChatSchema.ChatRequest): Delivery => {
  const options = request?.stream_options
  if (options === null) return { stream: true }
  const given = typeof options === "object" ? options : {}
  return {
    stream: true,
    stream_options: "include_usage" in given && given.include_usage === false
      ? given
      : { ...given, include_usage: true }
  }
}

/** The body of the request, or what is wrong with it. */
export const encode = (request: ChatSchema.ChatRequest, delivery: Delivery): Result.Result<string, string> => {
  if (typeof request?.model !== "string" || request.model === "") return Result.fail("model must be a non-empty text")
  if (!Array.isArray(request.messages)) return Result.fail("messages must be a list")
  const { stream: _stream, stream_options: _streamOptions, ...rest } = request
  return Result.try({
    try: () => JSON.stringify({ ...rest, ...delivery }),
    catch: () => "the request cannot be written as JSON"
  })
}

/** What was said to the model, which errors must not repeat. */
export const promptOf = (request: ChatSchema.ChatRequest): ReadonlyArray<string> =>
  request.messages.map((message) => ChatSchema.textOf(message?.content)).filter((text) => text !== "")
