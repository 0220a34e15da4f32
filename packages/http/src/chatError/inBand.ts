/**
 * Finds the error in JSON that claims to be an answer, or that may be one. Where it stands is a table: a provider that
 * writes it elsewhere is a line.
 */
import * as Predicate from "effect/Predicate"

type Fields = Readonly<Record<string, unknown>>

/** The object that tells an error, as the body of a failed response would; `undefined` where there is no error. */
export const errorIn = (json: unknown): Fields | undefined => {
  const top = Array.isArray(json) ? json.find((item) => Predicate.isReadonlyObject(item)) : json
  if (!Predicate.isReadonlyObject(top) || isUsual(top)) return undefined
  const { choices } = top
  const isAnswer = Array.isArray(choices) && choices.length > 0
  return first(top, besideChoices) ?? (isAnswer ? errorOfChoice(choices) : first(top, withoutChoices))
}

/** Whether what stands in the place of an error is one. What is empty says that there is none. */
export const isError = (u: unknown): boolean =>
  typeof u === "string"
    ? u.trim() !== ""
    : typeof u === "number"
    ? u !== 0
    : u === true || (typeof u === "object" && u !== null && Object.values(u).some(isFilled))

type Place = (top: Fields) => Fields | undefined

const first = (top: Fields, places: ReadonlyArray<Place>): Fields | undefined => {
  for (const place of places) {
    const error = place(top)
    if (error !== undefined) return error
  }
  return undefined
}

/** Nearly every chunk of an answer: one choice, and no field in which an error could be. */
const isUsual = ({ base_resp: base, choices, error, x_groq: groq }: Fields): boolean =>
  error === undefined && groq === undefined && base === undefined && Array.isArray(choices) && choices.length === 1 &&
  Predicate.isReadonlyObject(choices[0]) && choices[0]["error"] === undefined

/** Places of errors in anything. */
const besideChoices: ReadonlyArray<Place> = [
  // OpenAI, Anthropic, Gemini, OpenRouter, Ollama
  (top) => holder(top),
  // Groq
  ({ x_groq: groq }) => Predicate.isReadonlyObject(groq) ? holder(groq) : undefined,
  // MiniMax
  ({ base_resp: base }) =>
    Predicate.isReadonlyObject(base) && isCode(base["status_code"])
      ? { error: { message: base["status_msg"], code: base["status_code"] } }
      : undefined
]

/** OpenRouter, of any of the choices. */
const errorOfChoice = (choices: ReadonlyArray<unknown>): Fields | undefined => {
  for (const choice of choices) {
    const error = Predicate.isReadonlyObject(choice) ? holder(choice) : undefined
    if (error !== undefined) return error
  }
  return undefined
}

/** Places of errors in what has no choice. */
const withoutChoices: ReadonlyArray<Place> = [
  // vLLM, LM Studio
  (top) => isWord(top["object"], "error") || isWord(top["type"], "error") ? top : undefined,
  // Portkey and other gateways
  (top) => isWord(top["status"], "error", "failure", "failed") ? top : undefined,
  // Cloudflare
  (top) => Array.isArray(top["errors"]) && top["errors"].some(Predicate.isReadonlyObject) ? top : undefined,
  // FastAPI
  (top) => isError(top["detail"]) && top["object"] === undefined ? top : undefined,
  // DashScope, GLM
  (top) =>
    (isFailed(top["code"]) || top["success"] === false) && (isText(top["message"]) || isText(top["msg"]))
      ? top
      : undefined,
  // Baidu
  (top) =>
    isCode(top["error_code"]) && isText(top["error_msg"])
      ? { error: { message: top["error_msg"], code: top["error_code"] } }
      : undefined
]

/** An object with an error in it. `true` says that it is told beside it. */
const holder = (fields: Fields): Fields | undefined => {
  const { error } = fields
  if (!isError(error)) return undefined
  return error === true
    ? { ...fields, error: undefined }
    : typeof error === "number"
    ? { error: { ...fields, code: error } }
    : fields
}

/** Of an object that tells an error one value at least is more than nothing. */
const isFilled = (u: unknown): boolean =>
  typeof u === "object" && u !== null
    ? Object.keys(u).length > 0
    : u !== undefined && u !== null && u !== "" && u !== 0 && u !== false

const isText = (u: unknown): boolean => typeof u === "string" && u.trim() !== ""

const isWord = (u: unknown, ...words: ReadonlyArray<string>): boolean =>
  typeof u === "string" && words.includes(u.toLowerCase())

const isCode = (code: unknown): boolean => typeof code === "number" && code !== 0

/** Whether a code is one of a failure: a word for one, or a status. */
const isFailed = (code: unknown): boolean =>
  typeof code === "number" || (typeof code === "string" && /^\d*$/.test(code))
    ? Number(code) >= 400 && Number(code) <= 599
    : typeof code === "string" && !/^(ok|success)$/i.test(code)
