/** From a failed response to its error: the dialects give the class, the hints the wait, and redaction the words. */
import { withoutStack } from "@switchgear/core/runtime"
import * as Duration from "effect/Duration"
import * as Decide from "../dialects/decide.ts"
import type { Class, Dialect } from "../dialects/model.ts"
import * as ErrorBody from "./errorBody.ts"
import * as Errors from "./errors.ts"
import { Prompt } from "./prompt.ts"
import * as Redact from "./redact.ts"
import { ownError } from "./ownCodes.ts"
import { parseJson } from "./parseJson.ts"
import { requestIdOf } from "./requestId.ts"
import * as RetryAfter from "./retryAfter.ts"
import { fromSentence, type Told } from "./waitSentence.ts"

/**
 * A failed response, as it came.
 *
 * @category models
 * @since 0.1.0
 */
export interface FailedResponse {
  readonly provider: string
  readonly model: string
  readonly status: number
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly body: string
  /**
   * The time now in milliseconds since 1970, from which a `retry-after` date is counted. Dates are ignored without it.
   */
  readonly now?: number | undefined
  /** What must not be seen in the error: the key and the texts that were sent. */
  readonly secrets?: Redact.Secrets | undefined
  /** The dialects by which the class is decided. @default Dialects.known */
  readonly dialects?: Decide.Dialects | undefined
}

/**
 * The error that a failed response means. Total: every status and every body gives an error, and none throws.
 *
 * ```ts
 * import * as ChatError from "@switchgear/http/ChatError"
 *
 * const error = ChatError.fromResponse({
 *   provider: "openai",
 *   model: "gpt-4.1",
 *   status: 429,
 *   headers: { "retry-after": "20" },
 *   body: JSON.stringify({ error: { message: "You exceeded your quota", type: "insufficient_quota", code: "insufficient_quota" } })
 * })
 *
 * error._tag // => "QuotaExhausted"
 * error.isRetryable // => false
 * ChatError.movesOn(error) // => "yes"
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromResponse = (response: FailedResponse): Errors.ChatError =>
  fromSays(response, ErrorBody.read(response.body))

/**
 * The error inside the JSON of a reply that claims to be a success, or `undefined` when there is none.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromReply = (response: FailedResponse, json: unknown): Errors.ChatError | undefined => {
  const says = ErrorBody.within(json)
  return says === undefined ? undefined : fromSays(response, says)
}

/**
 * The row of the dialects that decides on a failed response, or on the error inside a reply that claims to be a success.
 * `undefined` where none knows it: to see why an error has its class, and to test rows of one's own.
 *
 * @category conversions
 * @since 0.1.0
 */
export const dialectOf = (
  { body, dialects = Decide.known, status }: Pick<FailedResponse, "status" | "body" | "dialects">
): Dialect | undefined => Decide.decide(dialects, status, readAt(status, body)).row

const readAt = (status: number, body: string): ErrorBody.ProviderSays => {
  const json = status >= 200 && status <= 299 ? parseJson(body) : undefined
  return (json?._tag === "Success" ? ErrorBody.within(json.success) : undefined) ?? ErrorBody.read(body)
}

const fromSays = (response: FailedResponse, given: ErrorBody.ProviderSays): Errors.ChatError => {
  const { apiKey, prompt } = response.secrets ?? Redact.none
  // One for all that is searched here. A list belongs to the caller, who may change it.
  const secrets = {
    apiKey,
    prompt: prompt === "unknown" || prompt instanceof Prompt ? prompt : new Prompt([...prompt]).end()
  }
  const headers = readerOf(response.headers, given.headers)
  const { header } = headers
  const says = { ...given, type: given.type ?? amazonType(header("x-amzn-errortype")) }
  // Before the decision, which may read the prompt: it is then read for these texts, too.
  const written = Redact.prepare({
    requestId: requestIdOf(response.headers),
    code: { text: says.code ?? says.grpcStatus, limit: 100 },
    type: { text: says.type, limit: 100 },
    detail: { text: says.text, limit: 300 }
  }, secrets)
  const { class: decided, row, status } = decide(response, says, secrets)
  const now = response.now ?? Number.NaN
  const retryAfter = RetryAfter.parse({
    ...headers,
    waits: says.waits,
    text: says.text,
    isQuoted: (text, told) => quotesWait(text, told, now, secrets),
    limit: says.type,
    isLimit: decided === "ProviderRateLimited" || decided === "QuotaExhausted",
    now
  })
  const isLong = retryAfter !== undefined && Duration.toMillis(retryAfter) >= hour
  const tag = isLong ? row?.longWait ?? decided : decided
  const fields = {
    provider: response.provider,
    model: response.model,
    status,
    retryAfter
  }
  const forbidsRetry = header("x-should-retry")?.trim().toLowerCase() === "false"
  const own = ownError(says.code, fields, forbidsRetry)
  if (own !== undefined) return Redact.addFields(own, written.filter(([field]) => field !== "code"))
  if (status >= 300 && status <= 399) {
    const error = new Errors.MalformedReply({ ...fields, found: "a redirect", isRetryable: false })
    return Redact.addFields(error, written)
  }
  // OpenRouter's 402 for a budget in flight names the moment at which it is free again.
  const saysWhen = tag === "QuotaExhausted" && status === 402 && header("retry-after") !== undefined &&
    retryAfter !== undefined
  const isRetryable = forbidsRetry || row?.retries === "no" || (row === undefined && status >= 400 && status <= 499)
    ? { isRetryable: false }
    : row?.retries === "yes" || saysWhen
    ? { isRetryable: true }
    : hasGivenUp(status)
    ? { isRetryable: false }
    : {}
  const error = withoutStack(() => made(tag, { ...fields, ...isRetryable }, row?.scope ?? scopeOf(says, tag)))
  return Redact.addFields(error, written)
}

