import * as Result from "effect/Result"

/**
 * `JSON.parse` as a value. Leading blank lines, which DeepSeek sends while it queues, are whitespace to JSON.
 */
export const parseJson = (text: string): Result.Result<unknown, unknown> => {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (cause) {
    return Result.fail(cause)
  }
  return Result.succeed(json)
}
