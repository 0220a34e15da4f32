import * as Result from "effect/Result"

/**
 * `JSON.parse` as a value. Leading blank lines, which DeepSeek sends while it queues, are whitespace to JSON.
 */
export const parseJson = (text: string): Result.Result<unknown, unknown> =>
  Result.try({ try: (): unknown => JSON.parse(text), catch: (cause) => cause })
