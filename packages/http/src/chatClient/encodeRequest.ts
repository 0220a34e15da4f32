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

/** A stream has its usage only if the request asks for it, and without the usage its cost is unknown. */
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

/** What was said to the model, and all else that the request says in words: errors must not repeat it. */
export const promptOf = ({ model: _, ...request }: ChatSchema.ChatRequest): ReadonlyArray<string> => {
  const texts = new Set<string>()
  const collect = (value: unknown, depth: number): void => {
    if (typeof value === "string") texts.add(value)
    else if (typeof value === "object" && value !== null && depth < deepest) {
      for (const [field, inner] of Object.entries(value)) if (!labels.has(field)) collect(inner, depth + 1)
    }
  }
  collect(request, 0)
  return [...texts]
}

/** What the protocol names, and not the caller. */
const labels = new Set(["role", "type", "detail", "format", "reasoning_effort", "service_tier", "verbosity"])

/** A request that is sent is no deeper: JSON of the platform has an end, and so has a stack. */
const deepest = 64
