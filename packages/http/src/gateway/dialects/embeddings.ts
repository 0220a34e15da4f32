/** Embeddings of OpenAI's API. Vectors of two models cannot be compared, so a cascade moves on to the same model only. */
import type { ChatReply } from "../../ChatSchema.ts"
import type { Dialect } from "./model.ts"
import { isFields } from "./objectIn.ts"
import * as OpenAi from "./openAiWords.ts"

export const embeddings: Dialect = {
  name: "embeddings",
  spoken: "embeddings",
  operation: "embeddings",
  path: "/embeddings",
  words: OpenAi.words,
  movesTo: "the same model",
  cost: "billed",
  keyHeader: "authorization",
  headers: undefined,
  expected: "embeddings",
  refuse: ({ input }) =>
    input === undefined
      ? OpenAi.words.missing("input")
      : typeof input === "string" || Array.isArray(input)
      ? undefined
      : OpenAi.words.wrongType("input", "a string or an array"),
  // Nothing is written.
  plain: ({ input, ...others }) => ({
    ...others,
    messages: [{ role: "user", content: input }],
    max_tokens: 0
  }),
  answer: ({ data, model, usage }) =>
    Array.isArray(data) && data.length > 0 && data.every((one) => isFields(one) && isVector(one["embedding"]))
      ? { content: "", model: model as string, usage: usage as ChatReply["usage"], finish: "stop" }
      : undefined,
  event: undefined
}

/** A list of numbers, or its bytes as base64. */
const isVector = (u: unknown): boolean => Array.isArray(u) ? u.length > 0 : typeof u === "string" && u !== ""
