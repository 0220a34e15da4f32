/** Embeddings of OpenAI's API. Vectors of two models cannot be compared, so a cascade moves on to the same model only. */
import type { ChatRequest } from "../../ChatSchema.ts"
import type { Dialect } from "./model.ts"
import { isFields } from "../../apis/objectIn.ts"
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
  answer: ({ data, model, usage }, plain) =>
    Array.isArray(data) && areVectors(data.map((one) => isFields(one) ? one["embedding"] : undefined), countOf(plain))
      ? {
        content: "",
        model: typeof model === "string" ? model : undefined,
        usage: isFields(usage) ? usage : undefined,
        finish: "stop"
      }
      : undefined,
  event: undefined
}

/** How many vectors are asked for, by the request in its plain form; undefined where only its provider knows. */
const countOf = ({ messages }: ChatRequest): number | undefined => {
  const [{ content: input }] = messages as unknown as readonly [{ readonly content: string | ReadonlyArray<unknown> }]
  // A list of numbers is one text in tokens.
  if (typeof input === "string" || typeof input[0] === "number") return 1
  return input.length > 0 ? input.length : undefined
}

/** Clients give each text the vector at its place: one too few, and all after it have that of another text. */
const areVectors = (vectors: ReadonlyArray<unknown>, count: number | undefined): boolean =>
  vectors.length === (count ?? vectors.length) &&
  vectors.length > 0 &&
  vectors.every((one) => isVector(one) && one.length === (vectors[0] as Vector).length)

type Vector = string | ReadonlyArray<number>

/** A list of numbers, or its bytes as base64. */
const isVector = (u: unknown): u is Vector =>
  Array.isArray(u)
    ? u.length > 0 && u.every(Number.isFinite)
    : typeof u === "string" && u.length % 4 === 0 && base64.test(u)

const base64 = /^[A-Za-z0-9+/]+={0,2}$/
