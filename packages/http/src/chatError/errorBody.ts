/**
 * What a provider says about a failure, read from whatever it sent: the error objects of OpenAI, Anthropic, Gemini
 * (also in an array), OpenRouter, FastAPI, Portkey and Ollama, an HTML page, plain text, or nothing.
 */
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"

export interface ProviderSays {
  readonly text?: string | undefined
  /** The provider's `code` where it is a word. */
  readonly code?: string | undefined
  readonly type?: string | undefined
  /** The provider's `code` where it is an HTTP status, as OpenRouter, Gemini and vLLM write it. */
  readonly httpCode?: number | undefined
  /** The gRPC status of Gemini, such as `RESOURCE_EXHAUSTED`. */
  readonly grpcStatus?: string | undefined
  /** The `reason`s and quota ids in Gemini's details. */
  readonly reasons: ReadonlyArray<string>
  readonly retryDelay?: string | undefined
}

const nothing: ProviderSays = { reasons: [] }

/**
 * Reads the body of a response that is already known to be a failure. Total: any text gives an answer.
 */
export const read = (body: string): ProviderSays => bounded(readAll(body))

const readAll = (body: string): ProviderSays => {
  const text = body.trim()
  if (text === "") return nothing
  const json = Result.getOrUndefined(parseJson(text))
  if (json !== undefined) return fromJson(json) ?? nothing
  if (/^<(!doctype|html|\?xml|head|body)/i.test(text)) {
    return { text: text.match(/<title[^<>]*>([^<]+)/i)?.[1]?.trim(), reasons: [] }
  }
  return { text, reasons: [] }
}

/**
 * The error inside a reply that claims to be a success, if there is one: at the top, in an array, or in a choice.
 */
export const within = (json: unknown): ProviderSays | undefined => {
  const top = Array.isArray(json) ? json[0] : json
  if (!Predicate.isReadonlyObject(top)) return undefined
  if (isError(top["error"])) return bounded(fromError(top["error"]))
  const choice = Array.isArray(top["choices"]) ? top["choices"][0] : undefined
  return Predicate.isReadonlyObject(choice) && isError(choice["error"])
    ? bounded(fromError(choice["error"]))
    : undefined
}

/** No error message is longer, and classification must not have to read more. */
const bounded = (says: ProviderSays): ProviderSays => ({ ...says, text: says.text?.slice(0, 4096) })

/**
 * `JSON.parse` as a value. Leading blank lines, which DeepSeek sends while it queues, are whitespace to JSON.
 */
export const parseJson = (text: string): Result.Result<unknown, unknown> =>
  Result.try({ try: (): unknown => JSON.parse(text), catch: (cause) => cause })

const isError = (u: unknown): boolean => (typeof u === "string" && u !== "") || Predicate.isReadonlyObject(u)

const fromJson = (json: unknown): ProviderSays | undefined => {
  const top = Array.isArray(json) ? json[0] : json
  if (typeof top === "string") return { text: top, reasons: [] }
  if (!Predicate.isReadonlyObject(top)) return undefined
  if (isError(top["error"])) return fromError(top["error"])
  if (top["detail"] !== undefined) return { text: fromDetail(top["detail"]), reasons: [] }
  const first = Array.isArray(top["errors"]) ? top["errors"][0] : undefined
  return fromError(Predicate.isReadonlyObject(first) ? first : top)
}

const fromError = (error: unknown): ProviderSays => {
  if (!Predicate.isReadonlyObject(error)) return { text: typeof error === "string" ? error : undefined, reasons: [] }
  const code = error["code"]
  const details = Array.isArray(error["details"]) ? error["details"].filter(Predicate.isReadonlyObject) : []
  const inner = Predicate.isReadonlyObject(error["innererror"]) ? word(error["innererror"]["code"]) : undefined
  return {
    text: word(error["message"]) ?? word(error["msg"]),
    code: typeof code === "string" && !/^\d+$/.test(code) && code !== "" ? code : undefined,
    type: word(error["type"]),
    httpCode: httpCode(code) ?? httpCode(error["status"]),
    grpcStatus: word(error["status"]),
    reasons: [
      ...(inner === undefined ? [] : [inner]),
      ...details.flatMap((detail) => [
        ...(word(detail["reason"]) === undefined ? [] : [word(detail["reason"])!]),
        ...(Array.isArray(detail["violations"]) ? detail["violations"].filter(Predicate.isReadonlyObject) : [])
          .flatMap((violation) => word(violation["quotaId"]) ?? [])
      ])
    ],
    retryDelay: details.map((detail) => word(detail["retryDelay"])).find((delay) => delay !== undefined)
  }
}

/** FastAPI repeats the rejected input in each item; only what is wrong and where is read. */
const fromDetail = (detail: unknown): string | undefined =>
  typeof detail === "string"
    ? detail
    : Predicate.isReadonlyObject(detail)
    ? word(detail["message"]) ?? word(detail["msg"])
    : Array.isArray(detail)
    ? detail.filter(Predicate.isReadonlyObject).slice(0, 5).map((item) =>
      [word(item["msg"]), Array.isArray(item["loc"]) ? `at ${item["loc"].filter(isScalar).join(".")}` : undefined]
        .filter((part) => part !== undefined).join(" ")
    ).join("; ")
    : undefined

const isScalar = (u: unknown): u is string | number => typeof u === "string" || typeof u === "number"

const word = (u: unknown): string | undefined => typeof u === "string" && u !== "" ? u : undefined

const httpCode = (u: unknown): number | undefined => {
  const code = typeof u === "number" || (typeof u === "string" && /^\d{3}$/.test(u)) ? Number(u) : Number.NaN
  return Number.isInteger(code) && code >= 400 && code <= 599 ? code : undefined
}