interface Searched {
  readonly prompt: Prompt | "unknown"
}

/**
 * Decides by the dialects. What parks a key must be the provider's word and not a quotation: a user who writes "my API
 * key expired" could otherwise park the keys of all users of a provider that quotes what it refuses.
 */
const decide = (response: FailedResponse, says: ErrorBody.ProviderSays, { prompt }: Searched): Decide.Decision => {
  const at = (heard: ErrorBody.ProviderSays) => Decide.decide(response.dialects ?? Decide.known, response.status, heard)
  const decision = at(says)
  if (!parks(decision) || prompt === "unknown") return decision
  // Where the status alone says it, no word can be the reason.
  if (parks(at(wordless))) return decision
  const heard = Decide.isByWording(decision.row) ? says : withoutQuotedCodes(says, prompt)
  const byCodes = heard === says ? decision : at(heard)
  const own = parks(byCodes) && Decide.isByWording(byCodes.row)
    ? at({ ...heard, text: ownText(heard.text, byCodes.row, prompt) })
    : byCodes
  // A conversation may have the words that the provider also says of itself. It then moves on, and no key is parked.
  return own.row === decision.row || !stops.has(own.class)
    ? own
    : { class: "ProviderFault", status: decision.status, row: undefined }
}

const wordless: ErrorBody.ProviderSays = { reasons: [], waits: [] }

const parks = ({ class: decided }: Decide.Decision): boolean =>
  decided === "QuotaExhausted" || decided === "Unauthorized"

/** The sentence without what it quotes. */
const ownText = (text: string | undefined, row: Dialect | undefined, prompt: Prompt): string | undefined =>
  // Words that say nothing of a conversation are no quotation, unless they are all that was said.
  text === undefined || prompt.hasShort(Decide.wordingOf(row))
    ? undefined
    : Redact.redact(text, { apiKey: undefined, prompt }, longestSentence)

/** The same without codes that were also said to the model. */
const withoutQuotedCodes = (says: ErrorBody.ProviderSays, prompt: Prompt): ErrorBody.ProviderSays => {
  const found = new Map<string, boolean>()
  const isQuoted = (code: string | undefined) => {
    if (code === undefined || !saysSomething(code)) return false
    const isSaid = found.get(code) ?? prompt.includes(code)
    found.set(code, isSaid)
    return isSaid
  }
  const quoted = (["code", "type", "grpcStatus"] as const).filter((field) => isQuoted(says[field]))
  const reasons = says.reasons.filter((reason) => !isQuoted(reason))
  return quoted.length === 0 && reasons.length === says.reasons.length
    ? says
    : { ...says, ...Object.fromEntries(quoted.map((field) => [field, undefined])), reasons }
}

/** Numbers and short codes stand in a long conversation by chance, as in an image. */
const saysSomething = (code: string): boolean => code.length >= 8 && /[a-z]{3}/i.test(code)

/**
 * Whether a wait was said to the model, alone or with what stands around it. The prompt is searched for a quotation in
 * other letters only where the wait is so long that it may park a key.
 */
const quotesWait = (sentence: string, { millis, words }: Told, now: number, { prompt }: Searched): boolean => {
  if (prompt === "unknown") return false
  if (prompt.includes(words)) return true
  if (millis < hour) return false
  const own = Redact.redact(sentence, { apiKey: undefined, prompt }, longestSentence)
  return own === undefined || fromSentence(own, now)?.words !== words
}

const longestSentence = 4096

const stops: ReadonlySet<Class> = new Set<Class>(["InvalidRequest", "ContextTooLong", "ContentBlocked", "Forbidden"])

const hour = 3_600_000

/** A gateway waited for the model as long as it waits for anything: the model has worked, and would work again. */
const hasGivenUp = (status: number): boolean => status === 504 || status === 524

/** A quota whose details name a model is that of the model, unless the row knows better. */
const scopeOf = (says: ErrorBody.ProviderSays, tag: Class): "account" | "model" =>
  tag === "QuotaExhausted" && says.isOfModel === true ? "model" : "account"

type Fields = Omit<ConstructorParameters<typeof Errors.ProviderFault>[0], "_tag">

const made = (tag: Class, fields: Fields, scope: "account" | "model"): Errors.ChatError => {
  switch (tag) {
    case "QuotaExhausted":
      return new Errors.QuotaExhausted({ ...fields, scope })
    case "ConnectFailed":
      return new Errors.ConnectFailed({ ...fields, host: fields.provider, advice: proxyAdvice })
    default:
      return new Errors[tag](fields)
  }
}

const proxyAdvice =
  "A proxy on the way asks for a name and a password: give them in the URL of the proxy, in HTTPS_PROXY or HTTP_PROXY."

/** Amazon tells the type in a header: `ThrottlingException:http://internal.amazon.com/...`. */
const amazonType = (value: string | undefined): string | undefined => value?.split(":", 1)[0]

/** Reads headers by their names in small letters: those of the response, then those it tells of another one. */
const readerOf = (headers: FailedResponse["headers"], inner: ErrorBody.ProviderSays["headers"]) => {
  const lower = new Map<string, string | undefined>(Object.entries(inner ?? {}))
  for (const [name, value] of Object.entries(headers)) if (value !== undefined) lower.set(name.toLowerCase(), value)
  return { header: (name: string) => lower.get(name), names: [...lower.keys()] }
}
