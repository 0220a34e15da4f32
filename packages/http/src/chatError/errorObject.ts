/**
 * The error objects of OpenAI, Anthropic, Gemini (also in an array), OpenRouter, xAI, Bedrock, MiniMax, Baidu, FastAPI,
 * Portkey and Ollama. An error that a gateway wraps in its own is read, too: what is inside tells more.
 */
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as InBand from "./inBand.ts"
import { parseJson } from "./parseJson.ts"
import type { Wait } from "./retryAfter.ts"
import { waitsOf } from "./waitFields.ts"

export interface ProviderSays {
  readonly text?: string | undefined
  /** The provider's `code` where it is a word, or a number that is no HTTP status. */
  readonly code?: string | undefined
  readonly type?: string | undefined
  /** The provider's `code` where it is an HTTP status, as OpenRouter, Gemini and vLLM write it. */
  readonly httpCode?: number | undefined
  /** The gRPC status of Gemini, such as `RESOURCE_EXHAUSTED`. */
  readonly grpcStatus?: string | undefined
  /** The `reason`s, quota ids and inner codes in the details; `html` for a page, `validation` for a list of faults. */
  readonly reasons: ReadonlyArray<string>
  /** How long to wait, as the fields of the body tell it. */
  readonly waits: ReadonlyArray<Wait>
  /** Headers of the provider behind a gateway, by their names in small letters. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** Whether the details name the model whose quota it is. */
  readonly isOfModel?: boolean | undefined
}

export const nothing: ProviderSays = { reasons: [], waits: [] }

export const isError = (u: unknown): boolean =>
  (typeof u === "string" || Predicate.isReadonlyObject(u)) && InBand.isError(u)

/** What JSON says that is known to tell of a failure. */
export const fromJson = (json: unknown, depth: number): ProviderSays | undefined => {
  const top = Array.isArray(json) ? json[0] : json
  if (typeof top === "string") return { ...nothing, text: top }
  if (!Predicate.isReadonlyObject(top)) return undefined
  if (isError(top["error"])) return fromTop(top, depth)
  const elsewhere = InBand.elsewhere(top)
  if (elsewhere !== undefined) return fromTop(elsewhere, depth)
  const base = fromBase(top["base_resp"])
  if (base !== undefined) return base
  if (top["detail"] !== undefined) return fromDetail(top, depth)
  const first = Array.isArray(top["errors"]) ? top["errors"][0] : undefined
  return fromObject(Predicate.isReadonlyObject(first) ? first : top, depth)
}

/** xAI writes the code beside the error, and the error as a text. */
const fromTop = (top: Readonly<Record<string, unknown>>, depth: number): ProviderSays =>
  typeof top["error"] === "string"
    ? fromObject({ ...top, message: top["error"] }, depth)
    : besides(top, fromObject(top["error"], depth))

/** What stands beside an error tells when it is over, if the error itself does not. */
const besides = (top: Readonly<Record<string, unknown>>, says: ProviderSays): ProviderSays =>
  says.waits.length > 0 ? says : { ...says, waits: waitsOf(top) }

/** MiniMax: a code of zero is a success. */
const fromBase = (base: unknown): ProviderSays | undefined =>
  Predicate.isReadonlyObject(base) && typeof base["status_code"] === "number" && base["status_code"] !== 0
    ? { ...nothing, text: word(base["status_msg"]), code: codeOf(base["status_code"]) }
    : undefined

