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
  Predicate.isReadonlyObject(choices[0]) && choices[0]["error"] === undefined &&
  !(isSaying(choices[0], "delta") || isSaying(choices[0], "message"))

const isSaying = (choice: Fields, field: string): boolean => {
  const said = choice[field]
  return typeof said === "object" && said !== null && (said as Fields)["error"] !== undefined
}

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
      : undefined,
  (top) => elsewhere(top)
]

/** OpenRouter, of any of the choices; proxies write it into what the choice says. */
const errorOfChoice = (choices: ReadonlyArray<unknown>): Fields | undefined => {
  for (const choice of choices) {
    if (!Predicate.isReadonlyObject(choice)) continue
    for (const fields of [choice, choice["delta"], choice["message"]]) {
      const error = Predicate.isReadonlyObject(fields) ? holder(fields) : undefined
      if (error !== undefined) return error
    }
  }
  return undefined
}

/** Places in which nobody else writes anything. */
const foreign: ReadonlyArray<Place> = [
  // Gemini, of a prompt that it does not answer
  ({ promptFeedback: feedback }) =>
    Predicate.isReadonlyObject(feedback) && isText(feedback["blockReason"])
      ? {
        error: {
          code: 400,
          message: feedback["blockReasonMessage"] ?? "Prompt was blocked",
          reason: feedback["blockReason"]
        }
      }
      : undefined,
  // Tencent, and the Responses API
  ({ Response, response }) => {
    const inside = Response ?? response
    if (!Predicate.isReadonlyObject(inside)) return undefined
    const error = inside["Error"] ?? inside["error"]
    return Predicate.isReadonlyObject(error) && isError(error)
      ? { error: { message: error["Message"] ?? error["message"], code: error["Code"] ?? error["code"] } }
      : undefined
  },
  // Hunyuan
  ({ ErrorMsg: error }) =>
    Predicate.isReadonlyObject(error) && isText(error["Msg"])
      ? { error: { message: error["Msg"], code: error["Code"] } }
      : undefined,
  // Amazon, where the name of an exception is that of a field
  (top) => {
    const name = Object.keys(top).find((field) => /^[a-z]+Exception$/i.test(field))
    const exception = name === undefined ? undefined : top[name]
    return Predicate.isReadonlyObject(exception) ? { error: { ...exception, type: name } } : undefined
  },
  // Apigee
  ({ fault }) =>
    Predicate.isReadonlyObject(fault) && isText(fault["faultstring"]) ? { error: fault["faultstring"] } : undefined
]

/** The error of an object that is written as only one provider writes it. */
export const elsewhere = (top: Fields): Fields | undefined => first(top, foreign)

/** Places of errors in what has no choice. */
const withoutChoices: ReadonlyArray<Place> = [
  // vLLM, LM Studio
  (top) => isWord(top["object"], "error") || isWord(top["type"], "error") ? top : undefined,
  // Portkey and other gateways
  (top) => isWord(top["status"], "error", "failure", "failed") ? top : undefined,
  // Cloudflare
  (top) => Array.isArray(top["errors"]) && top["errors"].some(Predicate.isReadonlyObject) ? top : undefined,
  ({ errors }) => Array.isArray(errors) && isText(errors[0]) ? { error: errors[0] } : undefined,
  // Servers of Java and Node
  (top) => isStatus(top["statusCode"]) || isStatus(top["status_code"]) || isStatus(top["status"]) ? top : undefined,
  (top) =>
    isText(top["errorMessage"]) ? { error: { message: top["errorMessage"], code: top["errorCode"] } } : undefined,
  // Amazon
  (top) => isText(top["__type"]) ? top : undefined,
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
      : undefined,
  (top) =>
    isCode(top["err_code"] ?? top["errcode"]) && isText(top["err_msg"] ?? top["errmsg"])
      ? { error: { message: top["err_msg"] ?? top["errmsg"], code: top["err_code"] ?? top["errcode"] } }
      : undefined,
  // Spark, SiliconFlow: numbers of their own
  (top) => {
    const message = isText(top["message"]) ? top["message"] : top["msg"]
    return isOwnCode(top["code"]) && isText(message) && !/^(ok|succe|成功|请求成功)/i.test(String(message))
      ? top
      : undefined
  }
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

const isStatus = (u: unknown): boolean => typeof u === "number" && u >= 400 && u <= 599

/** Numbers that begin as a success does, such as 20000, are codes of one. */
const isOwnCode = (code: unknown): boolean =>
  typeof code === "number" && Number.isInteger(code) && code >= 1000 && !/^20*$/.test(String(code))

const isCode = (code: unknown): boolean => typeof code === "number" && code !== 0

/** Whether a code is one of a failure: a word for one, or a status. */
const isFailed = (code: unknown): boolean =>
  typeof code === "number" || (typeof code === "string" && /^\d*$/.test(code))
    ? Number(code) >= 400 && Number(code) <= 599
    : typeof code === "string" && !/^(ok|success)$/i.test(code)