const fromObject = (error: unknown, depth: number): ProviderSays => {
  if (!Predicate.isReadonlyObject(error)) return { ...nothing, text: typeof error === "string" ? error : undefined }
  const code = error["code"] ?? error["error_code"]
  const metadata = Predicate.isReadonlyObject(error["metadata"]) ? error["metadata"] : undefined
  const details = Array.isArray(error["details"]) ? error["details"].filter(Predicate.isReadonlyObject) : []
  const inner = error["innererror"] ?? error["inner_error"]
  const text = firstWord(error, texts)
  const grpcStatus = word(error["status"])
  const says: ProviderSays = {
    text,
    code: codeOf(code),
    type: word(error["type"]) ?? word(error["error_type"]) ?? word(error["__type"])?.replace(/^.*#/, ""),
    httpCode: httpCode(code) ?? httpCode(error["status"]) ?? httpCode(error["http_code"]) ??
      httpCode(error["status_code"]),
    grpcStatus: grpcStatus !== undefined && /^[A-Z_]{2,40}$/.test(grpcStatus) ? grpcStatus : undefined,
    reasons: [
      ...wordsOf(error["reason"]),
      ...(Predicate.isReadonlyObject(inner) ? wordsOf(inner["code"]) : []),
      ...(metadata?.["flagged_input"] === undefined ? [] : ["flagged_input"]),
      ...details.flatMap((detail) => [...wordsOf(detail["reason"]), ...violationsOf(detail).flatMap(quotaIdOf)])
    ],
    waits: [...waitsOf(error), ...details.flatMap(waitsOf)],
    headers: headersOf(metadata?.["headers"]),
    isOfModel: details.some((detail) =>
      hasModel(detail["metadata"]) || violationsOf(detail).some((violation) => hasModel(violation["quotaDimensions"]))
    )
  }
  const inside = wrapped(text, depth) ?? wrapped(metadata?.["raw"], depth)
  const raw = inside === undefined ? word(metadata?.["raw"]) : undefined
  return raw === undefined ? withInner(says, inside) : { ...says, text: text === undefined ? raw : `${text}: ${raw}` }
}

const texts = ["message", "Message", "msg", "error_msg", "error_message", "errmsg", "error_description", "title"]

const violationsOf = (detail: Readonly<Record<string, unknown>>): ReadonlyArray<Readonly<Record<string, unknown>>> =>
  Array.isArray(detail["violations"]) ? detail["violations"].filter(Predicate.isReadonlyObject) : []

const quotaIdOf = (violation: Readonly<Record<string, unknown>>): ReadonlyArray<string> => wordsOf(violation["quotaId"])

const hasModel = (u: unknown): boolean => Predicate.isReadonlyObject(u) && word(u["model"]) !== undefined

/** A gateway may wrap errors of gateways; nobody wraps deeper. */
const deepest = 3

/** The error of another provider, as its text in a gateway's error. */
const wrapped = (text: unknown, depth: number): ProviderSays | undefined => {
  if (typeof text !== "string" || depth >= deepest) return undefined
  const start = text.slice(0, longestInner).trimStart()
  if (!/^[{[]/.test(start)) return undefined
  const json = Result.getOrUndefined(parseJson(start.trimEnd()))
  return json === undefined ? undefined : fromJson(json, depth + 1)
}

const longestInner = 65_536

/** What is inside tells more than what is around it. */
const withInner = (outer: ProviderSays, inner: ProviderSays | undefined): ProviderSays =>
  inner === undefined ? outer : {
    text: inner.text ?? outer.text,
    code: inner.code ?? outer.code,
    type: inner.type ?? outer.type,
    httpCode: outer.httpCode ?? inner.httpCode,
    grpcStatus: inner.grpcStatus ?? outer.grpcStatus,
    reasons: [...inner.reasons, ...outer.reasons],
    waits: [...outer.waits, ...inner.waits],
    headers: outer.headers ?? inner.headers,
    isOfModel: outer.isOfModel === true || inner.isOfModel === true
  }

/** FastAPI repeats the rejected input in each item; only what is wrong and where is read. */
const fromDetail = (top: Readonly<Record<string, unknown>>, depth: number): ProviderSays => {
  const { detail } = top
  if (Array.isArray(detail)) {
    const items = detail.filter(Predicate.isReadonlyObject).slice(0, 5)
    const text = items.map((item) =>
      [word(item["msg"]), Array.isArray(item["loc"]) ? `at ${item["loc"].filter(isScalar).join(".")}` : undefined]
        .filter((part) => part !== undefined).join(" ")
    ).join("; ")
    return { ...nothing, text, reasons: items.length > 0 ? ["validation"] : [] }
  }
  return fromObject(Predicate.isReadonlyObject(detail) ? detail : { ...top, message: detail }, depth)
}

const headersOf = (u: unknown): ProviderSays["headers"] =>
  Predicate.isReadonlyObject(u)
    ? Object.fromEntries(
      Object.entries(u).slice(0, 100).flatMap(([name, value]) =>
        isScalar(value) ? [[name.toLowerCase(), String(value)]] : []
      )
    )
    : undefined

const isScalar = (u: unknown): u is string | number => typeof u === "string" || typeof u === "number"

const word = (u: unknown): string | undefined => typeof u === "string" && u !== "" ? u : undefined

const wordsOf = (u: unknown): ReadonlyArray<string> => word(u) === undefined ? [] : [word(u)!]

const firstWord = (object: Readonly<Record<string, unknown>>, fields: ReadonlyArray<string>): string | undefined => {
  for (const field of fields) {
    const found = word(object[field])
    if (found !== undefined) return found
  }
  return undefined
}

/** Numbers from 1000 are codes of a provider's own; smaller ones mean an HTTP status, or nothing to others. */
const codeOf = (u: unknown): string | undefined =>
  typeof u === "number"
    ? Number.isInteger(u) && u >= 1000 ? String(u) : undefined
    : typeof u === "string" && u !== "" && !/^\d{1,3}$/.test(u)
    ? u
    : undefined

const httpCode = (u: unknown): number | undefined => {
  const code = typeof u === "number" || (typeof u === "string" && /^\d{3}$/.test(u)) ? Number(u) : Number.NaN
  return Number.isInteger(code) && code >= 400 && code <= 599 ? code : undefined
}
